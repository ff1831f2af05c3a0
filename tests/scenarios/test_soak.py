"""Thousands of calls, ended in every way: what each has cost is given back. And what a busy agent must not lose."""

from __future__ import annotations

import gc
from collections import Counter
from datetime import timedelta
from random import Random

from acd.adapters.bus.journal import MemoryJournal
from acd.domain import commands as cmd
from acd.domain import events as ev
from acd.domain.agent import AgentState
from acd.domain.call import CallStage, Result
from acd.domain.ids import call_id_of
from acd.service.ports import DialStatus, FallbackCall, Stage
from tests.fakes.ports import START, FakeChannel
from tests.scenarios.test_one_call import answer, walk_to_queue
from tests.scenarios.world import World, world

ROUND, ROUNDS = 250, 4
AGENTS = [(f"agent{number}", str(1001 + number)) for number in range(8)]


def ours() -> Counter[str]:
    """How many objects of our own kinds, and of the loop's, there are."""
    gc.collect()
    kinds = Counter(f"{type(item).__module__}.{type(item).__qualname__}" for item in gc.get_objects())
    return Counter(
        {
            kind: count
            for kind, count in kinds.items()
            if kind.startswith(("acd.", "ivr.", "routing.", "tests.")) or kind.endswith(("Task", "Handle", "Future"))
        }
    )


class Traffic:
    """Callers and agents who do whatever chance says."""

    def __init__(self, stage: World, chance: Random) -> None:
        self.stage = stage
        self.chance = chance
        self.serial = 0
        self.live: list[FakeChannel] = []

    async def call(self) -> None:
        self.serial += 1
        channel = self.stage.caller(f"{self.serial}.1", f"+3361{self.serial:07}")
        if self.chance.random() < 0.9:
            for key in ("1", self.chance.choice("12")):
                channel.key(key)
        await self.stage.settle()
        self.live.append(channel)

    async def something_happens(self) -> None:
        channel = self.chance.choice(self.live)
        match self.chance.choice(["hang_up", "answer", "end", "no_answer", "lost", "time"]):
            case "hang_up":
                channel.hang_up()
            case "answer" if channel.leg is not None and not channel.is_answered:
                channel.phone_answers()
            case "end" if channel.leg is not None:
                channel.end_ring(DialStatus.ANSWERED if channel.is_answered else DialStatus.BUSY)
            case "no_answer" if channel.leg is not None and not channel.is_answered:
                channel.end_ring(DialStatus.NO_ANSWER)
            case "lost" if channel.leg is None and not channel.has_ended and not channel._end.done():
                channel.cut()
                await self.stage.settle()
                self.live.remove(channel)
                back = channel.again()
                self.stage.tasks.start(self.stage.core.switchboard.take_call(back), "back")
                self.live.append(back)
            case "time":
                await self.stage.pass_time(self.chance.uniform(1, 20))
        await self.stage.settle()
        self.live = [one for one in self.live if not one.has_ended]
        for agent_id, agent in tuple(self.stage.core.engine.state.agents.items()):
            if agent.state is AgentState.NOT_READY:
                self.stage.order(cmd.MakeReady(agent_id=agent_id))

    async def all_leave(self) -> None:
        for channel in self.live:
            channel.hang_up()
        self.live.clear()
        await self.stage.pass_time(120)
        await self.stage.core.writer.drain()
        await self.stage.records.writer.drain()
        await self.stage.settle()

    def forget(self) -> None:
        """What the fakes keep for tests."""
        stage = self.stage
        stage.events.clear()
        stage.frames.clear()
        assert isinstance(stage.journal, MemoryJournal)
        stage.journal._events.clear()
        stage.desk.recorded.clear()
        stage.desk.committed.clear()
        stage.desk._numbers.clear()
        stage.segments.calls.clear()
        stage.segments.shifts.clear()
        stage.telephony._channels.clear()
        stage.telephony.stopped.clear()


