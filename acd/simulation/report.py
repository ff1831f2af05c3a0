"""Figures of several runs, with 95 % confidence intervals over them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import fmean, pstdev, stdev
from typing import Any

from acd.simulation.observer import Observer, QueueOutcome
from acd.simulation.people import day_of
from acd.simulation.scenario import Scenario
from acd.simulation.world import Simulation

# Student's t, two-sided 95 %, by degrees of freedom from 1; beyond them the normal value serves.
_T: tuple[float, ...] = (
    12.706,
    4.303,
    3.182,
    2.776,
    2.571,
    2.447,
    2.365,
    2.306,
    2.262,
    2.228,
    2.201,
    2.179,
    2.160,
    2.145,
    2.131,
    2.120,
)
_T += (2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045)


@dataclass(frozen=True, slots=True)
class Figure:
    """`half_width` of the 95 % interval over runs; None with a single one."""

    mean: float
    half_width: float | None

    def __str__(self) -> str:
        return f"{self.mean:.3f}" + ("" if self.half_width is None else f" ±{self.half_width:.3f}")

    def includes(self, value: float) -> bool:
        return self.half_width is not None and abs(value - self.mean) <= self.half_width


def figure_of(values: Sequence[float]) -> Figure:
    if len(values) < 2:
        return Figure(values[0], None)
    t = _T[len(values) - 2] if len(values) - 2 < len(_T) else 1.96
    return Figure(fmean(values), t * stdev(values) / sqrt(len(values)))


@dataclass(frozen=True, slots=True)
class Report:
    """Figures by queue and by group of agents, by name; only those there is something to say of."""

    runs: int
    queues: dict[str, dict[str, Figure]]
    groups: dict[str, dict[str, Figure]]

    def as_json(self) -> dict[str, Any]:
        def plain(parts: dict[str, dict[str, Figure]]) -> dict[str, Any]:
            return {
                part: {name: {"mean": each.mean, "ci95": each.half_width} for name, each in figures.items()}
                for part, figures in parts.items()
            }

        return {"runs": self.runs, "queues": plain(self.queues), "groups": plain(self.groups)}


def simulate(scenario: Scenario, runs: int, tell: Callable[[int], None] = lambda run: None) -> Report:
    """Run the scenario so many times, each with chances of its own, the same in every comparison."""
    observers = []
    for run in range(runs):
        observers.append(Simulation(day_of(scenario, run)).run())
        tell(run)
    return report_of(observers)


def report_of(observers: Sequence[Observer]) -> Report:
    offered = dict.fromkeys(name for each in observers for name, outcome in each.queues.items() if outcome.offered)
    queues = {
        str(name): _figures(_queue_figures(each.queues[name], each.seconds) for each in observers) for name in offered
    }
    names = dict.fromkeys(group for each in observers for group in each.groups.values())
    groups = {group: _figures(_group_figures(group, each) for each in observers) for group in names}
    return Report(len(observers), queues, groups)


def _figures(per_run: Iterable[dict[str, float | None]]) -> dict[str, Figure]:
    rows = list(per_run)
    found = {name: [row[name] for row in rows] for name in rows[0]}
    return {name: figure_of(known) for name, values in found.items() if (known := [v for v in values if v is not None])}


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _queue_figures(outcome: QueueOutcome, seconds: float) -> dict[str, float | None]:
    done = outcome.answered + outcome.abandoned
    errors = outcome.estimate_errors
    return {
        "offered": outcome.offered,
        "answered": outcome.answered,
        "service_level": outcome.answered_in_time / done if done else None,
        "average_speed_of_answer_seconds": outcome.answered_wait_sum / outcome.answered if outcome.answered else None,
        "mean_wait_seconds": outcome.wait_sum / done if done else None,
        "abandoned_share": outcome.abandoned / done if done else None,
        "turned_away_share": _share(outcome.turned_away, outcome.turned_away + outcome.offered),
        "relaxed_share": outcome.relaxed / outcome.answered if outcome.answered else None,
        "mean_waiting": outcome.waiting_area / seconds,
        "little_waiting": outcome.left_wait_sum / seconds,  # arrivals per second x mean wait: Little's law
        "moved": outcome.moved,
        "turned_away": outcome.turned_away,
        "estimate_error_seconds": fmean(errors) if errors else None,
        "estimate_absolute_error_seconds": fmean(map(abs, errors)) if errors else None,
        "estimates_unknown": outcome.estimates_unknown,
    }


def _group_figures(group: str, observer: Observer) -> dict[str, float | None]:
    ids = [agent_id for agent_id, name in observer.groups.items() if name == group]
    shares = [observer.busy.get(each, 0.0) / here for each in ids if (here := observer.here.get(each, 0.0)) > 0]
    return {
        "occupancy": fmean(shares) if shares else None,
        "occupancy_spread": pstdev(shares) if shares else None,  # fairness: 0 when all have as much to do
    }
