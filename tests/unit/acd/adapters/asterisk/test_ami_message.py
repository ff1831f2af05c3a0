"""Cutting and parsing AMI's bytes, and building actions and headers, without a connection."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acd.adapters.asterisk.ami import (
    EVENT_FILTER,
    EVENTS_LEFT_OUT,
    EVENTS_WANTED,
    AmiEvent,
    AmiInvalidValueError,
    AmiUnreachableError,
    caller_id,
    eventfilter_lines,
    variable_headers,
)
from acd.adapters.asterisk.ami.action import encode
from acd.adapters.asterisk.ami.message import AmiReader, parse_message
from tests.fakes.ami_server import message

BANNER = b"Asterisk Call Manager/11.0.0\r\n"

_key = st.text("ABCXYZabcxyz0123-_()", min_size=1, max_size=8).filter(lambda key: key not in ("Event", "ActionID"))
_value = st.text(st.characters(exclude_characters="\r\n", codec="utf-8"), max_size=12)
_messages = st.lists(st.dictionaries(_key, _value, max_size=5), max_size=5)


@given(_messages, st.lists(st.integers(1, 40), min_size=1, max_size=30))
def test_any_cutting_of_the_stream_gives_the_same_messages(wanted: list[dict[str, str]], cuts: list[int]) -> None:
    wire = BANNER + b"".join(message({"Event": "Newstate", **headers}) for headers in wanted)
    reader = AmiReader()
    found: list[AmiEvent] = []
    while wire:
        size = cuts[len(found) % len(cuts)]
        found += reader.feed(wire[:size])
        wire = wire[size:]
    assert [event.headers for event in found] == [{"Event": "Newstate", **headers} for headers in wanted]
    assert reader.version == "11.0.0"


@given(st.binary(max_size=200), st.integers(1, 50))
def test_no_bytes_after_the_banner_break_the_reader(junk: bytes, size: int) -> None:
    reader = AmiReader()
    reader.feed(BANNER)
    for start in range(0, len(junk), size):
        reader.feed(junk[start : start + size])
    assert [event.name for event in reader.feed(b"\r\n\r\nEvent: Hangup\r\n\r\n")][-1] == "Hangup"


def test_a_line_separator_of_unicode_is_not_a_line_end() -> None:
    event = parse_message("Event: Newstate\r\nCallerIDName: a\u2028b\x85c\x0bd\ne")
    assert event is not None
    assert event["CallerIDName"] == "a\u2028b\x85c\x0bd\ne"


def test_an_unspaced_header_among_spaced_ones_keeps_its_key() -> None:
    event = parse_message("Event: Newstate\r\nUrl:sip:a: b\r\nUniqueid: 1.1")
    assert event is not None
    assert event.headers == {"Event": "Newstate", "Url": "sip:a: b", "Uniqueid": "1.1"}


def test_repeated_headers_are_all_kept_and_the_first_one_counts() -> None:
    event = parse_message(
        "Event: Newstate\r\nChanVariable: A=1\r\nUniqueid: 1.1\r\nChanVariable: B==2\r\nUniqueid: 9.9"
    )
    assert event is not None
    assert event["Uniqueid"] == "1.1"
    assert event.get_all("ChanVariable") == ("A=1", "B==2")
    assert event.get_all("Uniqueid") == ("1.1", "9.9")
    assert event.get_all("Event") == ("Newstate",)
    assert event.get_all("Absent") == ()
    assert event.variables() == {"A": "1", "B": "=2"}
    assert list(event) == ["Event", "ChanVariable", "Uniqueid"]


def test_a_reply_is_told_from_an_event_by_its_first_header() -> None:
    outcome = parse_message("Event: OriginateResponse\r\nActionID: 1\r\nResponse: Failure")
    reply = parse_message("Response: Success\r\nActionID: 1\r\nEvent: On")
    assert outcome is not None
    assert reply is not None
    assert (outcome.name, reply.name) == ("OriginateResponse", "")
    assert parse_message("Channel: a\r\nEvent: Hangup") is None


def test_a_repr_holds_no_values() -> None:
    event = AmiEvent("Newchannel", {"Event": "Newchannel", "CallerIDNum": "0123456789"})
    assert repr(event) == "<AmiEvent Newchannel: Event, CallerIDNum>"


def test_events_nobody_wants_are_skipped_but_not_answers() -> None:
    reader = AmiReader(frozenset({"Hangup"}))
    names = [
        event.name
        for event in reader.feed(
            BANNER
            + b"Event: VarSet\r\nVariable: a\r\n\r\nEvent: Hangup\r\n\r\nEvent: VarSet\r\n\r\n"
            + b"Event: CoreShowChannel\r\nActionID: 7\r\n\r\nResponse: Success\r\n\r\n"
        )
    ]
    assert names == ["Hangup", "CoreShowChannel", ""]


def test_malformed_messages_are_counted_and_stray_line_ends_are_not() -> None:
    reader = AmiReader()
    events = reader.feed(BANNER + b"nonsense\r\n\r\n\r\n\r\n\r\nEvent: Hangup\r\n\r\n")
    assert [event.name for event in events] == ["Hangup"]
    assert reader.malformed == 1


@pytest.mark.parametrize(
    "greeting", [b"HTTP/1.1 400 Bad Request\r\n", b"SSH-2.0", b"Asterisk Call Mana\r\n", b"A" * 300]
)
def test_another_service_on_the_port_is_told(greeting: bytes) -> None:
    with pytest.raises(AmiUnreachableError, match="is this the AMI port"):
        AmiReader().feed(greeting)


def test_a_message_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("acd.adapters.asterisk.ami.message.MESSAGE_LIMIT", 1000)
    reader = AmiReader()
    reader.feed(BANNER)
    with pytest.raises(AmiUnreachableError, match="more than 1000"):
        for _ in range(100):
            reader.feed(b"X: aaaaaaaaaaaaaaaa\r\n")


def test_an_action_is_encoded_with_action_first_and_lists_repeated() -> None:
    wire = encode({"Action": "Originate", "Channel": "é", "Variable": ["A=1", "B=2"], "Empty": ""})
    assert wire.decode() == "Action: Originate\r\nChannel: é\r\nVariable: A=1\r\nVariable: B=2\r\nEmpty: \r\n\r\n"


@pytest.mark.parametrize(("value", "is_taken"), [("a" * 1020, True), ("a" * 1021, False), ("é" * 511, False)])
def test_lines_longer_than_asterisk_reads_are_refused(value: str, is_taken: bool) -> None:
    if is_taken:
        assert len(encode({"X": value})) == 1023 + 4
    else:
        with pytest.raises(AmiInvalidValueError, match="header X: 102"):
            encode({"X": value})


def test_an_error_names_the_header_and_not_its_value() -> None:
    with pytest.raises(AmiInvalidValueError, match=r"^header CallerID: holds a line end or NUL$"):
        encode({"CallerID": "0123456789\r\nX: y"})


def test_a_variable_cannot_set_another_one() -> None:
    assert variable_headers({"NAME": 'x,STAGE=done"()[]\\', "_N": ""}) == [
        'NAME=x\\,STAGE=done\\"\\(\\)\\[\\]\\\\',
        "_N=",
    ]


@pytest.mark.parametrize("name", ["SHELL(id)", "A=B", "", "A,B", "___A", "9", "A\n", "CALLERID(name)"])
def test_only_plain_variables_are_set(name: str) -> None:
    with pytest.raises(AmiInvalidValueError, match="not a plain variable name"):
        variable_headers({name: "x"})


def test_a_caller_id_keeps_name_and_number_apart() -> None:
    assert caller_id('Bob" <112>\r\n\\', "+33 (0)1;x") == '"Bob 112" <+3301>'


def test_the_filters_leave_nothing_out_that_is_wanted() -> None:
    assert not EVENTS_WANTED & set(EVENTS_LEFT_OUT)
    assert len(EVENT_FILTER) == len(EVENTS_LEFT_OUT)
    assert eventfilter_lines()[0] == "eventfilter(action(exclude),name(VarSet)) ="
