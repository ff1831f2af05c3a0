"""Every key counts once, in order, whichever source tells it first, and whatever one of them loses."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from acd.adapters.asterisk.keys import KeyBuffer


def test_ami_first_then_agi() -> None:
    keys = KeyBuffer()
    keys.heard("5")
    assert keys.returned("5") == "5"
    assert keys.take() == ""


def test_agi_first_then_ami() -> None:
    keys = KeyBuffer()
    assert keys.returned("5") == "5"
    keys.heard("5")
    keys.heard("5")  # pressed again
    assert keys.take() == "5"
    assert keys.take() == ""


def test_a_key_between_two_commands_is_kept() -> None:
    keys = KeyBuffer()
    woken: list[str] = []
    keys.wake = lambda: woken.append("!")
    keys.heard("1")
    keys.heard("2")
    assert (keys.take(), keys.take(), keys.take(), woken) == ("1", "2", "", ["!", "!"])


def test_without_ami_agi_is_enough() -> None:
    keys = KeyBuffer()
    assert [keys.returned(key) for key in "112"] == ["1", "1", "2"]
    assert keys.take() == ""


def test_ami_back_after_it_lost_keys() -> None:
    keys = KeyBuffer()
    for key in "123":
        keys.returned(key)
    keys.heard("3")  # 1 and 2 were never told
    keys.heard("1")
    assert keys.take() == "1"


def test_forgotten_keys_are_gone_and_a_key_may_be_put_back() -> None:
    keys = KeyBuffer()
    keys.heard("1")
    keys.forget()
    keys.heard("2")
    keys.put_back("9")
    assert (keys.take(), keys.take(), keys.take()) == ("9", "2", "")


@given(st.lists(st.tuples(st.sampled_from("0123456789*#"), st.sampled_from(["ami", "agi", "ami_agi", "agi_ami"]))))
def test_any_mixture_gives_each_key_once(pressed: list[tuple[str, str]]) -> None:
    """`ami`: between two commands; `agi`: AMI is late, its word comes after the next keys."""
    keys = KeyBuffer()
    got: list[str] = []
    late: list[str] = []
    for key, how in pressed:
        if how != "agi":
            for one in late:
                keys.heard(one)
            late.clear()
        while ahead := keys.take():  # a command is only started when nothing is ahead
            got.append(ahead)
        match how:
            case "ami":
                keys.heard(key)
            case "agi":
                got.append(keys.returned(key))
                late.append(key)
            case "ami_agi":
                keys.heard(key)
                got.append(keys.returned(key))
            case "agi_ami":
                got.append(keys.returned(key))
                keys.heard(key)
    while ahead := keys.take():
        got.append(ahead)
    assert got == [key for key, _ in pressed]
