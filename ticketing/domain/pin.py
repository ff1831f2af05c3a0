"""PINs of contacts: how a caller proves on the keypad who they are. Rules only; hashes are made elsewhere."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise

from msgspec import Struct

from ticketing.domain.errors import InvalidPinError

SHORTEST, LONGEST = 4, 12
MOST_FAILURES = 5  # in a row, over all calls
LOCK_TIME = timedelta(minutes=30)


class PinVerdict(StrEnum):
    RIGHT = "right"
    WRONG = "wrong"
    LOCKED = "locked"  # too often wrong: nothing is compared any more until the lock ends
    NONE = "none"  # the contact has no PIN


class PinState(Struct, frozen=True, kw_only=True):
    hashed: str
    failures: int = 0
    locked_until: datetime | None = None

    def is_locked(self, at: datetime) -> bool:
        return self.locked_until is not None and at < self.locked_until


def check_pin(pin: str) -> None:
    """Raises InvalidPinError; the message never holds the PIN."""
    if not (pin.isascii() and pin.isdigit() and SHORTEST <= len(pin) <= LONGEST):
        raise InvalidPinError(f"pin: {SHORTEST} to {LONGEST} digits")
    steps = {(int(after) - int(before)) % 10 for before, after in pairwise(pin)}
    if steps in ({0}, {1}, {9}):
        raise InvalidPinError("pin: too easily guessed (one digit again and again, or digits in order)")


def after_failure(failures: int, at: datetime) -> tuple[int, datetime | None]:
    """Failures in a row and the end of the lock after one more wrong PIN."""
    count = failures + 1
    return (0, at + LOCK_TIME) if count >= MOST_FAILURES else (count, None)
