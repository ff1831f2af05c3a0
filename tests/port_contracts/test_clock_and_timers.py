"""One suite for every Clock and every Timers: virtual time and the event loop's."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import timedelta

import pytest

from acd.adapters.clock import LoopTimers, SystemClock
from acd.domain.commands import Command, LogOutAgent
from acd.domain.ids import AgentId
from acd.service.ports import Clock, Timers
from tests.fakes.ports import VirtualClock, VirtualTimers


def command(name: str) -> Command:
    return LogOutAgent(agent_id=AgentId(name))


class Bench(ABC):
    """Timers, what they fired, and a way to let `delays` of time pass (a delay is short, or virtual)."""

    clock: Clock
    timers: Timers
    delay: timedelta

    def __init__(self) -> None:
        self.fired: list[str] = []
        self.on_fire: Callable[[str], None] = lambda name: None

    def submit(self, fired: Command) -> None:
        assert isinstance(fired, LogOutAgent)
        self.fired.append(fired.agent_id)
        self.on_fire(fired.agent_id)

    def start(self, key: str, delays: float, name: str | None = None) -> None:
        self.timers.start(key, self.clock.now() + delays * self.delay, command(name or key))

    async def after(self, delays: float) -> list[str]:
        """What was fired when a timer of `delays`, started now, has fired itself."""
        self.start("the last one", delays)
        await self.until_fired("the last one")
        return [name for name in self.fired if name != "the last one"]

    @abstractmethod
    async def until_fired(self, name: str) -> None: ...


class VirtualBench(Bench):
    delay = timedelta(minutes=1)

    def __init__(self) -> None:
        super().__init__()
        clock = VirtualClock()
        self.clock = clock
        self.timers = self.virtual = VirtualTimers(clock, self.submit)

    async def until_fired(self, name: str) -> None:
        for _ in range(100):
            if name in self.fired:
                return
            self.virtual.advance(self.delay)
        pytest.fail(f"{name} never fired")


class LoopBench(Bench):
    delay = timedelta(milliseconds=20)

    def __init__(self) -> None:
        super().__init__()
        self.clock = SystemClock()
        self.timers = LoopTimers(self.clock, self.submit)

    async def until_fired(self, name: str) -> None:
        async with asyncio.timeout(20):
            while name not in self.fired:  # noqa: ASYNC110
                await asyncio.sleep(0.002)


@pytest.fixture(params=[VirtualBench, LoopBench])
async def bench(request: pytest.FixtureRequest) -> Bench:
    made: Bench = request.param()
    return made


async def test_the_clock_gives_aware_utc_and_does_not_run_backwards(bench: Bench) -> None:
    first = bench.clock.now()
    assert first.utcoffset() == timedelta(0)
    await bench.after(1)
    assert bench.clock.now() >= first + bench.delay / 2


async def test_a_timer_fires_once_with_its_own_command_and_not_before_it_is_due(bench: Bench) -> None:
    due_at = bench.clock.now() + bench.delay
    early: list[str] = []
    bench.on_fire = lambda name: early.append(name) if bench.clock.now() < due_at - bench.delay / 4 else None
    bench.start("a", 1, "command of a")
    assert bench.fired == []
    assert await bench.after(3) == ["command of a"]
    assert early == []


async def test_timers_fire_in_the_order_they_are_due(bench: Bench) -> None:
    for key, delays in (("third", 5.0), ("first", 1.0), ("second", 3.0)):
        bench.start(key, delays)
    assert await bench.after(7) == ["first", "second", "third"]


async def test_a_cancelled_timer_does_not_fire(bench: Bench) -> None:
    bench.start("a", 1)
    bench.start("b", 1)
    bench.timers.cancel("a")
    bench.timers.cancel("never started")
    bench.timers.cancel("a")
    assert await bench.after(3) == ["b"]
    bench.timers.cancel("b")  # it has fired already


async def test_a_timer_of_the_same_key_replaces_the_one_before(bench: Bench) -> None:
    bench.start("a", 1, "old, sooner")
    bench.start("a", 2, "new, later")
    bench.start("b", 9, "old, later")
    bench.start("b", 1, "new, sooner")
    assert await bench.after(4) == ["new, sooner", "new, later"]


@pytest.mark.parametrize("delays", [0, -1, -10_000])
async def test_what_is_due_already_fires_soon_but_not_within_start(bench: Bench, delays: float) -> None:
    bench.start("a", delays)
    assert bench.fired == []
    assert await bench.after(1) == ["a"]


async def test_a_timer_may_start_and_cancel_others_when_it_fires(bench: Bench) -> None:
    def on_fire(name: str) -> None:
        if name == "a":
            bench.timers.cancel("b")
            bench.start("a", 1, "again")

    bench.on_fire = on_fire
    bench.start("a", 1)
    bench.start("b", 3)
    assert await bench.after(6) == ["a", "again"]


async def test_closed_timers_of_the_loop_fire_no_more() -> None:
    bench = LoopBench()
    bench.start("a", 1)
    assert isinstance(bench.timers, LoopTimers)
    bench.timers.close()
    assert await bench.after(2) == []
