"""What networks present as a caller's number, and what it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketing.domain.phone_number import NumberKind, normalise


@pytest.mark.parametrize(
    ("raw", "region", "e164"),
    [
        ("+33612345678", "FR", "+33612345678"),
        ("+33612345678", "US", "+33612345678"),
        ("0033612345678", "FR", "+33612345678"),
        ("0033612345678", "US", "+33612345678"),
        ("01133612345678", "US", "+33612345678"),
        ("33612345678", "FR", "+33612345678"),
        ("33612345678", "US", "+33612345678"),
        ("0612345678", "FR", "+33612345678"),
        ("06 12 34 56 78", "FR", "+33612345678"),
        ("06.12.34.56.78", "FR", "+33612345678"),
        ("06-12-34-56-78", "FR", "+33612345678"),
        ("06\u00a012\u202f34\u00a056\u00a078", "FR", "+33612345678"),
        ("06\u201112\u201134\u201156\u201178", "FR", "+33612345678"),
        ("030/123456", "DE", "+4930123456"),
        ("+49 (0)30/123456", "FR", "+4930123456"),
        ("(020) 7946 0123", "GB", "+442079460123"),
        ("+39 06 12345", "FR", "+390612345"),
        ("sip:+33612345678@10.0.0.1;user=phone", "FR", "+33612345678"),
        ('"Jeanne" <sip:0612345678@pbx>', "FR", "+33612345678"),
        ("tel:+33-6-12-34-56-78", "FR", "+33612345678"),
        ("+33612345678@carrier.example", "FR", "+33612345678"),
        ("<0612345678>", "FR", "+33612345678"),
        ("+33639980001", "FR", "+33639980001"),  # the range set aside for fiction: possible, not "valid"
        ("0639980001", "FR", "+33639980001"),
        ("241234", "NC", "+687241234"),  # whole numbers of six digits
    ],
)
def test_public_numbers_become_e164(raw: str, region: str, e164: str) -> None:
    number = normalise(raw, region)
    assert (number.kind, number.e164) == (NumberKind.E164, e164)
    assert "+" + "".join(filter(str.isdigit, number.display)) == e164


@pytest.mark.parametrize(
    "raw",
    [
        *("", " ", "\x00", "anonymous", "Anonymous", "ANONYMOUS", "unknown", "<unknown>", "restricted", "unavailable"),
        *(
            "Withheld",
            "private",
            "asterisk",
            "sip:anonymous@anonymous.invalid",
            '"Anonymous" <sip:anonymous@x>',
            "-",
            "<>",
        ),
    ],
)
def test_withheld_numbers_are_anonymous(raw: str) -> None:
    number = normalise(raw, "FR")
    assert (number.kind, number.e164) == (NumberKind.ANONYMOUS, None)


@pytest.mark.parametrize(
    ("raw", "region"),
    [("112", "FR"), ("15", "FR"), ("3611", "FR"), ("118712", "FR"), ("999", "GB"), ("911", "US"), ("112", "DE")],
)
def test_short_and_emergency_codes(raw: str, region: str) -> None:
    number = normalise(raw, region)
    assert (number.kind, number.e164, number.display) == (NumberKind.SHORT, None, raw)


@pytest.mark.parametrize(
    ("raw", "region"), [("201", "FR"), ("6001", "FR"), ("4012", "FR"), ("1001", "DE"), ("7", "FR")]
)
def test_extensions_are_internal(raw: str, region: str) -> None:
    assert normalise(raw, region).kind is NumberKind.INTERNAL


def test_the_sites_own_extensions_go_before_short_codes() -> None:
    assert normalise("3001", "FR").kind is NumberKind.SHORT
    assert normalise("3001", "FR", is_internal=lambda digits: digits.startswith("3")).kind is NumberKind.INTERNAL
    assert normalise("0612345678", "FR", is_internal=lambda digits: len(digits) == 4).kind is NumberKind.E164


@pytest.mark.parametrize(
    "raw",
    ["alice", "1800FLOWERS", "12345678", "+", "++33612345678", "+999999999999", "0612345678,,1", "1" * 65, "*31#"],
)
def test_what_is_no_number_is_invalid(raw: str) -> None:
    number = normalise(raw, "FR")
    assert number.kind in (NumberKind.INVALID, NumberKind.ANONYMOUS)
    assert number.e164 is None


phone_like = st.text(alphabet="0123456789+()-./ <>@:;sipte\x00\ud800\u0660*#", max_size=100)


@given(st.one_of(st.text(), phone_like), st.sampled_from(["FR", "US", "DE", "NC", "ZZ", "", "fr", "\x00"]))
def test_hostile_text_never_raises(raw: str, region: str) -> None:
    number = normalise(raw, region)
    assert (number.e164 is not None) == (number.kind is NumberKind.E164)
    assert number.e164 is None or (number.e164[0] == "+" and number.e164[1:].isascii() and number.e164[1:].isdigit())
    assert len(number.display) <= 64
    number.display.encode()  # no lone surrogates
