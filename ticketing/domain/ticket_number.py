"""Ticket numbers a caller can key on a phone: digits only, the last one a check digit.

    number = (FIRST + serial) followed by its Damm digit      serial 1 -> 1000015

The serial comes from the store, in sequence; gaps are allowed. The Damm check digit (H. M. Damm, "Total
anti-symmetrische Quasigruppen", 2004) catches every single wrong digit and every swap of two neighbours, the two
ways people mistype. Luhn misses the swap 09/90; letters or ISO 7064's "X" cannot be keyed.
Numbers are in sequence, so a valid one is easily guessed: it proves no identity (see open_or_link).
"""

from __future__ import annotations

from typing import NewType

from ticketing.domain.errors import InvalidTicketNumberError

TicketNumber = NewType("TicketNumber", str)

FIRST = 100_000  # seven digits from the first ticket on: never taken for a menu key, an extension or a short code
LAST_SERIAL = 2**53  # exact everywhere, JSON included
_LONGEST = len(str(FIRST + LAST_SERIAL)) + 1

# Damm's totally anti-symmetric quasigroup of order 10.
_QUASIGROUP = (
    (0, 3, 1, 7, 5, 9, 8, 6, 4, 2),
    (7, 0, 9, 2, 1, 5, 4, 8, 6, 3),
    (4, 2, 0, 6, 8, 7, 1, 3, 5, 9),
    (1, 7, 5, 0, 9, 8, 3, 4, 2, 6),
    (6, 1, 2, 3, 0, 4, 5, 9, 7, 8),
    (3, 6, 7, 4, 2, 0, 9, 5, 8, 1),
    (5, 8, 6, 9, 7, 2, 0, 1, 3, 4),
    (8, 9, 4, 5, 3, 6, 2, 0, 1, 7),
    (9, 4, 3, 8, 6, 1, 7, 2, 0, 5),
    (2, 5, 8, 1, 4, 3, 6, 7, 9, 0),
)


def damm_digit(digits: str) -> int:
    """The check digit of `digits`; 0 for digits that already end in theirs."""
    interim = 0
    for digit in digits:
        interim = _QUASIGROUP[interim][int(digit)]
    return interim


def number_of_serial(serial: int) -> TicketNumber:
    if not 1 <= serial <= LAST_SERIAL:
        raise InvalidTicketNumberError(f"ticket serial {serial} is not between 1 and {LAST_SERIAL}")
    body = str(FIRST + serial)
    return TicketNumber(f"{body}{damm_digit(body)}")


def is_ticket_number(digits: str) -> bool:
    """Whether `digits` can be a ticket's number. Says nothing on whether that ticket exists."""
    if not (len(str(FIRST)) < len(digits) <= _LONGEST and digits.isascii() and digits.isdigit()):
        return False
    return digits[0] != "0" and damm_digit(digits) == 0 and 1 <= int(digits[:-1]) - FIRST <= LAST_SERIAL


def serial_of_number(number: str) -> int:
    """Inverse of `number_of_serial`. Raises InvalidTicketNumberError."""
    if not is_ticket_number(number):
        raise InvalidTicketNumberError("a ticket number is at least 7 digits, the last one its check digit")
    return int(number[:-1]) - FIRST
