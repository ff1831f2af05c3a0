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
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self

from acd.demo.wire import Wire
from acd.phone.arrival import SO_TIMESTAMPNS, arrival

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, 1.3
_LARGEST_HEAD = 16 * 1024
_TEXT, _CLOSE, _PING, _PONG = 1, 8, 9, 10

OnFrame = Callable[[bytes, float, float], None]


class ScreenRefusedError(Exception):
    """The server did not open a WebSocket; `status` is that of its answer."""

    error_id = "demo.screen_refused"

    def __init__(self, status: int) -> None:
        super().__init__(f"the server answered {status} to the WebSocket's request")
        self.status = status


class ScreenSocket:
    """`on_frame(payload, arrived_at, read_at)`: a text frame; both instants are loop time in seconds.

    Without a `wire` frames that had to wait for this process seem to have arrived with the last of them.
    """

    def __init__(self, host: str, port: int, token: str, on_frame: OnFrame, wire: Wire | None = None) -> None:
        self._address = (host, port)
        self._token = token
        self._on_frame = on_frame
        self._wire = wire
        self._offset = 0  # in the stream, of the first byte in the buffer
        self._local_port = 0
        self._loop = asyncio.get_running_loop()
        self._buffer = bytearray()
        self._wanted = 1  # bytes, to go on
        self._arrived_at = self._read_at = 0.0  # of the first of the bytes in the buffer
        self._key = base64.b64encode(secrets.token_bytes(16))
        self._opened: asyncio.Future[None] = self._loop.create_future()
        self.closed: asyncio.Future[None] = self._loop.create_future()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.setblocking(False)
        with suppress(OSError):
            self._socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)

    async def __aenter__(self) -> Self:
        """Raises ScreenRefusedError, or OSError when nobody listens."""
        try:
            await self._loop.sock_connect(self._socket, self._address)
            self._local_port = self._socket.getsockname()[1]
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
        if self._socket.fileno() < 0:
            return
        self._loop.remove_reader(self._socket)
        self._socket.close()
        if self._wire is not None:
            self._wire.forget(self._local_port)
        if not self._opened.done():
            self._opened.set_exception(ConnectionResetError("the server closed the connection"))
            self._opened.exception()  # looked at: nobody may be waiting for it
        if not self.closed.done():
            self.closed.set_result(None)

    # receiving -----------------------------------------------------------------------------------------------

    def _readable(self) -> None:
        """Frame by frame: a read that took several would have the stamp of the last."""
        while not self.closed.done():
            try:
                data, ancillary, _, _ = self._socket.recvmsg(self._wanted - len(self._buffer), 64)
            except BlockingIOError:
                return
            except OSError:
                self._close()
                return
            if not data:
                self._close()
                return
            if not self._buffer:
                self._read_at = self._loop.time()
                self._arrived_at = self._arrival(ancillary)
            self._buffer += data
            if len(self._buffer) == self._wanted:
                self._take()

    def _take(self) -> None:
        """What was wanted is there: the answer's next byte, a frame's head, its length, or all of it."""
        buffer = self._buffer
        if not self._opened.done():
            self._take_head()
            return
        size, start = buffer[1] & 0x7F, 2
        if size >= 126:
            start = 4 if size == 126 else 10
            size = int.from_bytes(buffer[2:start], "big") if len(buffer) >= start else 0
        self._wanted = start + size
        if len(buffer) == self._wanted:
            self._begin_anew()
            self._take_frame(buffer[0] & 0x0F, bytes(buffer[start:]))

    def _begin_anew(self) -> None:
        self._offset += len(self._buffer)
        self._buffer, self._wanted = bytearray(), 2

    def _arrival(self, ancillary: Sequence[tuple[int, int, bytes]]) -> float:
        seen = self._wire.arrived_at(self._local_port, self._offset, self._read_at) if self._wire else None
        return arrival(ancillary, self._read_at) if seen is None else seen

    def _take_head(self) -> None:
        """Byte by byte, once: what follows the blank line is a frame already."""
        if not self._buffer.endswith(b"\r\n\r\n"):
            self._wanted += 1
            if self._wanted > _LARGEST_HEAD:
                self._close()
            return
        head = bytes(self._buffer)
        self._begin_anew()
        status = int(head[9:12]) if head[9:12].isdigit() else 0
        headers = dict(line.split(b": ", 1) for line in head.splitlines()[1:] if b": " in line)
        given = next((value for name, value in headers.items() if name.lower() == b"sec-websocket-accept"), b"")
        expected = base64.b64encode(hashlib.sha1(self._key + _GUID, usedforsecurity=False).digest())
        if status == 101 and hmac.compare_digest(given.strip(), expected):
            self._opened.set_result(None)
        else:
            self._opened.set_exception(ScreenRefusedError(status))
            self._close()

    def _take_frame(self, opcode: int, payload: bytes) -> None:
        """The server neither masks its frames nor cuts them into pieces (see acd.web.ws)."""
        if opcode == _TEXT:
            self._on_frame(payload, self._arrived_at, self._read_at)
        elif opcode == _PING:
            self._pong(payload)
        elif opcode == _CLOSE:
            self._close()

    def _pong(self, payload: bytes) -> None:
        mask = secrets.token_bytes(4)
        masked = bytes(byte ^ mask[number % 4] for number, byte in enumerate(payload))
        with suppress(OSError):  # a full socket: the next ping will tell
            self._socket.send(bytes((0x80 | _PONG, 0x80 | len(payload))) + mask + masked)
