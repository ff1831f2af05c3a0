"""Conditions: what holds, what is refused and where. Nothing that is written can do anything else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.expression import ExpressionError, Kind, parse

KNOWN: dict[str, str | float | bool] = {
    "vip": True,
    "known": False,
    "open_tickets": 3,
    "calls_today": 0,
    "language": "fr",
    "ticket": "0042",
}
KINDS = {
    "vip": Kind.TRUTH,
    "known": Kind.TRUTH,
    "open_tickets": Kind.NUMBER,
    "calls_today": Kind.NUMBER,
    "language": Kind.TEXT,
    "ticket": Kind.TEXT,
    "unset": Kind.TEXT,
    "never_said": Kind.NUMBER,
}

HOLDS = {
    "vip": True,
    "not vip": False,
    "not not vip": True,
    "not not not vip": False,
    "vip and known": False,
    "vip or known and known": True,  # and binds closer
    "(vip or known) and known": False,
    "open_tickets > 2": True,
    "open_tickets >= 3 and open_tickets <= 3": True,
    "open_tickets < 3": False,
    "open_tickets != 3": False,
    "language == 'fr'": True,
    'language == "fr"': True,
    "language != 'en'": True,
    'language in ["fr", "en"]': True,
    'language not in ["fr", "en"]': False,
    "open_tickets in [1, 2, 3]": True,
    "number(ticket) == 42": True,
    "number(language) == 42": False,
    "number(language) != 42": False,  # what cannot be known makes every comparison false
    "length(ticket) == 4": True,
    "starts_with(ticket, '00')": True,
    "unset == ''": True,
    "never_said > 0": False,
    "vip == true": True,
    "2 < 10.5": True,
    "not open_tickets > 5": True,
}


@pytest.mark.parametrize("text", HOLDS)
def test_holds(text: str) -> None:
    expression = parse(text)
    assert expression.faults(KINDS) == ()
    assert expression.holds(KNOWN) is HOLDS[text]


REFUSED = {
    "": (0, "expected a value, found the end"),
    "vip and": (7, "expected a value, found the end"),
    "vip = true": (4, "`=` does not belong here (equality is written ==)"),
    "language == 'fr": (12, "the text has no closing quote"),
    "open_tickets > 2 vip": (17, "expected `and`, `or` or the end, found `vip`"),
    "(vip": (4, "expected `)`, found the end"),
    "language in 'fr'": (12, "expected `[`, found `'fr'`"),
    "eval(ticket)": (0, "unknown function `eval`"),
    "lenght(ticket) > 2": (0, "unknown function `lenght`; did you mean `length`?"),
    "length() > 2": (7, "expected a value, found `)`"),
    "length(ticket, ticket) > 2": (0, "`length` takes 1 value(s), here are 2"),
    "vip.real": (3, "`.` does not belong here"),
    "__import__": None,
    "not and": (4, "expected a value, found `and`"),
    "(" * 30 + "vip" + ")" * 30: (20, "nested too deeply, at most 20 levels"),
    "vip or " * 100: (0, "a condition has at most 500 characters"),
}


@pytest.mark.parametrize("text", [text for text, wanted in REFUSED.items() if wanted])
def test_refused_at(text: str) -> None:
    with pytest.raises(ExpressionError) as refusal:
        parse(text)
    assert (refusal.value.offset, str(refusal.value)) == REFUSED[text]


FAULTS = {
    "vop": [(0, "unknown attribute `vop`; did you mean `vip`?")],
    "__import__": [(0, "unknown attribute `__import__`")],
    "vip and opentickets > 1": [(8, "unknown attribute `opentickets`; did you mean `open_tickets`?")],
    "language": [(0, "this is a text, a condition must be yes or no: compare it")],
    "3": [(0, "this is a number, a condition must be yes or no: compare it")],
    "vip and ticket": [(8, "a yes/no is wanted here, this is a text: compare it")],
    "ticket > 3": [(0, "a text cannot be compared with a number: use number(...)")],
    "language > 'en'": [(0, "`>` compares numbers, this is a text")],
    "language in ['fr', 3]": [(19, "a text is wanted here, this is a number")],
    "length(open_tickets) > 1": [(7, "a text is wanted here, this is a number")],
    "nope or not neither": [(0, "unknown attribute `nope`"), (12, "unknown attribute `neither`")],
}


@pytest.mark.parametrize("text", FAULTS)
def test_faults(text: str) -> None:
    assert list(parse(text).faults(KINDS)) == FAULTS[text]


@given(st.text(alphabet="vip()[]'\" andortin<>=!.,0129_ué", max_size=40), st.dictionaries(st.text(), st.text()))
def test_any_text_is_refused_or_decides(text: str, values: dict[str, str | float | bool]) -> None:
    try:
        expression = parse(text)
    except ExpressionError as error:
        assert 0 <= error.offset <= len(text)
        return
    assert expression.holds(values) in (True, False)
    assert all(0 <= fault.offset < len(text) for fault in expression.faults(KINDS))
