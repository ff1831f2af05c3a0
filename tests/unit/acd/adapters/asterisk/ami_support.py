"""What the AMI tests share: addresses, quick timings, a collector of events."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from random import Random
from typing import Any

from acd.adapters.asterisk.ami import AmiAddress, AmiEvent, AmiSession, Backoff
from tests.fakes.ami_server import SECRET, FakeAmiServer

SOON = timedelta(seconds=10)
QUICK = Backoff(initial=timedelta(milliseconds=10), maximum=timedelta(milliseconds=50))
SHORT = timedelta(milliseconds=100)


def address(server: FakeAmiServer, secret: str = SECRET) -> AmiAddress:
    return AmiAddress("127.0.0.1", server.port, "guichet", secret)


def session_to(server: FakeAmiServer, *, events: bool = True, secret: str = SECRET, **settings: Any) -> AmiSession:
    settings = {"backoff": QUICK, "chance": Random(7), "filters": (), "wanted": None, **settings}
    return AmiSession(address(server, secret), events=events, **settings)


class Events:
    """Collects events; `fail_on` names those at which the callback raises."""

    def __init__(self, *, fail_on: str = "") -> None:
        self.seen: list[AmiEvent] = []
        self._fail_on = fail_on
        self._changed = asyncio.Event()

    def __call__(self, event: AmiEvent) -> None:
        if event.name == "FullyBooted":
            return
        self.seen.append(event)
        self._changed.set()
        if event.name == self._fail_on:
            raise RuntimeError("a bug in the translator")

    @property
    def names(self) -> list[str]:
        return [event.name for event in self.seen]

    async def count(self, count: int) -> list[AmiEvent]:
        async with asyncio.timeout(SOON.total_seconds()):
            while len(self.seen) < count:
                self._changed.clear()
                await self._changed.wait()
        return self.seen
