"""What YAML says of calls that go out: callbacks, calls agents place, transfers out of menus."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from acd.domain.outgoing import PATTERN
from acd.setting_types import MenuName, Name, Seconds, Section

NumberPattern = Annotated[str, Field(pattern=f"^{PATTERN.pattern}$")]
PresentedNumber = Annotated[str, Field(pattern=r"^\+?[0-9]{2,18}$")]


class OutgoingSettings(Section):
    """Nobody is called outside before a trunk and patterns say so."""

    trunk: Name | None = None  # of asterisk.trunks, one with a `contact`
    allow: tuple[NumberPattern, ...] = ()
    refuse: tuple[NumberPattern, ...] = ()
    caller_number: PresentedNumber | None = None  # shown to those who are called, where a queue has none of its own


class CallbackSettings(Section):
    """`key` leads into `flow` while music plays."""

    tries: Annotated[int, Field(ge=1, le=20)] = 3
    interval_seconds: Seconds = timedelta(minutes=5)
    ring_seconds: Seconds = timedelta(seconds=30)
    most: Annotated[int, Field(ge=1)] = 100
    detect_machines: bool = False
    key: Annotated[str, Field(pattern=r"^[0-9*#]$")] | None = None
    flow: MenuName = "callback"


class AnnounceSettings(Section):
    """`flow` is walked beside the wait, at intervals."""

    flow: MenuName = "waiting"
    first_after_seconds: Seconds = timedelta(seconds=30)
    every_seconds: Annotated[Seconds, Field(ge=timedelta(seconds=5))] = timedelta(seconds=60)
