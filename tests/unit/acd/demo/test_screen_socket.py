"""The screens' own WebSocket, against a server that sends what it likes, byte by byte if need be."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from acd.demo.screen_socket import ScreenRefusedError, ScreenSocket
from acd.demo.wire import Wire
from acd.web.ws import text_frame


class Server:
    """Answers the opening handshake (RFC 6455, 4.2) unless told what else to say."""

    def __init__(self, answer: bytes | None = None) -> None:
        self._answer = answer
        self.request = b""
        self.port = 0
        self._peer: asyncio.Future[tuple[asyncio.StreamReader, asyncio.StreamWriter]]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.request = await reader.readuntil(b"\r\n\r\n")
        key = self.request.partition(b"Sec-WebSocket-Key: ")[2].partition(b"\r\n")[0]
        digest = hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11", usedforsecurity=False).digest()
        accept = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: %s\r\n\r\n"
        # In one write with the first frame: the client must not take that for a part of the answer.
        writer.write(self._answer or accept % base64.b64encode(digest) + text_frame(b"first"))
        self._peer.set_result((reader, writer))

    async def peer(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await self._peer

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Server]:
        self._peer = asyncio.get_running_loop().create_future()
        server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            if self._peer.done():
                self._peer.result()[1].close()
            server.close()
            await server.wait_closed()


class Seen:
    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.arrivals: list[float] = []
        self.reads: list[float] = []

    def take(self, payload: bytes, arrived_at: float, read_at: float) -> None:
        self.frames.append(payload)
        self.arrivals.append(arrived_at)
        self.reads.append(read_at)

    async def count(self, number: int) -> None:
        async with asyncio.timeout(20):
            while len(self.frames) < number:  # noqa: ASYNC110
                await asyncio.sleep(0.001)


@pytest.mark.parametrize("size", [0, 125, 126, 65_535, 65_536, 300_000])
async def test_frames_of_every_length_come_whole(size: int) -> None:
    seen, payload = Seen(), b"x" * size
    async with Server().running() as server, ScreenSocket("127.0.0.1", server.port, "token", seen.take):
        _, writer = await server.peer()
        writer.write(text_frame(payload) + text_frame(b"after"))
        await seen.count(3)
    assert seen.frames == [b"first", payload, b"after"]
    assert b"Authorization: Bearer token\r\n" in server.request


async def test_a_frame_in_pieces_arrived_with_its_first_byte() -> None:
    seen = Seen()
    async with Server().running() as server, ScreenSocket("127.0.0.1", server.port, "token", seen.take):
        _, writer = await server.peer()
        begun_at = asyncio.get_running_loop().time()
        for byte in text_frame(b"y" * 200):
            writer.write(bytes((byte,)))
            await writer.drain()
        await seen.count(2)
    assert seen.frames[1] == b"y" * 200
    assert begun_at - 0.001 <= seen.arrivals[1] <= seen.reads[1]


async def test_a_ping_is_answered_and_a_close_closes() -> None:
    seen = Seen()
    async with Server().running() as server, ScreenSocket("127.0.0.1", server.port, "token", seen.take) as socket:
        reader, writer = await server.peer()
        writer.write(b"\x89\x02hi")
        async with asyncio.timeout(20):
            pong = await reader.readexactly(8)
            assert pong[:2] == b"\x8a\x82"
            assert bytes(byte ^ mask for byte, mask in zip(pong[6:], pong[2:6], strict=False)) == b"hi"
            writer.write(b"\x88\x02\x03\xe8")
            await socket.closed


async def test_a_server_that_goes_away_is_noticed() -> None:
    async with Server().running() as server, ScreenSocket("127.0.0.1", server.port, "t", Seen().take) as socket:
        _, writer = await server.peer()
        writer.close()
        async with asyncio.timeout(20):
            await socket.closed


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n", 401),
        (b"HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: wrong\r\n\r\n", 101),
        (b"no HTTP at all\r\n\r\n", 0),
    ],
)
async def test_what_is_no_websocket_is_refused(answer: bytes, status: int) -> None:
    async with Server(answer).running() as server:
        with pytest.raises(ScreenRefusedError) as refused:
            async with asyncio.timeout(20), ScreenSocket("127.0.0.1", server.port, "t", Seen().take):
                pass
    assert refused.value.status == status


async def test_an_answer_without_end_is_not_read_for_ever() -> None:
    async with Server(b"x" * 20_000).running() as server:
        with pytest.raises(ConnectionResetError):
            async with asyncio.timeout(20), ScreenSocket("127.0.0.1", server.port, "t", Seen().take):
                pass


async def test_the_wire_tells_frames_apart_that_were_read_late() -> None:
    """Only root may look at it; then a frame that waited keeps an instant of its own, however late it is read."""
    seen, loop = Seen(), asyncio.get_running_loop()
    async with Server().running() as server:
        try:
            wire = Wire(server.port)
        except PermissionError:
            assert not _may_look()
            return
        async with ScreenSocket("127.0.0.1", server.port, "token", seen.take, wire):
            _, writer = await server.peer()
            await seen.count(1)
            sent: list[float] = []
            for payload in (b"pop", b"next"):
                # Written by the socket itself, without a turn of the loop in which the other end could read.
                writer.transport.get_extra_info("socket")._sock.send(text_frame(payload))
                sent.append(loop.time())
                _let_time_pass(0.02)
            await seen.count(3)
        wire.close()
    # Under load the kernel may have dropped a stamp, and the time of reading stands in for it: an arrival may come out
    # late, which makes a pop's lead look shorter, but never out of order and never after the frame was read.
    assert sent[0] < sent[1] < seen.reads[1]
    assert seen.arrivals[1] <= seen.arrivals[2]
    assert all(arrival <= read for arrival, read in zip(seen.arrivals[1:], seen.reads[1:], strict=True))


def _may_look() -> bool:
    with open("/proc/self/status") as status:  # noqa: PTH123
        effective = next(line for line in status if line.startswith("CapEff"))
    return bool(int(effective.split()[1], 16) & 1 << 13)  # CAP_NET_RAW


def _let_time_pass(seconds: float) -> None:
    """Blocks this loop on purpose: its reader is late."""
    until = asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < until:
        pass
