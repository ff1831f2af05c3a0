"""The FastAGI server: Asterisk connects once per caller and does what the session's handler says.

Read first: `agi_protocol` (what goes over the wire), `agi_quoting` (what must never), `agi_session` (the commands).

An `asyncio.Protocol`, not streams: a HANGUP is seen while nobody reads, a reply wakes the awaiting command straight
from `data_received`, and a command is on the wire before `await` is reached. Against streams doing the same work it
saves about a tenth of a round trip, 13 against 14 us (tests/bench/bench_fastagi.py): the first reason counts most.

AGI has no TLS and no authentication: listen on loopback or a private network only. The first argument of AGI() must be
the installation's token. Whoever sends nothing, garbage, too much or the wrong token is dropped and counted; the log
tells each reason on its 1st, 2nd, 4th, 8th… time, so that a port scan cannot flood it.
"""

import asyncio
import hmac
import socket
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType, TracebackType
from typing import Any, ClassVar, Self

import structlog

from acd.adapters.asterisk.agi_errors import (
    AgiBusyError,
    AgiCommandError,
    AgiConnectionLostError,
    AgiDeadlineError,
    AgiError,
    AgiHangupError,
    AgiInvalidArgumentError,
)
from acd.adapters.asterisk.agi_protocol import AgiEnvironment, AgiHangup, AgiParser, AgiReply, AgiViolation
from acd.adapters.asterisk.agi_quoting import escape_application_argument, plain_text, quote
from acd.adapters.asterisk.agi_session import AgiSession, GetData, SessionEnd

__all__ = [
    "AgiBusyError",
    "AgiCommandError",
    "AgiConnectionLostError",
    "AgiDeadlineError",
    "AgiError",
    "AgiHangupError",
    "AgiInvalidArgumentError",
    "AgiReply",
    "AgiSession",
    "FastAgiBindError",
    "FastAgiServer",
    "FastAgiStatistics",
    "GetData",
    "SessionEnd",
    "escape_application_argument",
    "plain_text",
    "quote",
]

SessionCallback = Callable[[AgiSession], Awaitable[None]]

_log = structlog.get_logger(__name__)

_TOKEN_ARGUMENT = "agi_arg_1"  # noqa: S105 - the name of a header, not a secret


class FastAgiBindError(Exception):
    """The address cannot be listened on; the message says which and what to do."""

    error_id: ClassVar[str] = "fastagi_bind"


@dataclass(slots=True)
class FastAgiStatistics:
    """Counts since the start. `rejected` is by reason: "not_agi", "environment_malformed", "environment_forged",
    "environment_too_large", "silent", "closed_early", "full", "token", "reply_malformed", "reply_too_long",
    "reply_unsolicited"."""

    connections: int = 0
    sessions: int = 0
    handler_errors: int = 0
    connections_lost: int = 0
    deadlines: int = 0
    rejected: Counter[str] = field(default_factory=Counter)


