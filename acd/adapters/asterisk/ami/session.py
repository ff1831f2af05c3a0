"""One AMI login that keeps itself alive.

    connecting -> logging_in -> resyncing -> ready -> waiting -> connecting ...      closed at any time

`ready` means: logged in and the resync hook has run for this very login. Actions are possible from `resyncing` on,
so that the hook can take its snapshots.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from types import TracebackType
from typing import Literal, Self, cast

import structlog

from acd.adapters.asterisk.ami.action import AmiAction, HeaderValues, variable_headers
from acd.adapters.asterisk.ami.backoff import Backoff
from acd.adapters.asterisk.ami.driver import AmiDriver, origin_of
from acd.adapters.asterisk.ami.errors import (
    AmiDeadlineError,
    AmiError,
    AmiLinkLostError,
    AmiLoginRefusedError,
    AmiRefusedError,
    AmiResyncError,
    AmiUnreachableError,
)
from acd.adapters.asterisk.ami.filters import EVENT_FILTER, EVENTS_WANTED
from acd.adapters.asterisk.ami.message import AmiEvent

_log = structlog.get_logger(__name__)

AmiState = Literal["connecting", "logging_in", "resyncing", "ready", "waiting", "closed"]


@dataclass(frozen=True)
class AmiAddress:
    """Where a manager listens, and as whom to log in."""

    host: str
    port: int
    username: str
    secret: str = field(repr=False)


class AmiSession:
    """One login, kept up in the background for as long as the `async with` lasts.

    - `on_event` is called synchronously with each live event, in Asterisk's order, from the reading callback; it
      must not block. What it raises is logged and costs that event only.
    - `on_ready` runs after every login, before `is_ready`, with events already flowing; if it raises, the login is
      dropped and tried again. It runs once more if Asterisk says FullyBooted later.
    - `on_lost` is called with the reason each time a login is lost.
    - `filters` are MatchCriteria of Asterisk's Filter action (needs the `system` write permission; without it the
      client skips what is not in `wanted`). `wanted=None` lets every event through.
    """

    def __init__(
        self,
        address: AmiAddress,
        *,
        events: bool,
        on_event: Callable[[AmiEvent], None] | None = None,
        on_ready: Callable[[], Awaitable[None]] | None = None,
        on_lost: Callable[[AmiError], None] | None = None,
        filters: Sequence[str] = EVENT_FILTER,
        wanted: frozenset[str] | None = EVENTS_WANTED,
        deadline: timedelta = timedelta(seconds=5),
        boot_deadline: timedelta = timedelta(seconds=5),
        ping_interval: timedelta = timedelta(seconds=5),
        ping_deadline: timedelta = timedelta(seconds=3),
        backoff: Backoff | None = None,
        chance: Random | None = None,
        name: str = "ami",
    ) -> None:
        self.name = name
        self.state: AmiState = "closed"
        self.last_error: AmiError | None = None
        self.logins = 0
        self._address = address
        self._events = events
        self._on_event = on_event
        self._on_ready = on_ready
        self._on_lost = on_lost
        self._filters = tuple(filters) if events else ()
        if not events:
            wanted = frozenset()
        # FullyBooted is the session's own business, whatever the caller wants to hear.
        self._wanted = wanted if wanted is None or not events else wanted | {"FullyBooted"}
        self._deadline = deadline
        self._boot_deadline = boot_deadline
        self._ping_interval = ping_interval
        self._ping_deadline = ping_deadline
        self._backoff = backoff or Backoff()
        self._chance = chance or Random()  # noqa: S311  # spreads reconnects, guards nothing
        self._driver: AmiDriver | None = None
        self._changed = asyncio.Event()
        self._booted = asyncio.Event()
        self._slowest_until = 0.0
        self._ended = False
        self._tasks = asyncio.TaskGroup()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        self._set_state("connecting")
        self._task = self._tasks.create_task(self._keep_up(), name=f"{self.name} link")
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        # The body's own exception goes on by itself; handing it to the group would wrap it.
        await self._tasks.__aexit__(None, None, None)

    def close(self) -> None:
        """End the link now, also while waiting to reconnect; pending actions fail. Leaving the context waits for it."""
        self._set_state("closed")
        self._ended = True
        if self._driver is not None:
            self._driver.close()
        if self._task is not None:
            self._task.cancel()

    @property
    def is_ready(self) -> bool:
        # The loss is known to the connection one turn of the loop before the session's own task.
        return self.state == "ready" and self._driver is not None and not self._driver.lost.done()

    def problem(self) -> str | None:
        """Why the session is not ready, for /readyz; None when it is."""
        if self.is_ready:
            return None
        return f"{self.name}: {self.state.replace('_', ' ')}" + (f": {self.last_error}" if self.last_error else "")

    @property
    def pending_actions(self) -> int:
        """How many actions wait for their answer."""
        protocol = self._driver.protocol if self._driver is not None else None
        return len(protocol.responses) if protocol is not None else 0

    async def wait_ready(self) -> None:
        """Wait, however long it takes, until the session is ready. Raises AmiLinkLostError if it is closed."""
        while not self.is_ready:
            if self.state == "closed":
                raise AmiLinkLostError(f"{self.name}: closed")
            await self._changed.wait()

    async def ready(self, timeout: timedelta) -> None:
        """Wait until a login is accepted and resynchronised.

        Raises AmiLoginRefusedError as soon as Asterisk has refused the login, AmiUnreachableError with the latest
        reason when `timeout` has passed, AmiLinkLostError if the session is closed.
        """
        try:
            async with asyncio.timeout(timeout.total_seconds()):
                while not self.is_ready and self.state != "closed":
                    if isinstance(self.last_error, AmiLoginRefusedError):
                        raise AmiLoginRefusedError(str(self.last_error))
                    await self._changed.wait()
                await self.wait_ready()
        except TimeoutError:
            waited = f"{timeout.total_seconds():g} s"
            raise AmiUnreachableError(f"not ready after {waited}: {self.problem()}") from None

    async def action(
        self, name: str, headers: Mapping[str, HeaderValues] | None = None, *, deadline: timedelta | None = None
    ) -> AmiEvent:
        """Perform one action and return its reply; `deadline` is 5 s unless told.

        A header with several values is sent several times. An `ActionID` may be given to recognise later events
        (OriginateResponse). Raises AmiInvalidValueError before anything is written, AmiLinkLostError at once when
        there is no link, AmiRefusedError, AmiDeadlineError.
        """
        return cast(AmiEvent, await self._perform(AmiAction(name, headers or {}, as_list=False), deadline))

    async def list_action(
        self, name: str, headers: Mapping[str, HeaderValues] | None = None, *, deadline: timedelta | None = None
    ) -> list[AmiEvent]:
        """Perform an action that answers with a list (CoreShowChannels); its items, without the closing event.

        A list that Asterisk reports as `No ... found` is empty. Raises as `action` does.
        """
        return cast(list[AmiEvent], await self._perform(AmiAction(name, headers or {}, as_list=True), deadline))

    async def command(self, line: str, *, deadline: timedelta | None = None) -> list[str]:
        """Run a CLI command and return its output lines. Needs the `command` permission. Raises as `action` does."""
        reply = await self.action("Command", {"Command": line}, deadline=deadline)
        return list(reply.get_all("Output"))

    async def originate(
        self,
        channel: str,
        headers: Mapping[str, HeaderValues],
        *,
        variables: Mapping[str, str] | None = None,
        ring_time: timedelta = timedelta(seconds=30),
        deadline: timedelta | None = None,
    ) -> str:
        """Start a call on `channel`; returns the ActionID that its OriginateResponse event will carry.

        `headers` says where it goes (`Context`, `Exten`, `Priority`, or `Application`, `Data`), and `ChannelId`,
        `CallerID` (see `caller_id`), `ActionID` where wanted. Always asynchronous: the reply only says that
        Asterisk has taken the order. Raises as `action` does.
        """
        reply = await self.action(
            "Originate",
            {
                "Channel": channel,
                "Async": "true",
                "Timeout": str(int(ring_time.total_seconds() * 1000)),
                **headers,
                "Variable": variable_headers(variables or {}),
            },
            deadline=deadline,
        )
        return reply["ActionID"]

    async def _perform(self, action: AmiAction, deadline: timedelta | None) -> object:
        if self._driver is None or not self._driver.authenticated:
            raise AmiLinkLostError(f"{action.name}: {self.name} is not logged in ({self.state})")
        deadline = deadline or self._deadline
        # Asterisk runs a session's actions one after the other: a ping behind a slow one is not a dead link.
        until = asyncio.get_running_loop().time() + deadline.total_seconds()
        self._slowest_until = max(self._slowest_until, until)
        return await self._driver.perform(action, deadline)

    async def _keep_up(self) -> None:
        loop = asyncio.get_running_loop()
        task = asyncio.current_task()
        attempt = 0
        while True:
            self._set_state("connecting")
            started = loop.time()
            error = await self._one_login()
            # A task group whose child fails while it is being cancelled raises the child's error instead.
            if task is not None and task.cancelling():
                raise asyncio.CancelledError
            # A login that is accepted and dropped at once must not be repeated at full speed.
            if loop.time() - started > self._backoff.maximum.total_seconds():
                attempt = 0
            if isinstance(error, AmiLoginRefusedError):
                wait = self._backoff.refused
            else:
                wait = self._backoff.wait(attempt, self._chance)
            attempt += 1
            self.last_error = error
            self._set_state("waiting")
            _log.warning(
                "ami_link_down",
                link=self.name,
                error_id=error.error_id,
                reason=str(error),
                retry_in=wait.total_seconds(),
            )
            await asyncio.sleep(wait.total_seconds())

    async def _one_login(self) -> AmiError:
        """From connecting to the end of that connection; returns why it ended."""
        driver = AmiDriver(self._address.host, self._address.port, on_event=self._take, wanted=self._wanted)
        self._driver = driver
        self._booted.clear()
        self._slowest_until = 0.0
        try:
            await driver.connect(self._deadline)
            self._set_state("logging_in")
            # `system` first: FullyBooted is sent with the login, the flood only once the filters are in place.
            mask = "system" if self._events else "off"
            await driver.log_in(self._address.username, self._address.secret, mask=mask, deadline=self._deadline)
            self.logins += 1
            error = await self._serve(driver)
        except AmiError as refusal:
            error = refusal
        finally:
            self._driver = None
            driver.close()
            await driver.wait_closed()
        if driver.authenticated:
            self._tell_lost(error)
        return error

    async def _serve(self, driver: AmiDriver) -> AmiError:
        failures: list[AmiError] = []
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._watch(driver), name=f"{self.name} watch")
                if self._events:
                    await self._subscribe(driver)
                while True:
                    self._booted.clear()
                    await self._resync()
                    self.last_error = None
                    self._set_state("ready")
                    _log.info("ami_link_ready", link=self.name, login=self.logins)
                    await self._booted.wait()
        except* AmiError as group:
            failures.extend(error for error in group.exceptions if isinstance(error, AmiError))
        return failures[0]

    async def _subscribe(self, driver: AmiDriver) -> None:
        for criteria in self._filters:
            try:
                headers = {"Operation": "Add", "MatchCriteria": criteria}
                await driver.perform(AmiAction("Filter", headers, as_list=False), self._deadline)
            except AmiRefusedError as error:
                _log.warning("ami_filter_refused", link=self.name, reason=error.message)
                break
        await driver.perform(AmiAction("Events", {"EventMask": "on"}, as_list=False), self._deadline)
        try:
            async with asyncio.timeout(self._boot_deadline.total_seconds()):
                await self._booted.wait()
        except TimeoutError:
            # Still booting, or the user may not read `system`; a late FullyBooted runs the resync again.
            _log.warning("ami_not_fully_booted", link=self.name)

    async def _resync(self) -> None:
        self._set_state("resyncing")
        if self._on_ready is None:
            return
        try:
            await self._on_ready()
        except AmiLinkLostError:
            raise
        except Exception as error:
            _log.error("ami_resync_failed", link=self.name, **origin_of(error))
            reason = str(error) if isinstance(error, AmiError) else type(error).__name__
            raise AmiResyncError(f"resync after login: {reason}") from error

    async def _watch(self, driver: AmiDriver) -> None:
        """Raise when the link is lost, or when it no longer answers."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.wait([driver.lost], timeout=self._ping_interval.total_seconds())
            if driver.lost.done():
                raise driver.lost.result()
            received = driver.protocol.received_bytes
            busy = timedelta(seconds=max(0.0, self._slowest_until - loop.time()))
            try:
                await driver.perform(AmiAction("Ping", {}, as_list=False), self._ping_deadline + busy)
            except AmiRefusedError:
                continue  # a refusal is an answer
            except AmiDeadlineError as error:
                # A backlog of events may hold the pong up; a link that delivers is not dead.
                if driver.protocol.received_bytes == received:
                    lost = AmiLinkLostError(f"half-open link: {error}")
                    driver.protocol.drop(lost)
                    raise lost from error

    def _take(self, event: AmiEvent) -> None:
        if event.name == "FullyBooted":
            self._booted.set()
        if self._on_event is not None:
            self._on_event(event)

    def _tell_lost(self, error: AmiError) -> None:
        if self._on_lost is None:
            return
        try:
            self._on_lost(error)
        except Exception as failure:  # noqa: BLE001  # as with events: the link outlives its listeners
            _log.error("ami_callback_failed", ami_event="on_lost", **origin_of(failure))

    def _set_state(self, state: AmiState) -> None:
        if self._ended:
            return
        self.state = state
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
