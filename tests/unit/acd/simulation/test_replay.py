"""A recorded day played once more: the same configuration gives the same day, another one another."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from pathlib import Path
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from acd.adapters.bus.frames import header, pack
from acd.adapters.bus.journal_files import EVENTS, name_of
from acd.domain import commands as cmd
from acd.domain import events as ev
from acd.domain.agent import AgentState
from acd.domain.ids import CallId, QueueName
from acd.domain.journal_format import VERSION, Record, encode_event, encode_record
from acd.domain.people import OfferMode, PeopleRules, ReasonPolicy, WrapUpCode, WrapUpPolicy
from acd.simulation.day import Does
from acd.simulation.observer import Observer
from acd.simulation.patience import Observation, Patience
from acd.simulation.people import day_of
from acd.simulation.replay import (
    Recording,
    RecordingError,
    as_it_was,
    read_recording,
    recording_of,
    replayed_day,
    through,
)
from acd.simulation.report import report_of
from acd.simulation.scenario import ReplayScenario, replay_of
from acd.simulation.workload import Recorder, Workload
from acd.simulation.world import Simulation
from ivr.errors import ConfigurationError
from ivr.source import load
from tests.unit.acd.domain.floor import ALICE, FIRST, ORDERS, SUPPORT, Floor, policy
from tests.unit.acd.simulation.test_simulation import scenario

QUEUES = """
queues:
  support: {skills: {support: 5}, steps: [{after_seconds: 20, levels: {support: 1}}], agent_choice: least_occupied}
"""
DAY = f"""
hours: 8
{QUEUES}
calls:
  - {{queue: support, per_hour: 70, handle: {{kind: lognormal, mean: 200, deviation: 100}}, patience: {{mean: 150}}}}
  - {{queue: orders, per_hour: 60, handle: {{kind: fixed, mean: 120}}, patience: {{mean: 90}}}}
agents:
  - group: experts
    count: 3
    skills: {{support: 9}}
    wrap_up: {{mean: 20}}
    breaks: [{{from_hours: 1, to_hours: 1.5}}]
  - {{group: clerks, count: 4, skills: {{support: 1, orders: 1}}, shift: {{from_hours: 0.25, to_hours: 7}}}}
