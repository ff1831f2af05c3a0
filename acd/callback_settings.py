"""What YAML says of calls that go out: callbacks, calls agents place, transfers out of menus."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from acd.domain.outgoing import PATTERN
from acd.setting_types import Name, Section

NumberPattern = Annotated[str, Field(pattern=f"^{PATTERN.pattern}$")]
PresentedNumber = Annotated[str, Field(pattern=r"^\+?[0-9]{2,18}$")]


class OutgoingSettings(Section):
    """Nobody is called outside before a trunk and patterns say so."""

    trunk: Name | None = None  # of asterisk.trunks, one with a `contact`
    allow: tuple[NumberPattern, ...] = ()
    refuse: tuple[NumberPattern, ...] = ()
    caller_number: PresentedNumber | None = None  # shown to those who are called, where a queue has none of its own
