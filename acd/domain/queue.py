"""What the engine needs to know of a queue."""

from __future__ import annotations

from datetime import timedelta

from msgspec import Struct

from acd.domain.ids import QueueName
from routing.model import Requirements


class QueuePolicy(Struct, frozen=True, kw_only=True):
    name: QueueName
    label: str
    requirements: Requirements = ()
    language_is_skill: bool = False
    priority: int = 5
    offer_time: timedelta = timedelta(seconds=15)
    wrap_up_time: timedelta = timedelta(seconds=30)
    service_level_time: timedelta = timedelta(seconds=20)
    short_abandon_time: timedelta = timedelta(seconds=5)
