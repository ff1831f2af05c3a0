"""The storm: calls run, faults come, and when all is mended everything is compared."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from random import Random

import aiohttp

from acd.adapters.asterisk.ami import AmiAddress, AmiLink
from acd.adapters.asterisk.install import Installation
from acd.phone import PhoneAccount
from acd.service.ports import Role, User
from tests.chaos.audit import Witness, differences
from tests.chaos.faults import FAULTS, Service, Stage
from tests.chaos.people import AgentRobot, CallerAccount, Ledger, visit
from tests.integration.asterisk_fixture import RunningAsterisk, new_asterisk
from tests.integration.house import PASSWORD, House, open_house
from tests.integration.relay import Relay

SECTIONS = {
    "queues": {
        "support": {"offer_time_seconds": 6, "wrap_up_time_seconds": 2, "short_abandon_seconds": 1},
        "orders": {"offer_time_seconds": 6, "wrap_up_time_seconds": 2},
    }
}
AFTER_FAULT = 3.0  # seconds in which its audio gap may still show
SETTLE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Struck:
    """One fault, and what was measured: longest silence of RTP in seconds, in talks and in callers who wait."""

    at: float
    name: str
    said: str
    talk_gap: float
    wait_gap: float


@dataclass
class Report:
    seed: int
    struck: list[Struck] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)
    callers: int = 0
    talks: int = 0
    start_seconds: list[float] = field(default_factory=list)
    screens_lost: int = 0

    def lines(self) -> list[str]:
        faults = [
            f"  {one.at:6.1f} s  {one.name:20} {one.said:45} longest silence: talk {one.talk_gap:4.2f} s,"
            f" waiting {one.wait_gap:4.2f} s"
            for one in self.struck
        ]
        verdict = ["nothing lost, nothing doubled"] if not self.differences else self.differences
        head = f"seed {self.seed}: {self.callers} callers, {self.talks} talks, {len(self.struck)} faults"
        return [head, *faults, *verdict]


@asynccontextmanager
async def storm_asterisk(
    folder: Path, installation: Installation, without_service_seconds: float = 3
) -> AsyncIterator[RunningAsterisk]:
    """One that goes to its own queues after so long without a service."""
    fallback = {"fallback": {"without_service_seconds": without_service_seconds, "queue": "support"}}
    running = new_asterisk(folder, installation, fallback, sections=SECTIONS)
    try:
        await running.instance.up()
        yield running
    finally:
        await running.instance.down()


async def storm(
    asterisk: RunningAsterisk,
    folder: Path,
    *,
    seed: int,
    seconds: float,
    agents: int = 6,
    calls_per_minute: float = 40,
    only: tuple[str, ...] = (),
) -> Report:
    """`only`: names of the faults that may come; all of them without."""
    report, chance, ledger = Report(seed), Random(seed), Ledger()
    async with AsyncExitStack() as stack:
        relay = await stack.enter_async_context(Relay(asterisk.ami_port))
        house = await stack.enter_async_context(open_house(asterisk, folder, SECTIONS, ami_port=relay.port))
        service = Service(house)
        await service.start()
        robots = await _agents(house, ledger, agents, chance)
        stage = Stage(house, relay, service, robots, ledger, chance)
        witness = await stack.enter_async_context(_witness(asterisk))
        people = await stack.enter_async_context(asyncio.TaskGroup())
        at_work = [people.create_task(robot.work()) for robot in robots]
        callers = people.create_task(
            _callers(house, ledger, people, Random(f"callers {seed}"), seconds=seconds, per_minute=calls_per_minute)
        )
        await _faults(stage, report, seconds, only)
        await callers
        await _until_everybody_left(ledger)
        report.differences = await _settled(stage, witness)
        for task in at_work:
            task.cancel()
        await service.end(signal.SIGTERM)
        report.callers, report.talks = len(ledger.callers), len(ledger.talks)
        report.start_seconds = service.start_seconds
        report.screens_lost = sum(robot.screens_lost for robot in robots)
    return report


async def _agents(house: House, ledger: Ledger, count: int, chance: Random) -> list[AgentRobot]:
    robots = []
    for extension in house.settings.asterisk.agent_phones.extensions[:count]:
        user = User(
            login=f"agent{extension}",
            name=f"Agent {extension}",
            roles=frozenset({Role.AGENT}),
            extension=extension,
            skills={"support": 3, "orders": 1},
        )
        await house.users.save(user, PASSWORD)
        registrar = f"127.0.0.1:{house.asterisk.sip_port}"
        account = PhoneAccount(f"agent-{extension}", house.asterisk.agent_secret(extension), registrar, user.name)
        robots.append(AgentRobot(user, account, house.url, ledger, Random(chance.random())))
    return robots


async def _callers(
    house: House, ledger: Ledger, people: asyncio.TaskGroup, chance: Random, *, seconds: float, per_minute: float
) -> None:
    loop = asyncio.get_running_loop()
    registrar, until = f"127.0.0.1:{house.asterisk.sip_port}", loop.time() + seconds
    visits = []
    while loop.time() < until:
        account = CallerAccount(house.new_number())
        ledger.callers[account.number] = account
        visits.append(people.create_task(visit(account, registrar, Random(chance.random()))))
        await asyncio.sleep(chance.expovariate(per_minute / 60))


async def _faults(stage: Stage, report: Report, seconds: float, only: tuple[str, ...]) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    chosen = {fault: weight for fault, weight in FAULTS.items() if not only or fault.__name__ in only}
    await asyncio.sleep(min(6.0, seconds / 4))  # the first callers are inside
    while loop.time() - began < seconds:
        (fault,) = stage.chance.choices([*chosen], weights=[*chosen.values()])
        at = loop.time() - began
        _forget_gaps(stage.ledger)
        struck_at = loop.time()
        said = await fault(stage)
        await asyncio.sleep(AFTER_FAULT)
        talk_gap, wait_gap = _gaps(stage.ledger, struck_at, loop.time())
        report.struck.append(Struck(at, fault.__name__, said, talk_gap, wait_gap))
        await _until_ready(stage.house)
        await asyncio.sleep(stage.chance.uniform(0.5, 4.0))


def _forget_gaps(ledger: Ledger) -> None:
    for caller in ledger.live_calls:
        if caller.call is not None:
            caller.call.statistics.longest_gap_seconds = 0.0
    for talk in ledger.talks:
        if talk.call.end is None:
            talk.call.statistics.longest_gap_seconds = 0.0


def _gaps(ledger: Ledger, struck_at: float, now: float) -> tuple[float, float]:
    """Of calls that lived through the whole fault: talks begun before it, and callers who waited. In menus there are
    pauses, which are no gaps: they do not count."""
    talking = [
        call.statistics.longest_gap_seconds
        for caller in ledger.live_calls
        if caller.is_talking and (caller.talks[-1].call.confirmed_at or now) < struck_at
        for call in (caller.call, caller.talks[-1].call)
        if call is not None
    ]
    waiting = [
        caller.call.statistics.longest_gap_seconds
        for caller in ledger.live_calls
        if caller.call is not None and not caller.talks and struck_at - (caller.call.answered_at or now) > 20
    ]
    return max(talking, default=0.0), max(waiting, default=0.0)


async def _until_ready(house: House) -> None:
    deadline = time.monotonic() + 60
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as http:
        while time.monotonic() < deadline:
            try:
                async with http.get(f"{house.url}/readyz") as response:
                    if response.status == 200:
                        return
            except (aiohttp.ClientError, TimeoutError):
                pass
            await asyncio.sleep(0.1)


async def _until_everybody_left(ledger: Ledger) -> None:
    deadline = time.monotonic() + 120
    while ledger.live_calls and time.monotonic() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(0.2)


async def _settled(stage: Stage, witness: Witness) -> list[str]:
    """What still differs when wrap-ups, retries and looks at Asterisk have had their time."""
    database = stage.house.settings.database_url.removeprefix("sqlite:///")
    deadline = time.monotonic() + SETTLE_SECONDS
    while True:
        found = await asyncio.to_thread(differences, stage, witness, database)
        if not found or time.monotonic() > deadline:
            return found
        await asyncio.sleep(1.0)


@asynccontextmanager
async def _witness(asterisk: RunningAsterisk) -> AsyncIterator[Witness]:
    witness = Witness()
    address = AmiAddress("127.0.0.1", asterisk.ami_port, asterisk.ami_username, asterisk.ami_secret)

    async def logged_in() -> None:
        witness.logins += 1

    patient = timedelta(seconds=60)
    link = AmiLink(address, on_event=witness, resync=logged_in, ping_deadline=patient, deadline=patient)
    async with link:
        await link.ready(timedelta(seconds=20))
        yield witness
