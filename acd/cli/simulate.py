"""`guichet simulate`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated

import typer

from acd.cli.failures import clear_failures
from acd.settings import load_settings
from acd.simulation.plot import comparison_svg
from acd.simulation.replay import RecordingError, as_it_was, read_recording, recording_of, replayed_day, through
from acd.simulation.report import Figure, Report, report_of, simulate
from acd.simulation.scenario import ReplayScenario, load_replay, load_scenario
from acd.simulation.theory import theory_of
from acd.simulation.world import Simulation

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
    scenario: Annotated[Path, typer.Argument(help="Scenario file; see docs/simulate.md.", show_default=False)],
    *,
    runs: Annotated[int, typer.Option(help="Days with chances of their own.", min=1, max=1000)] = 5,
    compare: Annotated[
        Path | None, typer.Option(help="Another scenario, on the same calls where its streams are the same.")
    ] = None,
    replay: Annotated[
        Path | None,
        typer.Option(help="A journal: its calls and agents are played through the scenario.", show_default=False),
    ] = None,
    day: Annotated[
        str, typer.Option(metavar="YYYY-MM-DD", help="Of the journal, this day alone, by the site's time zone.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    plot: Annotated[Path | None, typer.Option(help="Write service levels and occupancies as SVG.")] = None,
) -> None:
    """A day of callers and agents on virtual time, decided by the engine of the running service.

    With --replay the day is a recorded one, and stands beside what the scenario makes of it.
    """
    paths = (scenario, *((compare,) if compare else ()))
    with clear_failures():
        if replay is None and day:
            raise RecordingError("--day goes with --replay")
        reports = _drawn(paths, runs, tell=not as_json) if replay is None else _replayed(paths, replay, day, runs)
        if plot is not None:
            plot.write_text(comparison_svg(reports), "utf-8")
    if as_json:
        typer.echo(json.dumps({name: report.as_json() for name, report in reports.items()}, indent=2))
        return
    for line in _table(reports):
        typer.echo(line)


def _drawn(paths: Sequence[Path], runs: int, *, tell: bool) -> dict[str, Report]:
    reports: dict[str, Report] = {}
    for path in paths:
        known = load_scenario(path)
        reports[_free_name(path, reports)] = simulate(known, runs)
        theory = theory_of(known)
        if theory is not None and tell:
            told = f"{path.stem}: in theory a mean wait of {theory.wait:.3f} s, "
            typer.echo(f"{told}service level {theory.service_level:.3f}, abandoned {theory.abandoned:.3f}")
    return reports


def _replayed(paths: Sequence[Path], journal: Path, day: str, runs: int) -> dict[str, Report]:
    """The day as it was; played again as it was configured then; and through each scenario."""
    scenarios = [load_replay(path) for path in paths]
    recording = recording_of(read_recording(journal), *_limits(paths[0], scenarios[0], day))
    reports = {"recorded": report_of([recording.observer])}
    workload = recording.workload
    if unknown := workload.unknown_agents:
        told = f"{len(unknown)} agents are left out: this journal begins after they were made known to the service"
        typer.echo(told, err=True)
    configurations = {"as it was": as_it_was(workload)}
    for path, scenario in zip(paths, scenarios, strict=True):
        configurations[_free_name(path, {**reports, **configurations})] = through(scenario, workload, str(path))
    for name, configuration in configurations.items():
        days = (replayed_day(workload, configuration, run) for run in range(runs))
        reports[name] = report_of([Simulation(each).run() for each in days])
    return reports


def _limits(path: Path, scenario: ReplayScenario, day: str) -> tuple[datetime | None, datetime | None]:
    if not day:
        return None, None
    site = load_settings(path.parent / scenario.site if scenario.site else None, environment={})
    try:
        begins_at = datetime.combine(date.fromisoformat(day), time(), site.service.zone)
        next_day = datetime.combine(begins_at.date() + timedelta(days=1), time(), site.service.zone)
    except (ValueError, OverflowError):
        raise RecordingError(f"--day {day}: no date; write 2026-11-20") from None
    return begins_at.astimezone(UTC), next_day.astimezone(UTC)


def _free_name(path: Path, taken: Mapping[str, object]) -> str:
    return str(path) if path.stem in taken else path.stem


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
