"""What happens beside the wait in a queue: announcements, and menus that a key leads into, each cut short as soon as an
agent is found."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import structlog

from acd.domain.call import Call, CallStage
from acd.domain.effects import Announce
from acd.service.ports import CallerChannel
from ivr.model import EnterQueue, HangUp, Step

log = structlog.get_logger(__name__)

IN_LINE = frozenset({CallStage.WAITING, CallStage.RESERVED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Aside:
    """A flow to be walked beside the wait. `attributes`: what it may say besides."""

    flow: str
    attributes: Mapping[str, str] = field(default_factory=dict)


def announced(wish: Announce) -> Aside:
    """What is not known is left out, and never made up."""
    attributes: dict[str, str] = {}
    if wish.position is not None:
        attributes["position"] = str(wish.position)
    if wish.expected_wait_seconds is not None:
        attributes["wait_minutes"] = str(max(1, round(wish.expected_wait_seconds / 60)))
    return Aside(flow=wish.flow, attributes=attributes)


class Asides:
    """For one caller. `walk` performs one aside until the future given is done; None: it was cut, or could not be."""

    def __init__(
        self,
        channel: CallerChannel,
        call: Callable[[], Call | None],
        walk: Callable[[Aside, asyncio.Future[None]], Awaitable[Step | None]],
    ) -> None:
        self._channel = channel
        self._call = call
        self._walk = walk
        self._next: Aside | None = None
        self._stirred: asyncio.Future[None] | None = None
        self.is_under_way = False

    def ask(self, aside: Aside) -> None:
        """Only while nothing else is said, and only while the caller waits."""
        if self._stirred is not None and not self.is_under_way and self._next is None:
            self._next = aside
            self.stir()

    def stir(self) -> None:
        if self._stirred is not None and not self._stirred.done():
            self._stirred.set_result(None)

    async def wait(self, wished: asyncio.Future[None]) -> EnterQueue | HangUp | None:
        """In line with music until `wished`: None. Else the caller has left it for something that was arranged, and
        this is where that menu leads. Raises CallerHungUpError, ControlLostError."""
        wished.add_done_callback(lambda _: self.stir())
        try:
            while not wished.done():
                self._stirred = asyncio.get_running_loop().create_future()
                await self._channel.start_music()
                if not wished.done():
                    await self._channel.idle_until(self._stirred)
                aside, self._next = self._next, None
                if aside is None or wished.done():
                    continue
                step = await self._perform(aside, wished)
                call = self._call()
                if isinstance(step, EnterQueue | HangUp) and (call is None or call.stage not in IN_LINE):
                    return step
            return None
        finally:
            self._stirred, self._next = None, None

    async def _perform(self, aside: Aside, wished: asyncio.Future[None]) -> Step | None:
        self.is_under_way = True
        try:
            await self._channel.stop_music()
            return await self._walk(aside, wished)
        finally:
            self.is_under_way = False
