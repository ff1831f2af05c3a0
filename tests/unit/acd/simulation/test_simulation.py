"""The simulator, and through it the production engine, against theory. Seeds are fixed: every run gives the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from acd.simulation.people import day_of
from acd.simulation.report import Figure, Report, figure_of, report_of, simulate
from acd.simulation.scenario import Scenario, scenario_of
from acd.simulation.theory import theory_of
from acd.simulation.world import Simulation
from acd.workforce.erlang import Waiting, erlang_b
from ivr.errors import ConfigurationError
from ivr.source import load
from tests.bench import wallace_whitt


def scenario(text: str) -> Scenario:
    return scenario_of(load(text, "scenario.yaml"), Path())


def one_group(hours: float, calls: str, count: int, queue: str = "") -> Scenario:
    return scenario(
        f"""
hours: {hours}
warm_up_hours: 2
queues:
  support: {{skills: {{support: 1}}, wrap_up_time_seconds: 0, short_abandon_seconds: 0{queue}}}
calls: [{{queue: support, {calls}}}]
agents: [{{group: all, count: {count}, skills: {{support: 1}}}}]
"""
    )


def play(known: Scenario, runs: int) -> Report:
    """With Little's law, L = lambda W, in every run: the number waiting, over the time, is the arrivals times their
    mean wait, which is counted caller by caller, but for those whom the edges of the time cut in two."""
    observers = [Simulation(day_of(known, run)).run() for run in range(runs)]
    for observer in observers:
        for outcome in observer.queues.values():
            waiting = outcome.waiting_area / observer.seconds
            assert outcome.left_wait_sum / observer.seconds == pytest.approx(waiting, rel=0.03, abs=0.05)
    return report_of(observers)


def check(figures: dict[str, Figure], theory: Waiting) -> None:
    """Every figure that theory speaks of lies within the 95 % interval over the runs."""
    expected = {
        "mean_wait_seconds": theory.wait,
        "service_level": theory.service_level,
        "mean_waiting": theory.queue,
        "abandoned_share": theory.abandoned,
        "turned_away_share": theory.turned_away,
    }
    for name, value in expected.items():
        if value or figures[name].mean:
            assert figures[name].includes(value), (name, figures[name], value)


def test_patient_callers_wait_as_erlang_c_says() -> None:
    """M/M/c: 200 calls an hour of 180 s, 12 agents."""
    known = one_group(10, "per_hour: 200, handle: {mean: 180}", 12)
    theory, report = theory_of(known), play(known, 8)
    assert theory is not None
    check(report.queues["support"], theory)
    assert report.groups["all"]["occupancy"].includes(theory.occupancy)


@pytest.mark.parametrize("count", [14, 17])
def test_impatient_callers_leave_as_erlang_a_says(count: int) -> None:
    """M/M/c+M: more load than the agents can do, held by those who give up; and a little less."""
    known = one_group(7, "per_hour: 300, handle: {mean: 180}, patience: {mean: 120}", count)
    theory, report = theory_of(known), play(known, 8)
    assert theory is not None
    check(report.queues["support"], theory)
    assert report.groups["all"]["occupancy"].includes(theory.occupancy)


@pytest.mark.parametrize("places", [1, 4])
def test_a_full_queue_turns_away_as_the_chain_of_m_m_c_k_says(places: int) -> None:
    """M/M/c/K with c = 8 agents and so many places to wait."""
    rule = f", overflow: [{{when: too_many_waiting, limit: {places}, announcement: {{fr: Plus tard.}}}}]"
    known = one_group(8, "per_hour: 180, handle: {mean: 180}", 8, rule)
    theory, report = theory_of(known), play(known, 8)
    assert theory is not None
    assert theory.turned_away > 0.15
    check(report.queues["support"], theory)
    assert report.groups["all"]["occupancy"].includes(theory.occupancy)


def test_callers_without_any_patience_are_lost_as_erlang_b_says() -> None:
    """M/M/c/c: who finds all agents busy hangs up at once."""
    known = one_group(8, "per_hour: 180, handle: {mean: 180}, patience: {kind: fixed, mean: 0.001}", 8)
    lost = play(known, 8).queues["support"]["abandoned_share"]
    assert lost.includes(erlang_b(8, 9.0)), (lost, erlang_b(8, 9.0))


def test_two_skills_recover_most_of_what_full_cross_training_gains() -> None:
    """Wallace and Whitt 2005; the whole curve with its intervals is made by `python -m tests.bench.wallace_whitt`."""
    separate, together = wallace_whitt.ends()
    two = wallace_whitt.mean_wait(2, runs=2, hours=30)
    assert (separate - two.mean) / (separate - together) >= 0.85


def test_the_same_seed_gives_the_same_day_and_another_run_another() -> None:
    known = one_group(5, "per_hour: 100, handle: {mean: 180}, patience: {mean: 60}", 5)
    first = simulate(known, 2)
    assert first == simulate(known, 2)
    assert first.queues["support"]["offered"].half_width


DAY = """
hours: 10
queues:
  support: {skills: {support: 5}, steps: [{after_seconds: 20, levels: {support: 1}}], agent_choice: least_occupied}
calls:
  - {queue: support, per_half_hour: [0, 20, 40, 40, 20], handle: {kind: lognormal, mean: 200, deviation: 100}}
  - {queue: orders, per_hour: 30, handle: {kind: fixed, mean: 120}, patience: {mean: 90}}
agents:
  - {group: experts, count: 4, skills: {support: 9}, wrap_up: {mean: 20}, breaks: [{from_hours: 1, to_hours: 1.5}]}
  - {group: clerks, count: 5, skills: {support: 1, orders: 1}, shift: {from_hours: 0.25, to_hours: 9}, no_answer: 0.05}
"""


def test_a_day_with_shifts_breaks_steps_and_agents_who_do_not_answer() -> None:
    report = simulate(scenario(DAY), 3)
    support, orders = report.queues["support"], report.queues["orders"]
    assert support["offered"].mean == pytest.approx(120, rel=0.15)
    assert 0 < support["relaxed_share"].mean < 1
    assert orders["abandoned_share"].mean > 0
    assert {"occupancy", "occupancy_spread"} <= report.groups["clerks"].keys()
    assert theory_of(scenario(DAY)) is None
    assert report.as_json()["queues"]["orders"]["offered"]["ci95"] > 0


@pytest.mark.parametrize(
    ("wrong", "right", "told"),
    [
        ("queue: orders,", "queue: odrers,", "there is no queue `odrers`"),
        ("per_hour: 30, ", "", "give per_hour or per_half_hour"),
        ("to_hours: 1.5", "to_hours: 0.5", "to_hours must be after from_hours"),
        ("hours: 10\n", "hours: 10\nwarm_up_hours: 10\n", "warm_up_hours must leave something"),
        ("no_answer: 0.05", "no_answer: 5", "less than or equal to 1"),
    ],
)
def test_a_scenario_that_cannot_be_played_is_told_with_its_line(wrong: str, right: str, told: str) -> None:
    with pytest.raises(ConfigurationError, match=told) as refusal:
        scenario(DAY.replace(wrong, right))
    assert all(problem.file == "scenario.yaml" for problem in refusal.value.problems)


def test_intervals_are_students() -> None:
    figure = figure_of([1.0, 2.0, 3.0])
    assert figure.mean == 2.0
    assert figure.half_width == pytest.approx(4.303 / 3**0.5)
    assert figure_of([1.0]).half_width is None