class FastAgiServer:
    """Listens for Asterisk and runs `handler` once per caller.

    `async with FastAgiServer(...) as server:` listens; leaving stops accepting, cancels the handlers, waits for them
    and closes what is left, so that every channel goes on in the dialplan. A handler that raises ends its own session
    only. Raises FastAgiBindError on entering, ValueError on an empty token.

    handshake_deadline: from connecting to the end of the environment.
    command_deadline: for commands Asterisk answers at once; media_deadline: for prompts and ANSWER.
    max_sessions: connections beyond are refused (the dialplan then tries the next node or plays music).
    """

    def __init__(
        self,
        host: str,
        port: int,
        handler: SessionCallback,
        *,
        token: str,
        handshake_deadline: timedelta = timedelta(seconds=5),
        command_deadline: timedelta = timedelta(seconds=10),
        media_deadline: timedelta = timedelta(minutes=10),
        max_sessions: int = 4096,
    ) -> None:
        if not token:
            raise ValueError("FastAGI needs the installation's token: an empty one would let anybody in")
        self.statistics = FastAgiStatistics()
        self._host = host
        self._port = port
        self._handler = handler
        self._token = token.encode()
        self._handshake_seconds = handshake_deadline.total_seconds()
        self._command_deadline = command_deadline
        self._media_deadline = media_deadline
        self._max_sessions = max_sessions
        self._connections: set[_Connection] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._group = asyncio.TaskGroup()
        self._server: asyncio.Server | None = None
        self._closing = False

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(
                lambda: _Connection(self),
                self._host,
                self._port,
                backlog=self._max_sessions,
                start_serving=False,
            )
        except OSError as error:
            raise self._bind_error(error) from error
        for listening in self._server.sockets:
            _watch_for_dead_peers(listening)
        await self._group.__aenter__()
        try:
            await self._server.start_serving()
        except OSError as error:
            raise self._bind_error(error) from error
        return self

    def _bind_error(self, error: OSError) -> FastAgiBindError:
        return FastAgiBindError(
            f"FastAGI cannot listen on {self._host}:{self._port} ({error.strerror or error}): stop what uses that "
            "address, or set another FastAGI host and port and the same ones in the dialplan's agi:// address"
        )

    async def __aexit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._closing = True
        assert self._server is not None  # noqa: S101 - entered before
        self._server.close()
        for task in self._tasks:
            task.cancel()
        try:
            # The group is not told of the body's exception: it would wrap it in an ExceptionGroup.
            await self._group.__aexit__(None, None, None)
        finally:
            for connection in tuple(self._connections):
                connection.abort()
            await self._server.wait_closed()

    @property
    def port(self) -> int:
        """The port listened on, also when 0 was asked for."""
        assert self._server is not None  # noqa: S101 - only inside `async with`
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    @property
    def active_sessions(self) -> int:
        """Callers whose handler is running."""
        return len(self._tasks)

    # What a connection reports

    def admits(self, connection: "_Connection") -> bool:
        """Takes the connection in; False if there is no room or the server is closing."""
        self.statistics.connections += 1
        if self._closing or len(self._connections) >= self._max_sessions:
            return False
        self._connections.add(connection)
        return True

    def left(self, connection: "_Connection") -> None:
        """The connection's socket is gone."""
        self._connections.discard(connection)

    def rejected(self, reason: str, peer: str) -> None:
        """Counts a connection dropped and logs it, ever more rarely."""
        self.statistics.rejected[reason] += 1
        count = self.statistics.rejected[reason]
        if count & (count - 1) == 0:
            _log.warning("fastagi connection dropped", reason=reason, peer=peer, count=count)

    def open_session(self, transport: asyncio.Transport, environment: Mapping[str, str]) -> AgiSession | None:
        """Starts the handler; None if the token is wrong."""
        token = environment.get(_TOKEN_ARGUMENT, "")
        if not hmac.compare_digest(token.encode(), self._token):
            return None
        values = {name: value for name, value in environment.items() if name != _TOKEN_ARGUMENT}
        arguments: list[str] = []
        while (argument := values.get(f"agi_arg_{len(arguments) + 2}")) is not None:
            arguments.append(argument)
        session = AgiSession(
            transport,
            MappingProxyType(values),
            arguments,
            command_deadline=self._command_deadline,
            media_deadline=self._media_deadline,
        )
        self.statistics.sessions += 1
        task = self._group.create_task(self._run(session))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return session

    async def _run(self, session: AgiSession) -> None:
        log = _log.bind(script=session.script, uniqueid=session.environment.get("agi_uniqueid"))
        try:
            await self._handler(session)
        except AgiHangupError:
            log.debug("fastagi session ended by hangup")
        except AgiConnectionLostError:
            self.statistics.connections_lost += 1
            log.warning("fastagi connection lost")
        except AgiDeadlineError as error:
            self.statistics.deadlines += 1
            log.warning("fastagi deadline passed", command_error=str(error))
        except Exception:
            self.statistics.handler_errors += 1
            log.exception("fastagi handler failed")
        finally:
            session.close()


class _Connection(asyncio.Protocol):
    """One socket: parser in front, session behind."""

    def __init__(self, server: FastAgiServer) -> None:
        self._server = server
        self._parser = AgiParser()
        self._session: AgiSession | None = None
        self._transport: asyncio.Transport | None = None
        self._handshake_timer: asyncio.TimerHandle | None = None
        self._dropped = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - TCP gives no other
        self._transport = transport
        if not self._server.admits(self):
            self._drop("full")
            return
        loop = asyncio.get_running_loop()
        self._handshake_timer = loop.call_later(self._server._handshake_seconds, self._drop, "silent")

    def data_received(self, data: bytes) -> None:
        for event in self._parser.receive_data(data):
            if self._dropped:
                return
            match event:
                case AgiReply():
                    if self._session is None or not self._session.reply_received(event):
                        self._drop("reply_unsolicited")
                case AgiHangup():
                    if self._session is not None:
                        self._session.hangup_received()
                case AgiEnvironment(values):
                    self._open_session(values)
                case AgiViolation(reason):
                    self._drop(reason)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_handshake_timer()
        self._server.left(self)
        if self._session is not None:
            self._session.connection_lost()
        elif not self._dropped:
            self._server.rejected("closed_early", self._peer())

    def abort(self) -> None:
        """Closes at once, whatever is unsent."""
        self._dropped = True
        if self._transport is not None:
            self._transport.abort()

    def _open_session(self, environment: Mapping[str, str]) -> None:
        self._stop_handshake_timer()
        if self._transport is None or self._transport.is_closing():
            return
        self._session = self._server.open_session(self._transport, environment)
        if self._session is None:
            self._drop("token")

    def _drop(self, reason: str) -> None:
        self._server.rejected(reason, self._peer())
        self._stop_handshake_timer()
        self.abort()

    def _stop_handshake_timer(self) -> None:
        if self._handshake_timer is not None:
            self._handshake_timer.cancel()
            self._handshake_timer = None

    def _peer(self) -> str:
        peer: Any = self._transport.get_extra_info("peername") if self._transport is not None else None
        return f"{peer[0]}" if peer else "unknown"


def _watch_for_dead_peers(listening: socket.socket) -> None:
    """An idle caller's socket to an Asterisk that lost power ends after about a minute; accepted sockets inherit it."""
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for option, value in (
        ("TCP_KEEPIDLE", 30),
        ("TCP_KEEPINTVL", 10),
        ("TCP_KEEPCNT", 3),
        ("TCP_USER_TIMEOUT", 60_000),
    ):
        number = getattr(socket, option, None)  # Linux has all of them, other systems some
        if number is not None:
            listening.setsockopt(socket.IPPROTO_TCP, number, value)
