"""Which numbers may be called, and how they are reached: patterns as Asterisk's dialplan writes them."""

from __future__ import annotations

import re
from functools import lru_cache

from msgspec import Struct

NUMBER = re.compile(r"\+?[0-9]{2,18}")
PATTERN = re.compile(r"\+?[0-9XZN]{1,18}\.?")
_CLASSES = {"X": "[0-9]", "Z": "[1-9]", "N": "[2-9]", ".": "[0-9]+", "+": r"\+"}


class FarEnd(Struct, frozen=True, kw_only=True):
    """Somebody to be rung who is no agent with a reservation: an outside number by a trunk, or (without) an extension.

    `caller_number`: what they are shown; "" leaves it to the trunk.
    """

    number: str
    trunk: str = ""
    caller_number: str = ""


class OutgoingRules(Struct, frozen=True, kw_only=True):
    """`allow`, `refuse`: patterns of E.164 numbers (`+33ZXXXXXXXX`) or of numbers as keyed (`3XXX`). X is 0-9, Z 1-9,
    N 2-9, `.` one digit or more. What is not allowed is refused, and `refuse` goes first."""

    trunk: str = ""
    allow: tuple[str, ...] = ()
    refuse: tuple[str, ...] = ()
    caller_number: str = ""
    extensions: frozenset[str] = frozenset()

    def far_end(self, number: str, e164: str | None = None, caller_number: str = "") -> FarEnd | None:
        """How to reach `number` (as keyed or written; `e164` if it has such a form); None: nobody may call it."""
        if number in self.extensions:
            return FarEnd(number=number, caller_number=caller_number or self.caller_number)
        if not self.trunk:
            return None
        forms = [form for form in (e164, number) if form and NUMBER.fullmatch(form)]
        if any(_matches(pattern, form) for pattern in self.refuse for form in forms):
            return None
        for form in forms:
            if any(_matches(pattern, form) for pattern in self.allow):
                return FarEnd(number=form, trunk=self.trunk, caller_number=caller_number or self.caller_number)
        return None

    def may_dial(self, number: str) -> bool:
        return self.far_end(number, number if number.startswith("+") else None) is not None


def _matches(pattern: str, number: str) -> bool:
    return _compiled(pattern).fullmatch(number) is not None


@lru_cache(maxsize=512)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile("".join(_CLASSES.get(letter, letter) for letter in pattern))
