"""How the service itself is, for supervisors: what fails, how full it is, whom it could not let in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta

from msgspec import Struct
from msgspec.structs import replace

from acd.service.admission import Admission
from acd.service.screens import Screens

LOOK_TIME = timedelta(seconds=1)


class HealthView(Struct, frozen=True, kw_only=True):
    """The frame `health` of the supervisors' feed, sent when it changes by more than `inside` and `lag_seconds`."""

    troubles: tuple[str, ...]  # as /readyz tells them
    overload: str | None  # why new callers are not let in now: "calls", "lag"
    shed: int  # callers not let in since the start
    inside: int  # callers under control
    most_calls: int | None
    lag_seconds: float  # of the event loop


class Health:
    def __init__(self, admission: Admission, troubles: Callable[[], list[str]]) -> None:
        self._admission = admission
        self._troubles = troubles

    def view(self) -> HealthView:
        admission = self._admission
        return HealthView(
            troubles=tuple(self._troubles()),
            overload=admission.obstacle,
            shed=admission.shed.total(),
            inside=admission.inside(),
            most_calls=admission.limits.most_calls,
            lag_seconds=round(admission.lag.latest, 3),
        )

    async def tell(self, screens: Screens) -> None:
        """Until cancelled."""
        last = None
        while True:
            now = self.view()
            said = replace(now, inside=0, lag_seconds=0.0)
            if said != last:
                last = said
                screens.supervisors.publish("health", now)
            await asyncio.sleep(LOOK_TIME.total_seconds())
