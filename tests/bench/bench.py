"""What a run of the benchmark carries from measure to measure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.bench.phones_process import Done
from tests.bench.statistics import percentile, pop_leads
from tests.bench.world import FIRST_NUMBER, KNOWN_CALLERS, Running, Turn, World


@dataclass(slots=True)
class Figures:
    """Flat keys `measure.system.statistic` and their values."""

    values: dict[str, float] = field(default_factory=dict)

    def put(self, measure: str, system: str, **statistics: float) -> None:
        for name, value in statistics.items():
            self.values[f"{measure}.{system}.{name}"] = round(value, 4)


@dataclass(slots=True)
class Bench:
    """`note` is told of everything that was placed: pops are looked at wherever Guichet rang a phone."""

    world: World
    is_quick: bool
    say: Callable[[str], None]
    figures: Figures = field(default_factory=Figures)
    troubles: Counter[str] = field(default_factory=Counter)
    late_ticks: int = 0
    _leads: list[float] = field(default_factory=list)
    _read_leads: list[float] = field(default_factory=list)
    _without_pop: int = 0
    _round: int = 0

    def first_number(self) -> int:
        """Of the next run's callers: numbers come back only after the last ones are long gone."""
        self._round += 1
        return FIRST_NUMBER + (self._round % 5) * KNOWN_CALLERS * 2

    def note(self, turn: Turn, done: Done, running: Running) -> None:
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
