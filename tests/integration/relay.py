"""A detour to a local TCP port that can be cut and restored."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Self

from tests.integration.asterisk_fixture import free_port


class Relay:
    """`async with Relay(target) as relay:` leads from `relay.port` to `target`, both on loopback."""

    def __init__(self, target: int) -> None:
        self.port = free_port()
        self._target = target
        self._group = asyncio.TaskGroup()
        self._server: asyncio.Server | None = None
        self._links: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        await self.restore()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.cut()
        await self._group.__aexit__(None, None, None)

    async def restore(self) -> None:
        if self._server is None:
            self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)

    async def cut(self) -> None:
        """Every connection ends, and none is accepted."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for link in self._links:
            link.transport.abort()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()  # nobody listens there now
            return
        self._links |= {writer, far_writer}
        self._group.create_task(self._pump(reader, far_writer))
        self._group.create_task(self._pump(far_reader, writer))

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
        self._links.discard(writer)
        writer.transport.abort()
