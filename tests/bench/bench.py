"""What a run of the benchmark carries from measure to measure."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median

from tests.bench.phones_process import Done, Place
from tests.bench.statistics import percentile, pop_leads
from tests.bench.world import FIRST_NUMBER, KNOWN_CALLERS, Running, Turn, World, cpu_seconds, machine_seconds

PLACING_LIMIT = 120.0


@dataclass(slots=True)
class Figures:
    """Flat keys `measure.system.statistic` and their values."""

    values: dict[str, float] = field(default_factory=dict)

    def put(self, measure: str, system: str, **statistics: float) -> None:
        for name, value in statistics.items():
            self.values[f"{measure}.{system}.{name}"] = round(value, 4)


@dataclass(slots=True)
class Bench:
    """All calls are placed here: pops are looked at wherever Guichet rang a phone, and who else used the machine."""

    world: World
    is_quick: bool
    say: Callable[[str], None]
    figures: Figures = field(default_factory=Figures)
    troubles: Counter[str] = field(default_factory=Counter)
    late_ticks: int = 0
    _others: list[float] = field(default_factory=list)
    _leads: list[float] = field(default_factory=list)
    _read_leads: list[float] = field(default_factory=list)
    _without_pop: int = 0
    _round: int = 0

    def first_number(self) -> int:
        """Of the next run's callers: numbers come back only after the last ones are long gone."""
        self._round += 1
        return FIRST_NUMBER + (self._round % 5) * KNOWN_CALLERS * 2

    async def place(self, turn: Turn, running: Running, command: Place) -> Done:
        """Have the calls placed and look at all that was seen."""
        ours = (*running.pids, *running.screens, self.world.phones.pid, os.getpid())
        before, busy_before, at = sum(map(cpu_seconds, ours)), machine_seconds(), time.monotonic()
        done = await self.world.phones.do(command, timeout=PLACING_LIMIT)
        busy, spent = machine_seconds() - busy_before, sum(map(cpu_seconds, ours)) - before
        self._others.append(max(0.0, busy - spent) / (time.monotonic() - at))
        self._note(turn, done, running)
        return done

    def _note(self, turn: Turn, done: Done, running: Running) -> None:
        self.late_ticks += done.late_ticks
        self.troubles.update(f"{turn.name}, caller: {call.trouble}" for call in done.placed if call.trouble)
        self.troubles.update(f"{turn.name}, screen: {text}" for text in running.troubles)
        running.troubles.clear()
        if running.pops or turn.has_screens:
            arrived, read, missing = pop_leads(done.rung, running.pops)
            running.pops.clear()
            self._leads += arrived
            self._read_leads += read
            self._without_pop += missing

    def put_machine(self) -> None:
        """`others_cores`: what programs that are no part of this took meanwhile, in cores; timings suffer from it."""
        self.figures.put("machine", "all", cores=os.cpu_count() or 0, late_ticks=self.late_ticks)
        if self._others:
            most = max(self._others)
            self.figures.put("machine", "all", others_cores=median(self._others), others_cores_most=most)

    def put_pop_leads(self) -> None:
        rings = len(self._leads) + self._without_pop
        if not rings:
            return
        ms = sorted(lead * 1000 for lead in self._leads)
        self.figures.put(
            "pop_lead",
            "guichet",
            share_before_ring=sum(lead > 0 for lead in ms) / rings,
            share_read_before_ring=sum(lead > 0 for lead in self._read_leads) / rings,
            least_ms=ms[0] if ms else 0.0,
            p01_ms=percentile(ms, 1),
            p50_ms=percentile(ms, 50),
            p99_ms=percentile(ms, 99),
            rings=rings,
            without_pop=self._without_pop,
        )
