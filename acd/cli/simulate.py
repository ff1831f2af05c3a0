"""`guichet simulate`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from acd.cli.failures import clear_failures
from acd.simulation.plot import comparison_svg
from acd.simulation.report import Figure, Report, simulate
from acd.simulation.scenario import load_scenario
from acd.simulation.theory import theory_of

_SHOWN = {
    "offered": "offered",
    "service_level": "service level",
    "average_speed_of_answer_seconds": "speed of answer, s",
    "mean_wait_seconds": "mean wait, s",
    "abandoned_share": "abandoned",
    "relaxed_share": "answered after a step",
    "moved": "moved on",
    "turned_away": "turned away",
    "mean_waiting": "waiting, mean",
    "estimate_error_seconds": "estimate too long by, s",
    "estimate_absolute_error_seconds": "estimate wrong by, s",
    "occupancy": "occupancy",
    "occupancy_spread": "spread of occupancy",
}
_OFTEN_NOUGHT = frozenset({"abandoned_share", "relaxed_share", "moved", "turned_away"})


def simulate_command(
    scenario: Annotated[Path, typer.Argument(help="Scenario file; see docs/routing.md.", show_default=False)],
    *,
    runs: Annotated[int, typer.Option(help="Days with chances of their own.", min=1, max=1000)] = 5,
    compare: Annotated[
        Path | None, typer.Option(help="Another scenario, on the same calls where its streams are the same.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    plot: Annotated[Path | None, typer.Option(help="Write service levels and occupancies as SVG.")] = None,
) -> None:
    """A day of callers and agents on virtual time, decided by the engine of the running service."""
    with clear_failures():
        reports: dict[str, Report] = {}
        for path in (scenario, *((compare,) if compare else ())):
            known = load_scenario(path)
            reports[path.stem if path.stem not in reports else str(path)] = simulate(known, runs)
            theory = theory_of(known)
            if theory is not None and not as_json:
                told = f"{path.stem}: in theory a mean wait of {theory.wait:.3f} s, "
                typer.echo(f"{told}service level {theory.service_level:.3f}, abandoned {theory.abandoned:.3f}")
        if plot is not None:
            plot.write_text(comparison_svg(reports), "utf-8")
    if as_json:
        typer.echo(json.dumps({name: report.as_json() for name, report in reports.items()}, indent=2))
        return
    for line in _table(reports):
        typer.echo(line)


def _table(reports: dict[str, Report]) -> list[str]:
    wide = 22
    lines = [" " * 44 + "".join(f"{name:>{wide}}" for name in reports)]
    for kind in ("queues", "groups"):
        parts = dict.fromkeys(part for report in reports.values() for part in getattr(report, kind))
        for part in parts:
            for key, words in _SHOWN.items():
                found: list[Figure | None] = [getattr(each, kind).get(part, {}).get(key) for each in reports.values()]
                is_nought = key in _OFTEN_NOUGHT and not any(each and each.mean for each in found)
                if any(found) and not is_nought:
                    cells = "".join(f"{'-' if each is None else str(each):>{wide}}" for each in found)
                    lines.append(f"{part:<16}{words:<28}{cells}")
    return lines
