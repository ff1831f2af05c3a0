"""The faults, each with its own end: what is broken is mended before the next one begins."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random

from acd.demo.service_process import ServiceError
from acd.phone import PhoneError
from tests.chaos.people import AgentRobot, Ledger
from tests.integration.house import House
from tests.integration.relay import Relay


@dataclass
class Stage:
    """What faults may break."""

    house: House
    relay: Relay
    service: Service
    agents: list[AgentRobot]
    ledger: Ledger
    chance: Random
    cut_by_restart: set[str] = field(default_factory=set)  # callers whose Asterisk went away under them
    asterisk_restarts: int = 0


class Service:
    """`guichet run`, again and again."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._running: object | None = None
        self.pid = 0
        self.start_seconds: list[float] = []

    async def start(self) -> float:
        """Seconds from the command to /readyz; tried again while something it needs is away."""
        began = time.monotonic()
        while True:
            running = self._house.service()
            try:
                self.pid = await running.__aenter__()
            except ServiceError:
                await asyncio.sleep(0.5)
                continue
            self._running = running
            self.start_seconds.append(time.monotonic() - began)
            return self.start_seconds[-1]

    async def end(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)
        running, self._running = self._running, None
        if running is not None:
            await running.__aexit__(None, None, None)  # type: ignore[attr-defined]


Fault = Callable[[Stage], Awaitable[str]]


async def kill_service(stage: Stage) -> str:
    await stage.service.end(signal.SIGKILL)
    away = stage.chance.uniform(0.2, 2.5)
    await asyncio.sleep(away)
    ready = await stage.service.start()
    return f"away {away:.1f} s, ready {ready:.2f} s after its start"


async def leave_service_away(stage: Stage) -> str:
    """Long enough for the fallback queues."""
    await stage.service.end(signal.SIGKILL)
    await asyncio.sleep(8.0)
    ready = await stage.service.start()
    return f"away 8 s, ready {ready:.2f} s after its start"


async def restart_service(stage: Stage) -> str:
    await stage.service.end(signal.SIGTERM)
    ready = await stage.service.start()
    return f"ready {ready:.2f} s after its start"


async def freeze_service(stage: Stage) -> str:
    seconds = stage.chance.uniform(0.5, 3.0)
    await _frozen(stage.service.pid, seconds)
    return f"{seconds:.1f} s"


async def cut_ami(stage: Stage) -> str:
    seconds = stage.chance.choice([1.0, 1.0, 10.0])
    await stage.relay.cut()
    await asyncio.sleep(seconds)
    await stage.relay.restore()
    return f"{seconds:.0f} s"


async def freeze_asterisk(stage: Stage) -> str:
    seconds = stage.chance.uniform(0.5, 2.5)
    pid = stage.house.asterisk.instance.pid()
    if pid is not None:
        await _frozen(pid, seconds)
    return f"{seconds:.1f} s"


async def restart_asterisk(stage: Stage) -> str:
    stage.asterisk_restarts += 1
    stage.cut_by_restart |= {caller.number for caller in stage.ledger.callers.values() if caller.call is None}
    stage.cut_by_restart |= {caller.number for caller in stage.ledger.live_calls}
    began = time.monotonic()
    await stage.house.asterisk.restart()
    stage.cut_by_restart |= {caller.number for caller in stage.ledger.live_calls}
    for agent in stage.agents:
        await agent.register()
    return f"{time.monotonic() - began:.1f} s"


async def lock_database(stage: Stage) -> str:
    """As a backup that holds its lock for too long."""
    seconds = stage.chance.uniform(2.0, 8.0)
    path = stage.house.settings.database_url.removeprefix("sqlite:///")
    connection = sqlite3.connect(path, timeout=5.0, isolation_level=None, check_same_thread=False)
    try:
        await asyncio.to_thread(connection.execute, "BEGIN EXCLUSIVE")
        await asyncio.sleep(seconds)
        connection.execute("ROLLBACK")
    except sqlite3.OperationalError as error:
        return f"not locked: {error}"
    finally:
        connection.close()
    return f"{seconds:.1f} s"


async def lose_screens(stage: Stage) -> str:
    for agent in stage.chance.sample(stage.agents, 2):
        agent.cut_screen()
    await asyncio.sleep(0.5)
    return "2 agents"


async def unregister_phone(stage: Stage) -> str:
    agent = stage.chance.choice(stage.agents)
    with suppress(PhoneError):
        await agent.phone.unregister()
    await asyncio.sleep(2.0)
    await agent.register()
    return agent.user.login


async def scan_ports(stage: Stage) -> str:
    """Sockets that say nothing, to AGI and to HTTP."""
    settings = stage.house.settings
    sockets = []
    for port in (settings.asterisk.fastagi.port, settings.http.port):
        for _ in range(150):
            with suppress(OSError):
                sockets.append((await asyncio.open_connection("127.0.0.1", port))[1])
    await asyncio.sleep(2.0)
    for writer in sockets:
        writer.transport.abort()
    return f"{len(sockets)} sockets"


async def _frozen(pid: int, seconds: float) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGSTOP)
    try:
        await asyncio.sleep(seconds)
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


FAULTS: dict[Fault, int] = {  # and how often each comes, compared with the others
    kill_service: 6,
    restart_service: 3,
    leave_service_away: 2,
    freeze_service: 3,
    cut_ami: 3,
    freeze_asterisk: 3,
    restart_asterisk: 1,
    lock_database: 3,
    lose_screens: 2,
    unregister_phone: 2,
    scan_ports: 2,
}
