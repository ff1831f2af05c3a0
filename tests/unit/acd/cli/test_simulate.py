"""`guichet simulate` as it is called."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner

from acd.cli import app

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
