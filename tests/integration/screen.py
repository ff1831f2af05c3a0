"""A screen: one user's HTTP session and WebSocket, with the instant at which each frame arrived.

The WebSocket is spoken here on a bare protocol, not through aiohttp's reader: a frame is stamped when its bytes come
off the socket, in the same step of the event loop in which a phone stamps its INVITE. A stamp from a task that is
woken later could come after that of an INVITE that came later.
"""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import msgspec

from tests.integration.waiting import until

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10


@dataclass(frozen=True, slots=True)
class Frame:
    """`arrived_at`: time of the event loop, as the phones' instants."""

    type: str
    seq: int
    at: str
    data: Any
    arrived_at: float


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: Any


class _Socket(asyncio.Protocol):
    def __init__(self, host: str, port: int, path: str, token: str) -> None:
        self.frames: list[Frame] = []
        self.refusal = ""
        self.is_open = False
        self.is_lost = False
        self._request = (
            f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}\r\nSec-WebSocket-Version: 13\r\n"
            f"Authorization: Bearer {token}\r\n\r\n"
        )
        self._loop = asyncio.get_running_loop()
        self._bytes = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(self._request.encode())

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_lost = True

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        now = self._loop.time()
        self._bytes += data
        if not self.is_open and not self._read_response():
            return
        while self._read_frame(now):
            pass

    def _read_response(self) -> bool:
        head, end, rest = self._bytes.partition(b"\r\n\r\n")
        if not end:
            return False
        status = head.split(b"\r\n")[0].decode()
        if " 101 " not in status:
            self.refusal = status
            return False
        self.is_open, self._bytes = True, rest
        return True

    def _read_frame(self, now: float) -> bool:
        """RFC 6455, 5.2; servers do not mask, and this one does not fragment."""
        if len(self._bytes) < 2:
            return False
        first, length = self._bytes[0], self._bytes[1]
        start = {126: 4, 127: 10}.get(length, 2)
        if start > 2:
            length = int.from_bytes(self._bytes[2:start], "big")
        if len(self._bytes) < start + length:
            return False
        payload, self._bytes = self._bytes[start : start + length], self._bytes[start + length :]
        if first & 0x0F == TEXT:
            frame = msgspec.json.decode(payload)
            self.frames.append(Frame(frame["type"], frame["seq"], frame["at"], frame["data"], now))
        elif first & 0x0F == PING and self._transport is not None:
            self._transport.write(bytes([0x80 | PONG, 0x80 | len(payload)]) + bytes(4) + payload)
        return True


class Screen:
    """What `open_screen` yields."""

    def __init__(self, http: aiohttp.ClientSession, token: str, socket: _Socket) -> None:
        self._http = http
        self._socket = socket
        self.token = token

    # frames --------------------------------------------------------------------------------------------------

    @property
    def frames(self) -> list[Frame]:
        return self._socket.frames

    @property
    def is_lost(self) -> bool:
        """The service is gone, or has cut this screen off."""
        return self._socket.is_lost

    def of(self, kind: str) -> list[Frame]:
        return [frame for frame in self.frames if frame.type == kind]

    async def frame(self, kind: str, like: Callable[[Any], bool] = bool, *, patience: float = 15.0) -> Frame:
        """The first frame of that type whose data is like that, waited for."""

        def found() -> list[Frame]:
            return [frame for frame in self.of(kind) if like(frame.data)]

        await until(lambda: bool(found()), f"a frame `{kind}` comes", patience=patience)
        return found()[0]

    @property
    def agent(self) -> dict[str, Any]:
        """The agent's state as the screen shows it now."""
        for frame in reversed(self.frames):
            if frame.type == "agent":
                return dict(frame.data)
            if frame.type == "snapshot":
                return dict(frame.data["agent"])
        return {"state": None, "reason": None}

    async def becomes(self, state: str, reason: str | None = None) -> None:
        def is_so() -> bool:
            shown = self.agent
            return shown["state"] == state and reason in {None, shown["reason"]}

        await until(is_so, f"the agent is {state} {reason or ''}")

    # requests ------------------------------------------------------------------------------------------------

    async def get(self, path: str) -> Any:
        async with self._http.get(path) as response:
            assert response.status == 200, (path, response.status, await response.text())
            return await response.json()

    async def text(self, path: str) -> str:
        async with self._http.get(path) as response:
            assert response.status == 200, (path, response.status)
            return await response.text()

    async def bytes(self, path: str, headers: Mapping[str, str]) -> Answer:
        async with self._http.get(path, headers=headers) as response:
            return Answer(response.status, await response.read())

    async def post(self, path: str, body: object = None) -> Answer:
        async with self._http.post(path, json={} if body is None else body) as response:
            return Answer(response.status, None if response.status == 204 else await response.json())

    async def delete(self, path: str) -> None:
        async with self._http.delete(path) as response:
            assert response.status == 204, (path, response.status)

    async def put(self, path: str, body: object) -> int:
        async with self._http.put(path, json=body) as response:
            return response.status

    async def order(self, what: str, **body: object) -> dict[str, Any]:
        """An agent's order; it must be carried out."""
        answer = await self.post(f"/api/v1/agents/me/{what}", body)
        assert answer.status == 200, (what, answer)
        return dict(answer.body)

    async def log_out(self) -> None:
        async with self._http.delete("/api/v1/session") as response:
            assert response.status == 204, response.status


@asynccontextmanager
async def open_screen(url: str, login: str, password: str, feed: str = "") -> AsyncIterator[Screen]:
    """Log in and connect; log out at the end if the service is still there."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or 80
    loop = asyncio.get_running_loop()
    async with aiohttp.ClientSession(url) as http:
        body = {"login": login, "password": password, "token": True}
        async with http.post("/api/v1/session", json=body) as response:
            assert response.status == 200, await response.text()
            token = (await response.json())["token"]
        http.headers["Authorization"] = f"Bearer {token}"
        path = f"/ws?feed={feed}" if feed else "/ws"
        _, socket = await loop.create_connection(lambda: _Socket(host, port, path, token), host, port)
        screen = Screen(http, token, socket)
        try:
            await until(lambda: bool(socket.frames or socket.refusal), "the screen gets its first frame")
            assert not socket.refusal, socket.refusal
            yield screen
            with suppress(aiohttp.ClientConnectionError):
                await screen.log_out()
        finally:
            socket.close()
