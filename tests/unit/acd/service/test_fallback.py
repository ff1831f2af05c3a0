"""Who stands in while no service is there, and what becomes of calls served then."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from msgspec.structs import replace

from acd.domain import commands as cmd
from acd.domain import effects as fx
from acd.domain import events as ev
from acd.domain.agent import AgentState
from acd.domain.call import CallStage, Reason, Result
from acd.domain.ids import call_id_of
from acd.service import fallback as module
from acd.service.fallback import Fallback, stand_ins
from acd.service.ports import FallbackCall, StandIn
from acd.service.tasks import BackgroundTasks
from tests.fakes.fallback import FakeFallbackQueues
from tests.scenarios.world import World, world
from tests.unit.acd.domain.floor import ALICE, BOB, START, SUPPORT, Floor

SHORT = timedelta(milliseconds=1)


@pytest.fixture
async def tasks() -> AsyncIterator[BackgroundTasks]:
    async with BackgroundTasks() as opened:
        yield opened


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GATHER", SHORT)
    monkeypatch.setattr(module, "RETRY", SHORT)


async def until_members(queues: FakeFallbackQueues, **wanted: set[str]) -> None:
    async with asyncio.timeout(10):
        while {queue: set(members) for queue, members in queues.kept.items()} != wanted:  # noqa: ASYNC110
            await asyncio.sleep(0.001)


def test_who_is_at_work_and_able_stands_in() -> None:
    floor = Floor()
    floor.agent("alice", support=2)
    floor.agent("bob", support=1, orders=1)
    floor.agent("carol", AgentState.NOT_READY, support=3)
    floor.agent("dave", AgentState.LOGGED_OUT, orders=3)
    queues = stand_ins(floor.engine.state)
    assert {queue: {member.name for member in members.values()} for queue, members in queues.items()} == {
        "support": {"alice", "bob"},
        "orders": {"bob"},
    }


def test_who_talks_stands_in_but_not_who_leaves_after_it() -> None:
    floor = Floor()
    floor.agent("alice")
    floor.queue()
    floor.answer()
    assert stand_ins(floor.engine.state)["support"]
    floor.give(cmd.MakeNotReady(agent_id=ALICE, reason="break"))
    assert not stand_ins(floor.engine.state)["support"]


async def test_the_queues_follow_the_agents(tasks: BackgroundTasks) -> None:
    floor, queues = Floor(), FakeFallbackQueues()
    stale = StandIn("1999", "somebody of yesterday")
    queues.kept["support"]["1999"] = stale
    fallback = Fallback(queues, floor.engine.state)
    tasks.start(fallback.run(), "fallback")
    floor.agent("alice")
    fallback.connected()
    extension = floor.who().profile.extension
    await until_members(queues, support={extension}, orders=set())
    fallback.hear(floor.give(cmd.MakeNotReady(agent_id=ALICE, reason="break")).events)
    await until_members(queues, support=set(), orders=set())


async def test_a_call_that_comes_and_goes_changes_nothing(tasks: BackgroundTasks) -> None:
    floor, queues = Floor(), FakeFallbackQueues()
    fallback = Fallback(queues, floor.engine.state)
    tasks.start(fallback.run(), "fallback")
    floor.agent("alice")
    fallback.connected()
    await until_members(queues, support={floor.who().profile.extension}, orders=set())
    changes = queues.changes
    floor.queue()
    floor.answer()
    fallback.hear(floor.end_talk().events)
    fallback.hear(floor.give(cmd.EndWrapUp(agent_id=ALICE)).events)
    floor.agent("bob", orders=1)
    fallback.hear(floor.events)
    await until_members(
        queues,
        support={floor.who().profile.extension},
        orders={floor.who(BOB).profile.extension},
    )
    assert queues.changes == changes + 1


async def test_a_switch_that_is_away_is_asked_again_and_gives_back_who_waits(tasks: BackgroundTasks) -> None:
    floor, queues = Floor(), FakeFallbackQueues()
    floor.agent("alice")
    queues.is_down = True
    queues.callers = ["1.1", "2.1", "3.1"]
    queues.answered = {"2.1"}
    fallback = Fallback(queues, floor.engine.state)
    tasks.start(fallback.run(), "fallback")
    fallback.connected()
    async with asyncio.timeout(10):
        while fallback.trouble is None:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
    queues.is_down = False
    await until_members(queues, support={floor.who().profile.extension}, orders=set())
    assert (queues.callers, fallback.given_back) == (["2.1"], 2)
    async with asyncio.timeout(10):
        while fallback.trouble is not None:  # noqa: ASYNC110
            await asyncio.sleep(0.001)


# served elsewhere ------------------------------------------------------------------------------------------------


def served(linkedid: str = "1.1", extension: str = "1001", **times: int) -> FallbackCall:
    """Seconds since the start: `answered`, `ended`."""
    at = {name: START + timedelta(seconds=seconds) for name, seconds in times.items()}
    return FallbackCall(
        linkedid=linkedid,
        called_number="100",
        caller_number="+33612345678",
        queue="support",
        started_at=START,
        queued_at=START + timedelta(seconds=2),
        extension=extension,
        answered_at=at.get("answered"),
        ended_at=at.get("ended"),
    )


async def waiting(stage: World) -> None:
    """A caller walks the menu and waits, then the session is lost."""
    channel = stage.caller("1.1")
    for key in ("1", "1"):
        channel.key(key)
    await stage.settle()
    channel.cut()
    await stage.settle()
    assert stage.core.engine.state.calls[call_id_of("1.1")].stage is CallStage.DETACHED


async def test_a_call_answered_and_over_gets_its_ticket_and_is_forgotten() -> None:
    async with world() as stage:
        await waiting(stage)
        alice = stage.agent("alice", "1001", support=1)
        await stage.pass_time(100)
        stage.telephony.hear(served(answered=40, ended=70))
        await stage.until(lambda: "1.1" in stage.desk.committed)
        (event,) = stage.seen(ev.CallServedElsewhere)
        assert event.call.agent_id == alice
        assert event.call.ivr_path, "the way through the menu is lost"
        assert event.call.termination is not None
        assert event.call.termination.result is Result.ANSWERED
        assert event.call.termination.reason is Reason.SERVED_ELSEWHERE
        assert stage.desk.committed["1.1"].to_qualify
        assert not stage.core.engine.state.calls
        assert stage.state_of(alice) is AgentState.READY
        figures = stage.core.statistics.of(SUPPORT)
        assert (figures.offered, figures.answered, figures.talk_seconds) == (1, 1, 30)


async def test_a_caller_nobody_knows_is_identified_and_accounted_for() -> None:
    forgotten: list[str] = []
    async with world() as stage:
        stage.core.switchboard.served_elsewhere.forget = forgotten.append
        stage.telephony.hear(served("7.7", "", ended=70))
        await stage.until(lambda: "7.7" in stage.desk.recorded)
        call = stage.desk.recorded["7.7"]
        assert call.termination is not None
        assert (call.termination.result, call.agent_id) == (Result.ABANDONED, None)
        assert forgotten == ["7.7"]
        assert stage.core.statistics.of(SUPPORT).abandoned == 1


async def test_nobody_who_talks_is_offered_a_second_call() -> None:
    async with world() as stage:
        alice = stage.agent("alice", "1001", support=1)
        await stage.pass_time(60)
        stage.telephony.hear(served("7.7", answered=40))
        assert stage.state_of(alice) is AgentState.TALKING
        channel = stage.caller("8.8")
        for key in ("1", "1"):
            channel.key(key)
        await stage.settle()
        assert channel.has_music
        assert not stage.seen(ev.CallReserved)
        forgotten: list[str] = []
        stage.core.switchboard.served_elsewhere.forget = forgotten.append
        gone = stage.caller("7.7")
        gone.hang_up()
        await stage.settle()
        assert stage.state_of(alice) is AgentState.WRAP_UP
        assert forgotten == ["7.7"]


def test_a_ring_of_ours_gives_way_to_a_talk_elsewhere() -> None:
    floor = Floor()
    floor.agent("alice")
    floor.agent("bob")
    floor.queue()
    ringing = floor.call().agent_id
    other = next(agent for agent in floor.engine.state.agents if agent != ringing)
    call = floor.call()
    floor.pass_time(5)
    floor.give(cmd.AdoptServedTalk(call=replace(call, agent_id=other, answered_at=floor.now)))
    assert ringing is not None
    assert floor.state(ringing) is AgentState.READY
    assert floor.state(other) is AgentState.TALKING
    assert floor.wished(fx.StopRinging)
