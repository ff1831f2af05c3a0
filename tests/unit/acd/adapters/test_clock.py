"""NTP steps forwards and backwards: durations stay right, nothing is due early, time never runs backwards."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from acd.adapters.clock import LoopTimers, SystemClock
from acd.domain.commands import Command, LogOutAgent
from acd.domain.ids import AgentId

START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


class Machine:
    """A machine whose clock an administrator, or NTP, sets."""

    def __init__(self) -> None:
        self.time = START
        self.uptime = 1000.0
        self.clock = SystemClock(lambda: self.time, lambda: self.uptime)

    def pass_time(self, time: timedelta, drift: float = 0.0) -> datetime:
        self.uptime += time.total_seconds()
        self.time += time * (1 + drift)
        return self.clock.now()

    def step(self, by: timedelta) -> None:
        self.time += by


def test_an_undisturbed_clock_is_the_machines() -> None:
    machine = Machine()
    assert machine.pass_time(MINUTE) == START + MINUTE
    assert machine.pass_time(HOUR, drift=0.0005) == machine.time, "drift is followed"
    assert machine.clock.behind == timedelta()


@pytest.mark.parametrize("step", [HOUR, -HOUR, 2 * MINUTE, -timedelta(seconds=3)])
def test_a_step_is_worked_off(step: timedelta) -> None:
    machine = Machine()
    machine.pass_time(MINUTE)
    before = machine.clock.now()
    machine.step(step)
    assert machine.clock.now() == before, "no time has passed"
    last = before
    for _ in range(60):
        now = machine.pass_time(timedelta(seconds=1))
        assert timedelta(seconds=0.9) <= now - last <= timedelta(seconds=1.1)
        last = now
    left = abs(machine.time - last)
    assert left <= max(timedelta(), abs(step) - timedelta(seconds=5.9))
    for _ in range(700):
        machine.pass_time(MINUTE)
    assert machine.clock.now() == machine.time
    assert machine.clock.seconds_behind() == 0


def test_how_far_the_machine_is_ahead_is_told() -> None:
    machine = Machine()
    machine.step(2 * MINUTE)
    machine.pass_time(timedelta(seconds=10))
    assert machine.clock.behind == 2 * MINUTE - timedelta(seconds=1)


@pytest.mark.parametrize("step", [timedelta(days=365), timedelta(days=-2)])
def test_a_machine_that_had_no_notion_of_the_time_is_followed_at_once(step: timedelta) -> None:
    machine = Machine()
    machine.step(step)
    assert machine.clock.now() == START + step


async def test_a_timer_started_before_a_step_keeps_its_time() -> None:
    """In the loop's own time: the one started later with the shorter time comes first, whatever the clock says."""
    fired: list[str] = []
    both = asyncio.Event()

    def submit(command: Command) -> None:
        assert isinstance(command, LogOutAgent)
        fired.append(command.agent_id)
        if len(fired) == 2:
            both.set()

    machine = Machine()
    timers = LoopTimers(machine.clock, submit)
    for step in (HOUR, -HOUR):
        fired.clear()
        both.clear()
        timers.start("late", machine.clock.now() + timedelta(seconds=0.06), LogOutAgent(agent_id=AgentId("late")))
        machine.step(step)
        timers.start("soon", machine.clock.now() + timedelta(seconds=0.03), LogOutAgent(agent_id=AgentId("soon")))
        async with asyncio.timeout(20):
            await both.wait()
        assert fired == ["soon", "late"]
    timers.close()
