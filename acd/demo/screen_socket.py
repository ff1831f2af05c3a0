"""A screen's WebSocket on a bare socket, with the instant at which the kernel received each frame.

What a browser's WebSocket gives its page is late by whatever the page is doing; here the question is when the pop was
there. Loop time and the kernel's stamps are on clocks that all processes of a machine share, so a frame here and a
datagram at a phone in another process can be compared (the phone stamps its INVITE in the same way).
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import secrets
import socket
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, 1.3
_SO_TIMESTAMPNS = 35  # Linux; the constant has no name in Python's socket module
_TIMESPEC = struct.Struct("@qq")
_LARGEST_HEAD = 16 * 1024
_READ = 256 * 1024
_TEXT, _CLOSE, _PING, _PONG = 1, 8, 9, 10

OnFrame = Callable[[bytes, float, float], None]


class ScreenRefusedError(Exception):
    """The server did not open a WebSocket; `status` is that of its answer."""

    error_id = "demo.screen_refused"

    def __init__(self, status: int) -> None:
        super().__init__(f"the server answered {status} to the WebSocket's request")
        self.status = status


class ScreenSocket:
    """`on_frame(payload, arrived_at, read_at)`: a text frame; both instants are loop time in seconds."""

    def __init__(self, host: str, port: int, token: str, on_frame: OnFrame) -> None:
        self._address = (host, port)
        self._token = token
        self._on_frame = on_frame
        self._loop = asyncio.get_running_loop()
        self._buffer = bytearray()
        self._key = base64.b64encode(secrets.token_bytes(16))
        self._opened: asyncio.Future[None] = self._loop.create_future()
        self.closed: asyncio.Future[None] = self._loop.create_future()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.setblocking(False)
        with suppress(OSError):
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)

    async def __aenter__(self) -> Self:
        """Raises ScreenRefusedError, or OSError when nobody listens."""
        try:
            await self._loop.sock_connect(self._socket, self._address)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await self._loop.sock_sendall(self._socket, self._request())
            self._loop.add_reader(self._socket, self._readable)
            await self._opened
        except BaseException:
            self._close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._close()

    def _request(self) -> bytes:
        host, port = self._address
        lines = (
            "GET /ws?feed=agent HTTP/1.1",
            f"Host: {host}:{port}",
            f"Authorization: Bearer {self._token}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {self._key.decode()}",
            "Sec-WebSocket-Version: 13",
        )
        return "\r\n".join((*lines, "", "")).encode()

    def _close(self) -> None:
        self._loop.remove_reader(self._socket)
        self._socket.close()
        if not self._opened.done():
            self._opened.set_exception(ConnectionResetError("the server closed the connection"))
            self._opened.exception()  # looked at: nobody may be waiting for it
        if not self.closed.done():
            self.closed.set_result(None)

    # receiving -----------------------------------------------------------------------------------------------

    def _readable(self) -> None:
        try:
            data, ancillary, _, _ = self._socket.recvmsg(_READ, 64)
        except BlockingIOError:
            return
        except OSError:
            self._close()
            return
        read_at = self._loop.time()
        if not data:
            self._close()
            return
        self._buffer += data
        if not self._opened.done() and not self._take_head():
            return
        arrived_at = _arrival(ancillary, read_at)
        while not self.closed.done() and self._take_frame(arrived_at, read_at):
            pass

    def _take_head(self) -> bool:
        head, separator, rest = bytes(self._buffer).partition(b"\r\n\r\n")
        if not separator:
            if len(head) > _LARGEST_HEAD:
                self._close()
            return False
        status = int(head[9:12]) if head[9:12].isdigit() else 0
        expected = base64.b64encode(hashlib.sha1(self._key + _GUID, usedforsecurity=False).digest())
        headers = dict(line.split(b":", 1) for line in head.lower().splitlines()[1:] if b":" in line)
        given = headers.get(b"sec-websocket-accept", b"").strip()
        if status != 101 or not hmac.compare_digest(given, expected.lower()):
            self._opened.set_exception(ScreenRefusedError(status))
            self._close()
            return False
        self._buffer = bytearray(rest)
        self._opened.set_result(None)
        return True

    def _take_frame(self, arrived_at: float, read_at: float) -> bool:
        """One whole frame off the buffer; the server neither masks nor cuts its frames into pieces (see acd.web.ws)."""
        buffer = self._buffer
        if len(buffer) < 2:
            return False
        size, start = buffer[1] & 0x7F, 2
        if size >= 126:
            start = 4 if size == 126 else 10
            if len(buffer) < start:
                return False
            size = int.from_bytes(buffer[2:start], "big")
        if len(buffer) < start + size:
            return False
        opcode, payload = buffer[0] & 0x0F, bytes(buffer[start : start + size])
        del buffer[: start + size]
        if opcode == _TEXT:
            self._on_frame(payload, arrived_at, read_at)
        elif opcode == _PING:
            self._pong(payload)
        elif opcode == _CLOSE:
            self._close()
        return True

    def _pong(self, payload: bytes) -> None:
        mask = secrets.token_bytes(4)
        masked = bytes(byte ^ mask[number % 4] for number, byte in enumerate(payload))
        with suppress(OSError):  # a full socket: the next ping will tell
            self._socket.send(bytes((0x80 | _PONG, 0x80 | len(payload))) + mask + masked)


def _arrival(ancillary: list[tuple[int, int, bytes]], now: float) -> float:
    """Loop time at which the kernel had the last of these bytes; now, where it does not say."""
    for _, kind, stamp in ancillary:
        if kind == _SO_TIMESTAMPNS and len(stamp) == _TIMESPEC.size:
            seconds, nanoseconds = _TIMESPEC.unpack(stamp)
            age = time.clock_gettime(time.CLOCK_REALTIME) - seconds - nanoseconds / 1e9
            return now - age if 0.0 <= age < 60.0 else now
    return now
