"""A scriptable Asterisk manager that misbehaves on demand.

    async with FakeAmiServer() as server:
        server.on("Originate", lambda session, action: session.reply(action, Message="..."))
        session = await server.logged_in(1)
        session.event("Newchannel", Uniqueid="1.1")

Well-behaved by default: MD5 login, FullyBooted for sessions that hear `system`, Pong, Success for the rest.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from types import TracebackType
from typing import Self, cast

Action = dict[str, list[str]]
Behaviour = Callable[["FakeAmiSession", Action], None]

CHALLENGE = "621398680"
DEADLINE_SECONDS = 10
SECRET = "s3cret"


class FakeAmiSession(asyncio.Protocol):
    """One client's connection. `actions` holds what it sent, `raw` its bytes."""

    def __init__(self, server: FakeAmiServer) -> None:
        self.server = server
        self.actions: list[Action] = []
        self.raw = b""
        self.is_logged_in = False
        self.is_closed = False
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.server.sessions.append(self)
        if self.server.banner:
            self.write(self.server.banner)
        self.server.changed()

    def data_received(self, data: bytes) -> None:
        self.raw += data
        *blocks, self._buffer = (self._buffer + data).split(b"\r\n\r\n")
        for block in blocks:
            action: Action = {}
            for line in block.decode().split("\r\n"):
                key, _, value = line.partition(": ")
                action.setdefault(key, []).append(value)
            self.actions.append(action)
            name = action["Action"][0]
            if not self.server.is_mute:
                self.server.behaviours.get(name, _succeed)(self, action)
        self.server.changed()

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_closed = True
        self.server.changed()

    def write(self, data: bytes) -> None:
        self.transport.write(data)

    def reply(self, action: Action, response: str = "Success", **headers: str) -> None:
        lines = {"Response": response, "ActionID": action["ActionID"][0], **headers}
        self.write(message(lines))

    def event(self, name: str, **headers: str) -> None:
        self.write(message({"Event": name, **headers}))

    def drop(self) -> None:
        self.transport.abort()

    def named(self, name: str) -> list[Action]:
        """The actions of that name received so far."""
        return [action for action in self.actions if action["Action"] == [name]]


class FakeAmiServer:
    """Listens on a free loopback port while the context lasts; `stop` and `start` are Asterisk going and coming."""

    def __init__(self, secret: str = SECRET) -> None:
        self.secret = secret
        self.banner = b"Asterisk Call Manager/11.0.0\r\n"
        self.is_mute = False
        self.is_booted = True
        self.port = 0
        self.sessions: list[FakeAmiSession] = []
        self.behaviours: dict[str, Behaviour] = {
            "Challenge": lambda session, action: session.reply(action, Challenge=CHALLENGE),
            "Login": _log_in,
            "Ping": lambda session, action: session.reply(action, Ping="Pong"),
        }
        self._server: asyncio.Server | None = None
        self._changed = asyncio.Event()

    def on(self, action: str, behaviour: Behaviour) -> None:
        self.behaviours[action] = behaviour

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: FakeAmiSession(self), "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            for session in self.sessions:
                session.drop()
            await self._server.wait_closed()
            self._server = None
            await self.until(lambda: all(session.is_closed for session in self.sessions))

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def changed(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until `condition` holds, looking again whenever a client did something."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            while not condition():
                await self._changed.wait()

    async def logged_in(self, count: int) -> FakeAmiSession:
        """The session of the `count`-th accepted login since the start."""
        await self.until(lambda: len(self._logins()) >= count)
        return self._logins()[count - 1]

    async def received(self, session: FakeAmiSession, name: str, count: int = 1) -> Action:
        """The `count`-th action of that name from `session`."""
        await self.until(lambda: len(session.named(name)) >= count)
        return session.named(name)[count - 1]

    def _logins(self) -> list[FakeAmiSession]:
        return [session for session in self.sessions if session.is_logged_in]


def message(headers: dict[str, str]) -> bytes:
    return ("".join(f"{key}: {value}\r\n" for key, value in headers.items()) + "\r\n").encode()


def silent(session: FakeAmiSession, action: Action) -> None:
    """Never answer."""


def items(session: FakeAmiSession, action: Action, event: str, values: list[dict[str, str]]) -> None:
    """Answer a list action the way Asterisk does."""
    action_id = action["ActionID"][0]
    session.reply(action, EventList="start", Message="will follow")
    for value in values:
        session.event(event, ActionID=action_id, **value)
    session.event(f"{event}Complete", ActionID=action_id, EventList="Complete", ListItems=str(len(values)))


def _succeed(session: FakeAmiSession, action: Action) -> None:
    session.reply(action, Message="Success")


def _log_in(session: FakeAmiSession, action: Action) -> None:
    key = hashlib.md5((CHALLENGE + session.server.secret).encode(), usedforsecurity=False).hexdigest()
    if action["Key"] != [key]:
        session.reply(action, "Error", Message="Authentication failed")
        session.transport.close()
        return
    session.reply(action, Message="Authentication accepted")
    session.is_logged_in = True
    if session.server.is_booted and action["Events"] != ["off"]:
        session.event("FullyBooted", Status="Fully Booted")
