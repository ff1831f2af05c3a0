"""Asterisk's manager as one port over two logins.

One AMI session runs actions and sends events on one thread, so a slow action delays events: events come over one
login, actions go over another that gets no events (design.md section 1).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from random import Random
from types import TracebackType
from typing import Self

from acd.adapters.asterisk.ami.action import HeaderValues
from acd.adapters.asterisk.ami.backoff import Backoff
from acd.adapters.asterisk.ami.errors import AmiError
from acd.adapters.asterisk.ami.filters import EVENT_FILTER, EVENTS_WANTED
from acd.adapters.asterisk.ami.message import AmiEvent
from acd.adapters.asterisk.ami.session import AmiAddress, AmiSession


class AmiLink:
    """Two logins to one Asterisk: `events_session` and `actions_session`.

    `resync` runs after every login of the events session, once the actions session is ready too and while live
    events already flow; a list taken on `events_session` stands in one order with them. `on_lost` is called when
    the events login is lost: from then until the next `resync` the state of calls is unknown.
    `actions_address` defaults to `address` (the same manager user logs in twice).
    """

    def __init__(
        self,
        address: AmiAddress,
        *,
        on_event: Callable[[AmiEvent], None],
        resync: Callable[[], Awaitable[None]] | None = None,
        on_lost: Callable[[AmiError], None] | None = None,
        actions_address: AmiAddress | None = None,
        filters: Sequence[str] = EVENT_FILTER,
        wanted: frozenset[str] | None = EVENTS_WANTED,
        deadline: timedelta = timedelta(seconds=5),
        boot_deadline: timedelta = timedelta(seconds=5),
        ping_interval: timedelta = timedelta(seconds=5),
        ping_deadline: timedelta = timedelta(seconds=3),
        backoff: Backoff | None = None,
        chance: Random | None = None,
    ) -> None:
        self._resync = resync
        self.actions_session = AmiSession(
            actions_address or address,
            events=False,
            deadline=deadline,
            ping_interval=ping_interval,
            ping_deadline=ping_deadline,
            backoff=backoff,
            chance=chance,
            name="ami-actions",
        )
        self.events_session = AmiSession(
            address,
            events=True,
            on_event=on_event,
            on_ready=self._on_events_ready,
            on_lost=on_lost,
            filters=filters,
            wanted=wanted,
            deadline=deadline,
            boot_deadline=boot_deadline,
            ping_interval=ping_interval,
            ping_deadline=ping_deadline,
            backoff=backoff,
            chance=chance,
            name="ami-events",
        )
        self._sessions = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as sessions:
            await sessions.enter_async_context(self.actions_session)
            await sessions.enter_async_context(self.events_session)
            self._sessions = sessions.pop_all()
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._sessions.aclose()

    @property
    def is_ready(self) -> bool:
        return self.events_session.is_ready and self.actions_session.is_ready

    def problems(self) -> list[str]:
        """Why the link is not ready, one line per login, for /readyz; empty when it is."""
        found = (self.events_session.problem(), self.actions_session.problem())
        return [problem for problem in found if problem is not None]

    async def ready(self, timeout: timedelta) -> None:
        """Wait until both logins are ready and `resync` has run. Raises as `AmiSession.ready` does."""
        # The events session waits for the actions session before it resynchronises, so this order tells the cause.
        await self.actions_session.ready(timeout)
        await self.events_session.ready(timeout)

    async def action(
        self, name: str, headers: Mapping[str, HeaderValues] | None = None, *, deadline: timedelta | None = None
    ) -> AmiEvent:
        """As `AmiSession.action`, on the actions login."""
        return await self.actions_session.action(name, headers, deadline=deadline)

    async def list_action(
        self, name: str, headers: Mapping[str, HeaderValues] | None = None, *, deadline: timedelta | None = None
    ) -> list[AmiEvent]:
        """As `AmiSession.list_action`, on the actions login."""
        return await self.actions_session.list_action(name, headers, deadline=deadline)

    async def command(self, line: str, *, deadline: timedelta | None = None) -> list[str]:
        """As `AmiSession.command`, on the actions login."""
        return await self.actions_session.command(line, deadline=deadline)

    async def originate(
        self,
        channel: str,
        headers: Mapping[str, HeaderValues],
        *,
        variables: Mapping[str, str] | None = None,
        ring_time: timedelta = timedelta(seconds=30),
        deadline: timedelta | None = None,
    ) -> str:
        """As `AmiSession.originate`, on the actions login; OriginateResponse comes over the events login."""
        return await self.actions_session.originate(
            channel, headers, variables=variables, ring_time=ring_time, deadline=deadline
        )

    async def _on_events_ready(self) -> None:
        await self.actions_session.wait_ready()
        if self._resync is not None:
            await self._resync()
