"""Bad neighbours of a real service: a port scanner with a thousand sockets, a screen that never reads, a database that
is locked while a call runs. The call is routed, the pop says what is missing, and all is written once in the end."""

from __future__ import annotations

import asyncio
import resource
import socket
import sqlite3
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

import pytest

from acd.stability import allow_many_sockets
from tests.integration.asterisk_fixture import RunningAsterisk
from tests.integration.hearing import HIGH, LOW, hears_tone
from tests.integration.house import House, open_house
from tests.integration.screen import Screen

SOCKETS = 1_000


@asynccontextmanager
async def few_files() -> AsyncIterator[None]:
    """A service started inside has the soft limit of open files that many systems give."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(1024, hard), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def scan(stack: ExitStack, port: int) -> None:
    for _ in range(SOCKETS // 2):
        stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10))


def screen_that_never_reads(stack: ExitStack, house: House, screen: Screen) -> None:
    host, port = "127.0.0.1", house.settings.http.port
    deaf = stack.enter_context(socket.socket())
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    deaf.connect((host, port))
    deaf.sendall(
        f"GET /ws HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
        f"Authorization: Bearer {screen.token}\r\n\r\n".encode()
    )


@pytest.mark.timeout(180)
async def test_a_call_goes_its_way_among_bad_neighbours(asterisk: RunningAsterisk, tmp_path: Path) -> None:
    with ExitStack() as nuisances:
        async with open_house(asterisk, tmp_path) as house:
            async with few_files():
                service = house.service()
                await service.__aenter__()
            try:
                await _call_among(house, nuisances)
            finally:
                await service.__aexit__(None, None, None)
            await house.is_quiet()


async def _call_among(house: House, nuisances: ExitStack) -> None:
    number = house.new_number()
    await house.contact("Jeanne Dupont", number)
    allow_many_sockets()  # this process has the other ends
    async with house.agent("Alice Martin") as alice, house.supervisor() as supervisor:
        for port in (house.settings.asterisk.fastagi.port, house.settings.http.port):
            await asyncio.to_thread(scan, nuisances, port)
        screen_that_never_reads(nuisances, house, supervisor)
        database = house.settings.database_url.removeprefix("sqlite:///")
        lock = sqlite3.connect(database, timeout=10, isolation_level=None, check_same_thread=False)
        await asyncio.to_thread(lock.execute, "BEGIN EXCLUSIVE")
        async with house.caller(number) as call:
            await house.walk(call)
            ring = await alice.takes(number)
            assert ring.data["number"] == number
            await asyncio.gather(hears_tone(call, LOW), hears_tone(ring.call, HIGH))
            await ring.call.hang_up()
            await alice.screen.becomes("wrap_up")
            await alice.screen.order("wrap-up", note="Among bad neighbours.")
            await alice.screen.becomes("ready")
            assert not alice.screen.of("ticket"), "the database was not locked"
            lock.execute("ROLLBACK")
            lock.close()
            committed = await alice.screen.frame("ticket")
        interaction = await house.interaction(number)
        assert interaction.ticket_number == committed.data["number"]
        assert interaction.note == "Among bad neighbours."
        metrics = await supervisor.text("/metrics")
        assert 'guichet_calls_shed_total{reason="calls"} 0.0' in metrics
        assert "guichet_event_loop_lag_seconds" in metrics
