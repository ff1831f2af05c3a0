"""Surveys after the talk in the whole service, on virtual time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from acd.domain import commands as cmd
from acd.domain import events as ev
from acd.domain.agent import AgentState
from acd.domain.call import CallStage, Reason, Result
from acd.domain.ids import CallId
from acd.service.ports import DialStatus, Stage
from acd.service.survey_desk import is_chosen
from tests.fakes.hotline import FakeSurveys
from tests.fakes.ports import FakeChannel
from tests.scenarios.world import World, world
from ticketing.api import Survey

FLOWS = {
    "lab": """\
flow: lab
languages: [fr, en]
start: support
fallback: support
nodes:
  support: {kind: queue, queue: support}
""",
    "opinion": """\
flow: opinion
languages: [fr, en]
start: content
fallback: bye
nodes:
  content: {kind: survey, measure: csat, prompt: {fr: "De 1 à 5", en: "From 1 to 5"}, next: recommend}
  recommend: {kind: survey, measure: nps, prompt: {fr: "De 0 à 10", en: "From 0 to 10"}, next: settled}
  settled: {kind: survey, measure: resolved, prompt: {fr: "Résolu", en: "Settled"}, next: words}
  words: {kind: survey, measure: comment, prompt: {fr: "Dites", en: "Say"}, next: bye}
  bye: {kind: hangup}
