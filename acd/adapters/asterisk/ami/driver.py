"""panoramisk, with its connection handling replaced through its own extension points.

`AmiProtocol` is given to panoramisk as `protocol_factory`; `AmiDriver` is its `Manager` for exactly one connection.
Reconnecting, logging in and pinging belong to the session, which makes a new driver for each attempt: nothing of
an old connection can reach a new one.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import structlog
from panoramisk.ami_protocol import AMIProtocol
from panoramisk.manager import Manager

from acd.adapters.asterisk.ami.action import AmiAction
from acd.adapters.asterisk.ami.errors import (
    AmiDeadlineError,
    AmiError,
    AmiInvalidValueError,
    AmiLinkLostError,
    AmiLoginRefusedError,
    AmiRefusedError,
    AmiUnreachableError,
)
from acd.adapters.asterisk.ami.message import AmiEvent, AmiReader

_log = structlog.get_logger(__name__)

# List actions given up on whose late items must not pass for live events.
_FORGOTTEN_LISTS = 256
# Login errors that mend themselves; everything else needs a person.
_PASSING_LOGIN_ERRORS = ("Asterisk is shutting down",)


class AmiProtocol(AMIProtocol):  # type: ignore[misc]  # panoramisk is untyped
    """Bytes in, messages out; replies matched by ActionID, events handed to the driver in order."""

    def __init__(self, driver: AmiDriver, wanted: frozenset[str] | None) -> None:
        self.factory = driver
        self.reader = AmiReader(wanted)
        self.responses: dict[str, AmiAction] = {}
        self.forgotten: dict[str, None] = {}
        self.received_bytes = 0
        self.closed = False
        self.failure: AmiError | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def send(self, data: AmiAction, as_list: bool | None = None) -> asyncio.Future[Any]:
        """Write `data` at once. Whether it is a list is the action's own; `as_list` is panoramisk's and unused."""
        if data.id in self.responses:
            raise AmiInvalidValueError(f"{data.name}: its ActionID is already waiting for an answer")
        self.responses[data.id] = data
        self.transport.write(data.wire)
        return cast("asyncio.Future[Any]", data.future)

    def data_received(self, data: bytes) -> None:
        self.received_bytes += len(data)
        try:
            messages = self.reader.feed(data)
        except AmiUnreachableError as error:
            self.drop(error)
            return
        for message in messages:
            self.handle_message(message)
        if self.reader.version is not None:
            self.factory.greeted()

    def handle_message(self, message: AmiEvent) -> None:
        action_id = message.headers.get("ActionID")
        if action_id is not None:
            action = self.responses.get(action_id)
            # An event with the id of a single-answer action is news about it (OriginateResponse), not its reply.
            if action is not None and (action.multi or not message.name):
                if action.add_message(message):
                    del self.responses[action_id]
                return
            if action_id in self.forgotten:
                if "EventList" in message and message.name:
                    del self.forgotten[action_id]
                return
        if message.name:
            self.factory.dispatch(message)

    def forget(self, action: AmiAction) -> None:
        """Drop what is kept for `action`; a late answer to it goes nowhere."""
        if self.responses.pop(action.id, None) is not None and action.multi:
            self.forgotten[action.id] = None
            if len(self.forgotten) > _FORGOTTEN_LISTS:
                del self.forgotten[next(iter(self.forgotten))]

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        reason = f"{type(exc).__name__}: {exc}" if exc else "Asterisk closed the connection"
        error = self.failure or AmiLinkLostError(reason)
        self._fail_pending(error)
        self.factory.connection_lost(error)

    def close(self) -> None:
        """End the connection; what was waiting fails and is not kept for a replay."""
        self._fail_pending(self.failure or AmiLinkLostError("closed"))
        if not self.closed:
            self.closed = True
            # A peer that takes no data would keep a politely closing socket open for ever.
            if self.transport.get_write_buffer_size():
                self.transport.abort()
            else:
                self.transport.close()

    def drop(self, error: AmiError) -> None:
        """End a connection that is no longer believed in; `error` is the reason everyone hears."""
        self.failure = self.failure or error
        self.transport.abort()

    def _fail_pending(self, error: AmiError) -> None:
        waiting = list(self.responses.values())
        self.responses.clear()
        for action in waiting:
            if not action.future.done():
                action.future.set_exception(AmiLinkLostError(f"{action.name}: {error}"))


class AmiDriver(Manager):  # type: ignore[misc]  # panoramisk is untyped
    """One connection: connect, log in, perform actions, hand events to `on_event`; then it is spent.

    `lost` resolves, with the reason, when the connection has ended for whatever cause. Replaces panoramisk's
    pattern callbacks by one function, so `register_event` has no effect here.
    """

    def __init__(
        self, host: str, port: int, *, on_event: Callable[[AmiEvent], None] | None, wanted: frozenset[str] | None
    ) -> None:
        loop = asyncio.get_running_loop()
        super().__init__(host=host, port=port, loop=loop, protocol_factory=lambda: AmiProtocol(self, wanted), log=_log)
        self.on_event = on_event
        self.lost: asyncio.Future[AmiError] = loop.create_future()
        self.failed_callbacks = 0
        self._greeting: asyncio.Future[None] = loop.create_future()

    async def connect(self, deadline: timedelta) -> None:
        """Open the connection and wait for the banner. Raises AmiUnreachableError."""
        host, port = self.config["host"], self.config["port"]
        try:
            async with asyncio.timeout(deadline.total_seconds()):
                _, self.protocol = await self.loop.create_connection(self.config["protocol_factory"], host, port)
                ends: list[asyncio.Future[Any]] = [self._greeting, self.lost]
                await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        except TimeoutError:
            raise AmiUnreachableError(f"{host}:{port}: no AMI greeting in {deadline.total_seconds():g} s") from None
        except OSError as error:
            raise AmiUnreachableError(f"{host}:{port}: {error.strerror or error}") from error
        if self.lost.done():
            raise AmiUnreachableError(f"{host}:{port}: {self.lost.result()}")

    def greeted(self) -> None:
        """The banner has come."""
        if not self._greeting.done():
            self._greeting.set_result(None)

    async def log_in(self, username: str, secret: str, *, mask: str, deadline: timedelta) -> None:
        """MD5 challenge and login, so that the secret is never on the wire.

        `mask` is the event mask of AMI's Login (`off`, `system`, `on`). Raises AmiLoginRefusedError when Asterisk
        says no, AmiUnreachableError when it does not answer or closes the connection.
        """
        try:
            challenge = await self.perform(AmiAction("Challenge", {"AuthType": "MD5"}, as_list=False), deadline)
            # AMI knows no other digest; it hides the secret from a passive listener, no more.
            key = hashlib.md5((challenge.get("Challenge", "") + secret).encode()).hexdigest()  # noqa: S324
            headers = {"AuthType": "MD5", "Username": username, "Key": key, "Events": mask}
            await self.perform(AmiAction("Login", headers, as_list=False), deadline)
        except AmiRefusedError as error:
            if error.message.startswith(_PASSING_LOGIN_ERRORS):
                raise AmiUnreachableError(f"login: {error.message}") from error
            raise AmiLoginRefusedError(f"user {username}: {error.message}") from error
        except (AmiDeadlineError, AmiLinkLostError) as error:
            raise AmiUnreachableError(f"login: {error}") from error
        self.authenticated = True

    def send_action(self, action: AmiAction, as_list: bool | None = None, **kwargs: object) -> asyncio.Future[Any]:
        """Write the action. Raises AmiLinkLostError if there is no open connection."""
        if self.protocol is None or self.protocol.closed:
            raise AmiLinkLostError(f"{action.name}: not connected")
        future: asyncio.Future[Any] = self.protocol.send(action)
        return future

    async def perform(self, action: AmiAction, deadline: timedelta) -> Any:
        """Send `action` and wait for its answer: an AmiEvent, or a list of them for a list action.

        Raises AmiDeadlineError, AmiRefusedError, AmiLinkLostError. Nothing is kept afterwards, cancelled or not.
        """
        future = self.send_action(action)
        try:
            async with asyncio.timeout(deadline.total_seconds()):
                return await future
        except TimeoutError:
            raise AmiDeadlineError(f"{action.name}: no answer in {deadline.total_seconds():g} s") from None
        finally:
            self.protocol.forget(action)

    def dispatch(self, event: AmiEvent) -> None:
        """Hand the event on. A failing callback costs that event only, never the link."""
        if self.on_event is None:
            return
        try:
            self.on_event(event)
        except Exception as error:  # noqa: BLE001  # the link serves every call; one bad event must not end it
            self.failed_callbacks += 1
            # Powers of two: a callback that fails on every event must not flood the log.
            if self.failed_callbacks & (self.failed_callbacks - 1) == 0:
                _log.error("ami_callback_failed", ami_event=event.name, times=self.failed_callbacks, **origin_of(error))

    def connection_lost(self, exc: AmiError) -> None:
        if not self.lost.done():
            self.lost.set_result(exc)

    def close(self) -> None:
        if self.protocol is not None:
            self.protocol.close()

    async def wait_closed(self) -> None:
        """Until the socket is really gone; call after `close`."""
        if self.protocol is not None:
            await asyncio.wait([self.lost])


def origin_of(error: BaseException) -> dict[str, str]:
    """Type and place of an exception for the log; its text may hold a caller's data."""
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    place = f"{Path(frame.tb_frame.f_code.co_filename).name}:{frame.tb_lineno}" if frame else "?"
    return {"error": type(error).__name__, "at": place}
