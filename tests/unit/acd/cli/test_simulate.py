"""`guichet simulate` as it is called."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner

from acd.cli import app
from acd.domain.events import Event
from acd.domain.journal_format import encode_event
from acd.simulation.people import day_of
from acd.simulation.scenario import load_scenario
from acd.simulation.world import Simulation

SCENARIO = """
hours: 3
queues: {support: {skills: {support: 1}, wrap_up_time_seconds: 0}}
calls: [{queue: support, per_hour: 60, handle: {mean: 180}, patience: {mean: 120}}]
agents: [{group: all, count: 4, skills: {support: 1}}]
"""


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    path = tmp_path / "today.yaml"
    path.write_text(SCENARIO, "utf-8")
    return path


def test_two_scenarios_side_by_side_on_the_same_calls(scenario: Path) -> None:
    other = scenario.with_name("tomorrow.yaml")
    other.write_text(SCENARIO.replace("count: 4", "count: 8"), "utf-8")
    plot = scenario.with_name("plot.svg")
    command = ["simulate", str(scenario), "--compare", str(other), "--runs", "3", "--json", "--plot", str(plot)]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    today, tomorrow = (found[name]["queues"]["support"] for name in ("today", "tomorrow"))
    assert today["offered"] == tomorrow["offered"]
    assert today["service_level"]["mean"] < tomorrow["service_level"]["mean"]
    drawn = ElementTree.fromstring(plot.read_text("utf-8"))  # noqa: S314  # our own
    assert "today" in "".join(drawn.itertext())


def test_theory_is_printed_beside_what_it_speaks_of(scenario: Path) -> None:
    done = CliRunner().invoke(app, ["simulate", str(scenario), "--runs", "2"])
    assert done.exit_code == 0
    assert "today: in theory a mean wait of" in done.stdout
    assert "occupancy" in done.stdout


def test_a_scenario_with_a_mistake_is_told_in_one_line(scenario: Path) -> None:
    scenario.write_text(SCENARIO.replace("queue: support,", "queue: sport,"), "utf-8")
    done = CliRunner().invoke(app, ["simulate", str(scenario)])
    assert done.exit_code == 1
    assert "today.yaml:4:" in done.output
    assert "there is no queue `sport`" in done.output


@pytest.fixture
def journal(scenario: Path) -> Path:
    """Of a day played as `today.yaml` says."""
    events: list[Event] = []
    Simulation(day_of(load_scenario(scenario), 7), events.extend).run()
    path = scenario.with_name("journal.jsonl")
    path.write_bytes(b"\n".join(map(encode_event, events)))
    return path


def test_a_recorded_day_stands_beside_itself_and_what_changes_make_of_it(scenario: Path, journal: Path) -> None:
    change = scenario.with_name("change.yaml")
    change.write_text("queues: {support: {skills: {support: 1}, wrap_up_time_seconds: 30}}", "utf-8")
    plot = scenario.with_name("plot.svg")
    shared = ["--replay", str(journal), "--runs", "2", "--plot", str(plot)]
    command = ["simulate", str(change), "--compare", str(scenario), *shared]
    done = CliRunner().invoke(app, [*command, "--json"])
    assert done.exit_code == 0, done.output
    found = {name: each["queues"]["support"] for name, each in json.loads(done.stdout).items()}
    assert list(found) == ["recorded", "as it was", "change", "today"]
    assert len({each["offered"]["mean"] for each in found.values()}) == 1
    levels = [found[name]["service_level"]["mean"] for name in found]
    assert levels[0] == pytest.approx(levels[1], abs=1e-6) == pytest.approx(levels[3], abs=1e-6)
    assert found["recorded"]["service_level"]["ci95"] is None
    assert ElementTree.fromstring(plot.read_text("utf-8")).tag.endswith("svg")  # noqa: S314  # our own
    table = CliRunner().invoke(app, command)
    assert table.exit_code == 0, table.output
    assert all(name in table.stdout.splitlines()[0] for name in found)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--day", "2026-11-23"], "--day goes with --replay"),
        (["--replay", "{journal}", "--day", "yesterday"], "--day yesterday: no date"),
        (["--replay", "{journal}", "--day", "2027-11-23"], "the journal has nothing to play"),
        (["--replay", "nowhere.jsonl"], "nowhere.jsonl cannot be read"),
        (["--replay", "nowhere"], "there is no journal here"),
    ],
)
def test_what_cannot_be_replayed_is_told_in_one_line(
    scenario: Path, journal: Path, options: list[str], told: str
) -> None:
    done = CliRunner().invoke(app, ["simulate", str(scenario), *(option.format(journal=journal) for option in options)])
    assert done.exit_code == 1
    assert told in done.output


def test_one_day_of_a_journal(scenario: Path, journal: Path) -> None:
    command = ["simulate", str(scenario), "--replay", str(journal), "--day", "2026-11-23", "--runs", "1", "--json"]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["recorded"]["queues"]["support"]["offered"]["mean"] > 100