""",
}


@asynccontextmanager
async def lab(tmp_path: Path, **survey: object) -> AsyncIterator[World]:
    for name, text in FLOWS.items():
        (tmp_path / f"{name}.yaml").write_text(text, "utf-8")
    async with world(
        flows=[str(tmp_path / f"{name}.yaml") for name in FLOWS],
        numbers={"100": {"flow": "lab"}},
        queues={"support": {"survey": {"flow": "opinion", **survey}}},
    ) as w:
        yield w


def _surveys(w: World) -> FakeSurveys:
    assert isinstance(w.hotline.surveys, FakeSurveys)
    return w.hotline.surveys


async def _talk(w: World, linkedid: str = "1.1", number: str = "+33612345678") -> FakeChannel:
    """A caller who has talked, and whose agent has just hung up."""
    channel = w.caller(linkedid, number)
    await w.settle()
    channel.phone_rings()
    channel.phone_answers()
    await w.settle()
    channel.end_ring(DialStatus.ANSWERED)
    await w.settle()
    return channel


async def _asked(w: World, linkedid: str = "1.1") -> Survey:
    survey = await w.hotline.surveys.survey(linkedid)
    assert survey is not None
    return survey


async def test_every_question_is_kept_and_the_agent_is_free_meanwhile(tmp_path: Path) -> None:
    async with lab(tmp_path) as w:
        alice = w.agent("alice", "1001", support=3)
        channel = await _talk(w)
        assert w.state_of(alice) is AgentState.WRAP_UP
        w.order(cmd.EndWrapUp(agent_id=alice, title="Printer"))
        assert w.state_of(alice) is AgentState.READY
        other = w.caller("2.1", "+33600000002")
        await w.settle()
        assert other.leg == "1001"  # the next caller rings while the first one still answers
        channel.key("4")
        channel.key("10")
        channel.key("2")
        channel.speech = timedelta(seconds=0.6)
        await w.until(lambda: channel.is_finished)
        await w.settle()
        survey = await _asked(w)
        assert (survey.csat, survey.nps, survey.is_resolved) == (4, 10, False)
        assert (survey.comment, survey.comment_time) == ("1_1-words.wav", timedelta(seconds=0.6))
        assert (survey.queue, survey.agent_id, survey.flow.split("@")[0]) == ("support", "agent_alice", "opinion")
        assert channel.heard == ["De 1 à 5", "De 0 à 10", "Résolu", "Dites"]
        assert [event.measure for event in w.seen(ev.SurveyAnswered)] == ["csat", "nps", "resolved", "comment"]
        ended = next(event for event in w.seen(ev.CallEnded) if event.call_id == "call_1.1")
        assert (ended.termination.result, ended.termination.reason) == (Result.ANSWERED, Reason.AGENT_HUNG_UP)
        assert "call_1.1" not in w.core.engine.state.calls


async def test_nobody_is_asked_twice_within_the_days(tmp_path: Path) -> None:
    async with lab(tmp_path) as w:
        w.agent("alice", "1001", support=3)
        first = await _talk(w)
        first.hang_up()
        await w.settle()
        await w.pass_time(60)
        second = await _talk(w, "2.1")
        assert (second.heard, second.is_finished) == ([], True)
        await w.pass_time(31 * 24 * 3600)
        third = await _talk(w, "3.1")
        assert third.heard == ["De 1 à 5"]


async def test_a_share_of_the_calls_by_their_id(tmp_path: Path) -> None:
    async with lab(tmp_path, share=0.3) as w:
        w.agent("alice", "1001", support=3)
        asked = []
        for index in range(1, 13):
            channel = await _talk(w, f"{index}.1", f"+3360000{index:04}")
            asked.append(bool(channel.heard))
            channel.hang_up()
            await w.pass_time(60)
        assert asked == [is_chosen(CallId(f"call_{index}.1"), 0.3) for index in range(1, 13)]
    chosen = sum(is_chosen(CallId(f"call_{index}.{index}"), 0.3) for index in range(4000))
    assert 1100 < chosen < 1300


@pytest.mark.parametrize("number", ["anonymous", "unknown"])
async def test_a_number_that_cannot_be_remembered_is_not_asked(tmp_path: Path, number: str) -> None:
    async with lab(tmp_path) as w:
        w.agent("alice", "1001", support=3)
        channel = await _talk(w, number=number)
        assert (channel.heard, channel.is_finished) == ([], True)


async def test_a_database_that_is_down_lets_the_caller_go(tmp_path: Path) -> None:
    async with lab(tmp_path) as w:
        w.agent("alice", "1001", support=3)
        _surveys(w).is_down = True
        channel = await _talk(w)
        assert (channel.heard, channel.is_finished) == ([], True)


async def test_a_caller_who_hangs_up_first_is_not_asked(tmp_path: Path) -> None:
    async with lab(tmp_path) as w:
        w.agent("alice", "1001", support=3)
        channel = w.caller("1.1")
        await w.settle()
        channel.phone_answers()
        await w.settle()
        channel.hang_up()
        await w.settle()
        assert _surveys(w).kept == {}
        (ended,) = w.seen(ev.CallEnded)
        assert ended.termination.reason is Reason.CALLER_HUNG_UP


async def test_a_caller_who_hangs_up_in_the_middle_has_said_what_they_said(tmp_path: Path) -> None:
    async with lab(tmp_path) as w:
        w.agent("alice", "1001", support=3)
        channel = await _talk(w)
        channel.key("5")
        await w.settle()
        channel.hang_up()
        await w.settle()
        assert (await _asked(w)).csat == 5
        (ended,) = w.seen(ev.CallEnded)
        assert (ended.termination.result, ended.termination.reason) == (Result.ANSWERED, Reason.CALLER_HUNG_UP)


async def test_a_comment_that_ends_with_the_call_is_kept(tmp_path: Path) -> None:
    async with lab(tmp_path) as w:
        w.agent("alice", "1001", support=3)
        channel = await _talk(w)
        for key in ("5", "9", "1"):
            channel.key(key)
        channel.speech = timedelta(seconds=20)
        await w.until(lambda: bool(channel.recorded))
        channel.hang_up()
        await w.settle()
        assert ((await _asked(w)).comment, (await _asked(w)).comment_time) == ("1_1-words.wav", None)


async def test_a_session_that_is_lost_goes_on_where_it_was(tmp_path: Path) -> None:
    async with lab(tmp_path) as w:
        alice = w.agent("alice", "1001", support=3)
        channel = await _talk(w)
        channel.key("5")
        await w.settle()
        channel.cut()
        await w.settle()
        again = channel.again()
        assert again.facts.stage == Stage.SURVEY
        w.tasks.start(w.core.switchboard.take_call(again), "call again")
        await w.settle()
        assert again.heard == ["De 0 à 10"]
        assert w.state_of(alice) is AgentState.WRAP_UP
        again.key("8")
        await w.settle()
        again.hang_up()
        await w.settle()
        assert ((await _asked(w)).csat, (await _asked(w)).nps) == (5, 8)
        (ended,) = w.seen(ev.CallEnded)
        assert ended.termination.result is Result.ANSWERED


async def test_a_service_that_died_in_the_middle(tmp_path: Path) -> None:
    """Another service takes the caller up: the agent of before is not disturbed, the call is recorded as it was, and
    its ticket, which died with the wrap-up, is made."""
    async with lab(tmp_path) as before:
        before.agent("alice", "1001", support=3)
        channel = await _talk(before)
        channel.key("5")
        await before.settle()
        recorded = before.desk.recorded
        await before.until(lambda: "1.1" in recorded and recorded["1.1"].talk_ended_at is not None)
        desk, hotline = before.desk, before.hotline
        channel.cut()
        await before.settle()
    async with lab(tmp_path) as w:
        w.desk.recorded, w.hotline.surveys.kept = desk.recorded, hotline.surveys.kept  # type: ignore[attr-defined]
        alice = w.agent("alice", "1001", support=3)
        again = channel.again()
        w.telephony.carry(again)
        w.tasks.start(w.core.switchboard.take_call(again), "call again")
        await w.settle()
        assert again.heard == ["De 0 à 10"]
        assert w.state_of(alice) is AgentState.READY
        assert w.core.engine.state.calls[CallId("call_1.1")].stage is CallStage.TALKING
        again.key("8")
        again.key("1")
        await w.settle()
        again.hang_up()
        await w.until(lambda: w.desk.recorded["1.1"].ended_at is not None and "1.1" in w.desk.committed)
        call = w.desk.recorded["1.1"]
        assert call.termination is not None
        assert call.termination.result is Result.ANSWERED
        assert w.desk.committed["1.1"].to_qualify
        assert w.state_of(alice) is AgentState.READY
        assert ((await _asked(w)).nps, (await _asked(w)).is_resolved) == (8, True)


async def test_after_a_restart_with_the_desk_down_the_caller_is_let_go(tmp_path: Path) -> None:
    async with lab(tmp_path) as w:
        w.desk.is_down = True
        channel = w.caller("1.1", stage=Stage.SURVEY, was_answered=True, ivr_session="x")
        await w.settle()
        assert channel.is_finished
        assert w.seen(ev.CallStarted) == []