"""


def recorded(text: str, run: int = 0) -> list[ev.Event]:
    """The journal of a day that the simulator has played."""
    journal: list[ev.Event] = []
    Simulation(day_of(scenario(text), run), journal.extend).run()
    return journal


@pytest.fixture(scope="module")
def journal() -> list[ev.Event]:
    return recorded(DAY)


@pytest.fixture(scope="module")
def recording(journal: list[ev.Event]) -> Recording:
    return recording_of(journal)


def configured(text: str) -> ReplayScenario:
    return replay_of(load(text, "change.yaml"), Path())


def played(workload: Workload, text: str = "", run: int = 0) -> Observer:
    configuration = through(configured(text), workload, "change.yaml") if text else as_it_was(workload)
    return Simulation(replayed_day(workload, configuration, run)).run()


def figures(observer: Observer) -> dict[str, dict[str, float]]:
    report = report_of([observer])
    kinds = {**report.queues, **{f"agents of {group}": known for group, known in report.groups.items()}}
    return {part: {name: each.mean for name, each in known.items()} for part, known in kinds.items()}


def test_the_same_configuration_gives_the_same_day_again(recording: Recording) -> None:
    was, again = figures(recording.observer), figures(played(recording.workload))
    for part, known in was.items():
        for name, value in known.items():
            if "estimate" not in name:
                assert again[part][name] == pytest.approx(value, rel=1e-3, abs=1e-3), (part, name)
    assert was["support"]["offered"] == pytest.approx(560, rel=0.15)
    assert 0.02 < was["support"]["abandoned_share"] < 0.5
    # And once more, written in YAML, with nothing drawn differently in another run but what nobody saw.
    assert figures(played(recording.workload, QUEUES, run=3))["orders"] == pytest.approx(again["orders"], rel=1e-3)


def test_a_changed_configuration_gives_another_day_with_the_same_calls(recording: Recording) -> None:
    was = figures(recording.observer)
    patient = "queues: {support: {skills: {support: 5}}}"  # no step: nobody but the experts
    loose = "queues: {support: {skills: {support: 1}}}"  # everybody from the first second
    strict, open_to_all = (figures(played(recording.workload, text)) for text in (patient, loose))
    assert strict["support"]["offered"] == open_to_all["support"]["offered"] == was["support"]["offered"]
    assert (
        strict["support"]["service_level"] < was["support"]["service_level"] < open_to_all["support"]["service_level"]
    )
    assert strict["support"]["abandoned_share"] > was["support"]["abandoned_share"]
    assert strict["orders"]["service_level"] > was["orders"]["service_level"]  # their agents are left alone


def test_what_agents_must_press_or_say_at_their_screens_holds_nobody_up(recording: Recording) -> None:
    """Codes that a queue requires, offers to be accepted, reasons of another site: none of it routes anything."""
    strict = WrapUpPolicy(codes=(WrapUpCode(code="solved", label="Solved"),), is_code_required=True)
    as_was = as_it_was(recording.workload)
    demanding = dataclasses.replace(
        as_was,
        policies=tuple(replace(each, wrap_up=strict, offer_mode=OfferMode.ACCEPT) for each in as_was.policies),
        rules=replace(as_was.rules, people=PeopleRules(reasons=(ReasonPolicy(name="tea", label="Tea"),))),
    )
    again = Simulation(replayed_day(recording.workload, demanding, 0)).run()
    assert figures(again) == figures(played(recording.workload))


def test_agents_may_be_trained_or_stay_at_home(recording: Recording) -> None:
    workload = recording.workload
    clerks = [agent.profile.login for agent in workload.agents if agent.profile.login.startswith("clerks")]
    trained = "".join(f"    {login}: {{support: 9, orders: 1}}\n" for login in clerks)
    better = figures(played(workload, f"{QUEUES}replay:\n  skills:\n{trained}"))
    worse = figures(played(workload, f"{QUEUES}replay: {{without: [{clerks[0]}, {clerks[1]}]}}"))
    levels = [each["orders"]["service_level"] for each in (worse, figures(recording.observer))]
    assert levels[0] < levels[1]
    assert better["support"]["mean_wait_seconds"] < figures(recording.observer)["support"]["mean_wait_seconds"]
    assert set(better) == set(worse)  # the same groups in the same rows


def test_a_configuration_must_have_the_queues_that_were_called(recording: Recording) -> None:
    with pytest.raises(ConfigurationError, match="no agent `nobody` was there that day"):
        played(recording.workload, "replay: {without: [nobody]}")
    floor = Recorded(policy("third"))
    floor.queue("1.1", QueueName("third"))
    with pytest.raises(ConfigurationError, match=r"there is no queue `third`, and 1 calls of the journal are for it"):
        through(configured(QUEUES), floor.workload(), "change.yaml")


def test_a_journal_of_json_lines_is_read_back_and_a_bad_line_is_named(tmp_path: Path, journal: list[ev.Event]) -> None:
    path = tmp_path / "day.jsonl"
    path.write_bytes(b"\n".join(map(encode_event, journal[:500])) + b"\n")
    assert list(read_recording(path)) == journal[:500]
    path.write_bytes(encode_event(journal[0]) + b'\n{"type":"SomethingElse"}\n')
    with pytest.raises(RecordingError, match=r"day\.jsonl:2: this is no event"):
        list(read_recording(path))
    with pytest.raises(RecordingError, match="nothing to play"):
        recording_of([])


def test_the_journal_of_the_service_is_read_as_it_stands_on_the_disk(tmp_path: Path, journal: list[ev.Event]) -> None:
    records = [Record(at=event.at, events=(event,)) for event in journal[:300]]
    frames = [pack(serial, encode_record(record)) for serial, record in enumerate(records, start=1)]
    path = tmp_path / name_of(EVENTS, 1)
    path.write_bytes(header(VERSION) + b"".join(frames))
    assert list(read_recording(tmp_path)) == journal[:300]
    assert list(read_recording(path)) == journal[:300]


def test_one_day_of_a_journal_begins_with_who_is_there(journal: list[ev.Event]) -> None:
    noon = journal[0].at + timedelta(hours=4)
    afternoon = recording_of(journal, noon, noon + timedelta(hours=2))
    workload = afternoon.workload
    assert (workload.begins_at, workload.ends_at) == (noon, noon + timedelta(hours=2))
    assert all(noon <= call.at < workload.ends_at for call in workload.calls)
    assert len(workload.agents) == 7
    assert all([move.does for move in agent.moves][:2] == [Does.LOG_IN, Does.READY] for agent in workload.agents)
    was, again = figures(afternoon.observer), figures(played(workload))
    # Calls that were under way at noon are not played: close, not equal.
    assert again["support"]["service_level"] == pytest.approx(was["support"]["service_level"], abs=0.1)
    assert again["orders"]["offered"] == pytest.approx(was["orders"]["offered"], abs=3)


# what is kept of a journal -------------------------------------------------------------------------------------


class Recorded(Floor):
    def workload(self) -> Workload:
        recorder = Recorder(None, None)
        for event in self.events:
            recorder.hear(event)
        return recorder.workload()


def test_what_people_brought_is_kept_and_what_came_of_the_configuration_is_left_behind() -> None:
    floor = Recorded(policy("support", support=1))
    floor.agent("alice")
    floor.pass_time(10)
    floor.queue("1.1")
    floor.pass_time(3)
    floor.answer()
    floor.pass_time(100)
    floor.queue("2.1")
    floor.pass_time(20)
    floor.end(CallId("call_2.1"))
    floor.end_talk()
    floor.pass_time(12)
    floor.give(cmd.EndWrapUp(agent_id=ALICE))
    workload = floor.workload()
    first, second = workload.calls
    assert (first.queue, first.waited, first.ring, first.talk, first.wrap_up) == (SUPPORT, 3.0, 3.0, 120.0, 12.0)
    assert (second.waited, second.has_given_up, second.talk) == (20.0, True, None)
    day = replayed_day(workload, as_it_was(workload), 0)
    assert [(call.at, call.handle, call.wrap_up, call.ring) for call in day.calls] == [
        (10.0, 120.0, 12.0, 3.0),
        (113.0, 120.0, 12.0, 3.0),  # nobody answered it: it would have been like another
    ]
    assert day.calls[1].patience == 20.0
    assert day.calls[0].patience is not None
    assert day.calls[0].patience > 3.0


def test_agents_whom_a_journal_cut_off_at_its_beginning_does_not_know_are_told_of() -> None:
    floor = Recorded(policy("support", support=1))
    floor.agent("alice")
    floor.events = [event for event in floor.events if not isinstance(event, ev.AgentRegistered)]
    floor.agent("bob")
    workload = floor.workload()
    assert workload.unknown_agents == (ALICE,)
    assert [agent.profile.login for agent in workload.agents] == ["bob"]


def test_a_ring_in_vain_is_nothing_the_agent_had_in_mind_and_a_break_is() -> None:
    floor = Recorded(policy("support", support=1))
    floor.agent("alice")
    floor.agent("bob", AgentState.NOT_READY)
    floor.queue()
    floor.pass_time(15)
    floor.no_answer()
    floor.pass_time(40)
    floor.give(cmd.MakeReady(agent_id=ALICE))  # the call rings again
    floor.pass_time(2)
    floor.answer()
    floor.give(cmd.MakeNotReady(agent_id=ALICE, reason="lunch"))
    floor.pass_time(60)
    floor.end()
    floor.give(cmd.EndWrapUp(agent_id=ALICE))
    alice, bob = floor.workload().agents
    assert (alice.rings, alice.rings_in_vain, alice.away_seconds) == (2, 1, [40.0])
    assert [(move.at, move.does, move.reason) for move in alice.moves] == [
        (0.0, Does.LOG_IN, ""),
        (0.0, Does.READY, ""),
        (57.0, Does.NOT_READY, "lunch"),  # said during the call
    ]
    assert [move.does for move in bob.moves] == [Does.LOG_IN]
    day = replayed_day(floor.workload(), as_it_was(floor.workload()), 0)
    assert (day.agents[0].no_answer, day.agents[0].back_after) == (0.5, 40.0)


def test_a_call_that_is_sent_on_or_turned_away_came_to_the_queue_it_came_to() -> None:
    floor = Recorded(policy("support", support=1), policy("orders", orders=1))
    call = floor.start()
    floor.events += [
        ev.CallOverflowed(at=floor.now, call_id=call, queue=SUPPORT, cause="closed", to_queue=ORDERS),
    ]
    floor.give(cmd.EnqueueCall(call_id=FIRST, queue=ORDERS, skills=(("network", 1),)))
    second = floor.start("2.1")
    floor.events.append(ev.CallOverflowed(at=floor.now, call_id=second, queue=ORDERS, cause="closed", to_queue=None))
    sent_on, turned_away = floor.workload().calls
    assert (sent_on.queue, sent_on.skills, sent_on.is_let_in) == (SUPPORT, (("network", 1),), True)
    assert (turned_away.queue, turned_away.is_let_in, turned_away.talk) == (ORDERS, False, None)


# patience ------------------------------------------------------------------------------------------------------


def test_patience_counts_those_who_were_answered_for_as_long_as_they_were_seen() -> None:
    """Kaplan and Meier's own way of counting: 4 of 10 seen to give up."""
    gave_up = {1, 3, 6, 8}
    seen = [Observation(float(seconds), seconds in gave_up) for seconds in range(1, 11)]
    patience = Patience(seen)
    assert patience.share_left(0.5) == 1.0
    assert patience.share_left(1) == pytest.approx(9 / 10)
    assert patience.share_left(3) == pytest.approx(9 / 10 * 7 / 8)
    assert patience.share_left(6) == pytest.approx(9 / 10 * 7 / 8 * 4 / 5)
    assert patience.share_left(8) == pytest.approx(9 / 10 * 7 / 8 * 4 / 5 * 2 / 3)
    assert patience.draw(0.0, 0.95) == 1
    assert patience.draw(3.5, 0.9) == 6
    assert patience.draw(8.5, 0.5) > 10  # beyond what was seen: at the day's rate
    assert Patience([Observation(5.0, False)]).draw(5.0, 0.5) == float("inf")


SEEN = st.lists(st.tuples(st.floats(0.1, 500), st.booleans()), min_size=1, max_size=40)


@given(SEEN, st.floats(0, 600), st.floats(0.01, 1))
def test_nobody_is_drawn_less_patient_than_they_were_seen_to_be(
    seen: list[tuple[float, bool]], beyond: float, chance: float
) -> None:
    patience = Patience([Observation(*each) for each in seen])
    drawn = patience.draw(beyond, chance)
    assert drawn >= beyond
    assert patience.draw(beyond, chance / 2) >= drawn


def test_patience_is_found_again_behind_a_day_of_answers() -> None:
    """Of exponential patience with a mean of 150 s, from a day on which two of three were answered."""
    journal = recorded(DAY.replace("per_hour: 70", "per_hour: 95"))
    calls = [call for call in recording_of(journal).workload.calls if call.queue == SUPPORT]
    assert 0.15 < fmean(call.has_given_up for call in calls) < 0.6
    patience = Patience([Observation(call.waited, call.has_given_up) for call in calls])
    drawn = [patience.draw(0.0, (number + 0.5) / 400) for number in range(400)]
    assert fmean(drawn) == pytest.approx(150, rel=0.2)
