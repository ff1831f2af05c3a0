"""Who may be called, and how they are reached."""

from __future__ import annotations

import pytest

from acd.domain.outgoing import FarEnd, OutgoingRules

RULES = OutgoingRules(
    trunk="carrier",
    allow=("+33ZXXXXXXXX", "+41.", "3N00"),
    refuse=("+338.",),
    caller_number="+33123456700",
    extensions=frozenset({"1001"}),
)


@pytest.mark.parametrize(
    ("number", "e164", "dialled"),
    [
        ("0612345678", "+33612345678", "+33612345678"),
        ("+41221234567", "+41221234567", "+41221234567"),
        ("3900", None, "3900"),
        ("3100", None, None),  # N is 2 to 9
        ("0812345678", "+33812345678", None),  # refused goes first
        ("+3361234567", "+3361234567", None),  # a digit too few
        ("+14155550100", "+14155550100", None),
        ("+41", "+41", None),  # `.` is one digit or more
        ("112", None, None),
        ("0612345678&PJSIP/1", None, None),
        ("", None, None),
    ],
)
def test_numbers_that_may_be_called(number: str, e164: str | None, dialled: str | None) -> None:
    found = RULES.far_end(number, e164)
    assert (found.number if found else None) == dialled
    if found:
        assert (found.trunk, found.caller_number) == ("carrier", "+33123456700")


def test_a_queues_own_number_goes_before() -> None:
    found = RULES.far_end("3900", None, "+33199999999")
    assert found == FarEnd(number="3900", trunk="carrier", caller_number="+33199999999")


def test_an_extension_needs_no_trunk_and_nobody_outside_is_called_without_one() -> None:
    bare = OutgoingRules(allow=("+33.",), extensions=frozenset({"1001"}))
    assert bare.far_end("1001") == FarEnd(number="1001")
    assert not bare.may_dial("+33612345678")
    assert RULES.may_dial("+33612345678")
