"""What a caller number is: `normalise` sorts whatever the network presents into five kinds.

e164       a public number, in E.164 ("+33612345678"): the only kind that identifies a contact
internal   an extension of this site
short      a short or emergency code of the region ("112", "3900")
anonymous  withheld, or none was presented
invalid    none of these
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import StrEnum

import phonenumbers
from msgspec import Struct

from ticketing.domain.text import clean_text


class NumberKind(StrEnum):
    E164 = "e164"
    INTERNAL = "internal"
    SHORT = "short"
    ANONYMOUS = "anonymous"
    INVALID = "invalid"


class CallerNumber(Struct, frozen=True, kw_only=True):
    """`e164` is set for kind E164 only. `display` is for people: text, never markup."""

    kind: NumberKind
    e164: str | None = None
    display: str = ""


ANONYMOUS = CallerNumber(kind=NumberKind.ANONYMOUS)

_LONGEST_RAW = 64
_LONGEST_EXTENSION = 6
_SHORTEST_UNLISTED = 9  # digits below which a number the metadata does not know is not believed
_WITHHELD = frozenset(
    ["anonymous", "unknown", "restricted", "unavailable", "withheld", "private", "asterisk", "none", "null", "na"]
)  # RFC 3323 "anonymous", Asterisk's "unknown" and "asterisk", carriers' own words
_URI = re.compile(r"^(?:.*<)?(?:sips?|tel):([^@;>]*)", re.IGNORECASE)
_DIALABLE = re.compile(r"\+?[0-9]+")
_PUNCTUATION = re.compile(r"[\s().\-/\u2010-\u2015\u2212\u00ad\u200b\u2060]+")


def normalise(raw: str, region: str, *, is_internal: Callable[[str], bool] | None = None) -> CallerNumber:
    """The kind of `raw`, and its E.164 form where it has one. Never raises, whatever `raw` holds.

    `region` is the ISO 3166 code national numbers are read in ("FR"). `is_internal` tells extensions from short
    codes of the same shape ("3001" is both in France); without it short codes win, then up to 6 digits are internal.
    """
    text = clean_text(raw, _LONGEST_RAW)
    uri = _URI.match(text)
    subject = (uri.group(1) if uri else text.partition("@")[0]).strip(" <>\"'")
    if not any(char.isalnum() for char in subject) or re.sub(r"\W", "", subject).casefold() in _WITHHELD:
        return CallerNumber(kind=NumberKind.ANONYMOUS)
    digits = _PUNCTUATION.sub("", subject.replace("(0)", "") if "+" in subject else subject)
    if len(raw) > _LONGEST_RAW or not _DIALABLE.fullmatch(digits):
        return CallerNumber(kind=NumberKind.INVALID, display=subject)
    if is_internal is not None and is_internal(digits):
        return CallerNumber(kind=NumberKind.INTERNAL, display=digits)
    return _sort_digits(digits, region)


def _sort_digits(digits: str, region: str) -> CallerNumber:
    short = len(digits) <= _LONGEST_EXTENSION and digits[0] != "+"
    if short and _is_short_code(digits, region):
        return CallerNumber(kind=NumberKind.SHORT, display=digits)
    parsed = _public_number(digits, region)
    if parsed is not None:
        return CallerNumber(
            kind=NumberKind.E164,
            e164=phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164),
            display=phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.INTERNATIONAL),
        )
    return CallerNumber(kind=NumberKind.INTERNAL if short else NumberKind.INVALID, display=digits)


def _is_short_code(digits: str, region: str) -> bool:
    if phonenumbers.is_emergency_number(digits, region):
        return True
    parsed = _parse(digits, region)
    return parsed is not None and phonenumbers.is_valid_short_number_for_region(parsed, region)


def _public_number(digits: str, region: str) -> phonenumbers.PhoneNumber | None:
    """The first reading that is a valid number; failing that, the first of a possible length (numbering plans grow
    faster than metadata, and a real caller must not become "invalid" for it)."""
    readings = [_parse(digits, region)]
    if digits.startswith("00"):  # many exchanges hand the international prefix of Europe whatever the region
        readings.append(_parse(f"+{digits[2:]}", region))
    elif digits[0] not in "+0":  # trunks that send E.164 without the plus
        readings.append(_parse(f"+{digits}", region))
    parsed = [reading for reading in readings if reading is not None]
    for reading in parsed:
        if phonenumbers.is_valid_number(reading):
            return reading
    if len(digits) >= _SHORTEST_UNLISTED:
        for reading in parsed:
            if phonenumbers.is_possible_number(reading):
                return reading
    return None


def _parse(digits: str, region: str) -> phonenumbers.PhoneNumber | None:
    try:
        return phonenumbers.parse(digits, region)
    except phonenumbers.NumberParseException:
        return None
