"""Few skills do nearly as well as all of them: `python -m tests.bench.wallace_whitt docs/images/wallace-whitt.svg`.

Setting of R. B. Wallace and W. Whitt, "A Staffing Algorithm for Call Centers with Skill-Based Routing", 2005: six types
of calls of equal load, 84 erlangs in all, ten minutes of service, 90 agents, first come first served, nobody gives up.
An agent with k skills has those of type i and the k - 1 next ones; 15 agents for each i. Both ends are Erlang C: six
groups of 15 agents, and one of 90.
"""

from __future__ import annotations

import sys
from pathlib import Path

from acd.simulation.people import day_of
from acd.simulation.report import Figure, figure_of
from acd.simulation.scenario import Scenario, scenario_of
from acd.simulation.world import Simulation
from acd.workforce.erlang import erlang_c
from ivr.source import Source
from tests.bench.curve import curve_svg

TYPES, AGENTS, ERLANGS, SERVICE = 6, 90, 84.0, 600.0
SKILLS = (1, 2, 3, 4, 5, 6)


def scenario(skills: int, hours: float, warm_up_hours: float = 40.0) -> Scenario:
    times = dict.fromkeys(("offer_time_seconds", "service_level_seconds", "short_abandon_seconds"), 15)
    names = [f"type{number}" for number in range(TYPES)]
    queue = {"label": "Type", "wrap_up_time_seconds": 0, **times}
    per_hour = ERLANGS / SERVICE * 3600 / TYPES
    data = {
        "hours": hours,
        "warm_up_hours": warm_up_hours,
        "queues": {name: queue | {"skills": {name: 1}} for name in names},
        "calls": [{"queue": name, "per_hour": per_hour, "handle": {"mean": SERVICE}} for name in names],
        "agents": [
            {
                "group": f"group{first}",
                "count": AGENTS // TYPES,
                "skills": {names[(first + step) % TYPES]: 1 for step in range(skills)},
            }
            for first in range(TYPES)
        ],
    }
    return scenario_of(Source.of_data(data, "wallace_whitt ({path})"), Path())


def mean_wait(skills: int, runs: int, hours: float) -> Figure:
    """Seconds, over all types."""
    known = scenario(skills, hours, min(40.0, hours / 4))
    values: list[float] = []
    for run in range(runs):
        outcomes = Simulation(day_of(known, run)).run().queues.values()
        values.append(sum(each.wait_sum for each in outcomes) / max(1, sum(each.answered for each in outcomes)))
    return figure_of(values)


def ends() -> tuple[float, float]:
    """Erlang C's mean waits, seconds: six separate groups, and one group of all."""
    rate = ERLANGS / SERVICE
    return (
        erlang_c(AGENTS // TYPES, rate / TYPES, SERVICE).wait,
        erlang_c(AGENTS, rate, SERVICE).wait,
    )


def main(path: Path, runs: int = 8, hours: float = 240.0) -> None:
    points: list[tuple[float, Figure]] = []
    for skills in SKILLS:
        points.append((skills, mean_wait(skills, runs, hours)))
        sys.stdout.write(f"{skills} skills: mean wait {points[-1][1]} s\n")
        sys.stdout.flush()
    separate, together = ends()
    recovered = (separate - points[1][1].mean) / (separate - together)
    sys.stdout.write(f"Erlang C: {separate:.3f} and {together:.3f} s; two skills recover {recovered:.1%}\n")
    marks = {
        f"Erlang C, six groups of 15: {separate:.0f} s": separate,
        f"Erlang C, one of 90: {together:.0f} s": together,
    }
    title = "Mean wait by skills per agent (84 erlangs, 90 agents)"
    path.write_text(curve_svg(title, ("skills per agent", "seconds"), points, marks), "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
