"""What YAML says of handing talks on to the outside."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import Field, field_validator

from acd.queue_settings import Section

NumberPattern = Annotated[str, Field(pattern=r"^\+?[0-9XZN*#]{1,24}\.?$")]
_CLASSES = {"X": "[0-9]", "Z": "[1-9]", "N": "[2-9]", "+": r"\+", "*": r"\*", ".": "[0-9]*"}


class TransferSettings(Section):
    """`outside_numbers`: what agents may send callers to or consult, as Asterisk writes patterns: X a digit, Z not 0,
    N not 0 or 1, a `.` at the end for any more digits. None by default: a number costs money, and whoever gets hold of
    an agent's session must not ring premium numbers. `dial`: how the trunk is dialled."""

    outside_numbers: tuple[NumberPattern, ...] = ()
    dial: Annotated[str, Field(pattern=r"^[A-Za-z0-9_./:@{}+-]{1,120}$")] | None = None

    @field_validator("dial")
    @classmethod
    def _has_number(cls, dial: str | None) -> str | None:
        if dial is not None and dial.replace("{number}", "", 1).count("{") + (dial.count("{number}") != 1):
            raise ValueError("write `{number}` once, where the number stands: PJSIP/{number}@carrier")
        return dial


def expression_of(pattern: str) -> str:
    """A regular expression for the whole number."""
    return "".join(_CLASSES.get(letter, re.escape(letter)) for letter in pattern)