async def test_a_thousand_calls_leave_nothing_behind() -> None:
    async with world() as stage:
        traffic = Traffic(stage, Random(11))
        for login, extension in AGENTS:
            stage.agent(login, extension, support=1, orders=1)
        await stage.settle()
        at_rest = {task.get_name() for task in stage.tasks._tasks}  # those that run as long as the service
        baseline: Counter[str] = Counter()
        for number in range(ROUNDS):
            for _ in range(ROUND):
                await traffic.call()
                for _ in range(3):
                    if traffic.live:
                        await traffic.something_happens()
                while len(traffic.live) > 30:
                    await traffic.something_happens()
            await traffic.all_leave()
            core = stage.core
            assert not core.engine.state.calls
            assert not core.engine.state.pool._items
            assert len(core.switchboard) == 0
            assert not core.switchboard._failures
            assert not core.statistics._inside
            assert len(core.writer) == 0
            assert not {key for key in stage.pending_timers if not key.startswith("reserve:")}
            left = {task.get_name() for task in stage.tasks._tasks} - at_rest
            assert not left
            results = {event.termination.result for event in stage.seen(ev.CallEnded)}
            assert results >= {Result.ANSWERED, Result.ABANDONED, Result.LEFT_IVR}, "calls of each kind"
            traffic.forget()
            now = ours()
            if number == 0:
                baseline = now  # caches are filled: figures by node, stages of queues, feeds
                continue
            grown = {kind: count - baseline[kind] for kind, count in now.items() if count > baseline[kind] + ROUND // 5}
            assert not grown, grown


async def test_a_talk_that_ended_unseen_is_settled_though_its_agent_has_the_next_call() -> None:
    """Killed during a talk; back while the agent, whose talk is over, is offered another caller already."""
    async with world() as before, world() as stage:
        before.agent("alice", "1001", support=1)
        channel = before.caller("1.1")
        await walk_to_queue(before, channel)
        await answer(before, channel, "1001")
        await before.core.writer.drain()
        stage.desk.recorded = before.desk.recorded
        alice = stage.agent("alice", "1001", support=1)
        other = stage.caller("2.1")
        await walk_to_queue(stage, other)
        assert stage.state_of(alice) is AgentState.RESERVED
        back = stage.caller("1.1", stage=Stage.WAITING, queue="support", queued_at=START, was_answered=True)
        await stage.settle()
        await stage.core.writer.drain()
        assert back.is_finished
        assert stage.desk.committed["1.1"].to_qualify
        over = stage.desk.committed["1.1"].call
        assert over.termination is not None
        assert (over.termination.result, over.agent_id) == (Result.ANSWERED, alice)
        assert stage.core.engine.state.calls[next(iter(stage.core.engine.state.calls))].stage is CallStage.RESERVED


async def test_a_short_talk_while_the_switch_tells_nothing_is_no_abandon() -> None:
    """AMI is away; an agent answers, and the caller hangs up before anybody could know of it. The dialplan does."""
    async with world() as stage:
        alice = stage.agent("alice", "1001", support=1)
        channel = stage.caller("1.1")
        await walk_to_queue(stage, channel)
        stage.telephony.is_down = True
        channel.leg = None  # what Dial knows is not told
        channel.hang_up()
        await stage.settle()
        assert stage.core.engine.state.calls[call_id_of("1.1")].stage is CallStage.RESERVED
        await stage.pass_time(1)
        now = stage.clock.now()
        stage.telephony.hear(
            FallbackCall(
                linkedid="1.1",
                called_number="100",
                caller_number="+33612345678",
                queue="support",
                started_at=START,
                queued_at=START,
                extension="1001",
                answered_at=now - timedelta(seconds=1),
                ended_at=now,
            )
        )
        stage.telephony.log_in(now)
        await stage.settle()
        await stage.core.writer.drain()
        assert stage.state_of(alice) is AgentState.READY
        assert stage.desk.committed["1.1"].agent_id == alice
        assert stage.desk.committed["1.1"].to_qualify
        assert not stage.core.engine.state.calls


async def test_a_ring_that_was_answered_and_over_while_no_service_ran_is_no_abandon() -> None:
    """Control is lost while it rings; the ring's limit passes here, but the agent had answered and has hung up."""
    async with world() as stage:
        alice = stage.agent("alice", "1001", support=1)
        channel = stage.caller("1.1")
        await walk_to_queue(stage, channel)
        stage.telephony.is_down = True
        channel.cut()
        await stage.pass_time(60)
        assert stage.core.engine.state.calls[call_id_of("1.1")].stage is CallStage.DETACHED
        channel.leg = None
        back = stage.caller(
            "1.1",
            stage=Stage.WAITING,
            queue="support",
            queued_at=START,
            was_answered=True,
            answered_by="1001",
            talk_time=timedelta(seconds=20),
        )
        await stage.settle()
        await stage.core.writer.drain()
        assert back.is_finished
        committed = stage.desk.committed["1.1"]
        assert (committed.agent_id, committed.to_qualify) == (alice, True)
        assert committed.call.answered_at == stage.clock.now() - timedelta(seconds=20)
        assert not stage.core.engine.state.calls
