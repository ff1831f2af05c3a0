"""Routing through the whole service, configured in YAML's own form, on virtual time."""

from __future__ import annotations

from acd.domain import commands as cmd
from acd.domain import events as ev
from acd.domain.call import Result
from acd.domain.ids import CallId
from acd.service.ports import DialStatus
from tests.fakes.ports import FakeChannel
from tests.scenarios.test_one_call import walk_to_queue
from tests.scenarios.world import World, world

STEPS = {
    "support": {
        "skills": {"support": 5},
        "steps": [{"after_seconds": 10, "levels": {"support": 1}}, {"after_seconds": 30, "queue": "orders"}],
    }
}


async def caller(w: World, linkedid: str, choice: str = "1") -> FakeChannel:
    channel = w.caller(linkedid)
    await walk_to_queue(w, channel, choice)
    return channel


async def test_a_step_expires_while_a_caller_hears_music_and_the_next_agent_rings() -> None:
    async with world(queues=STEPS) as w:
        expert = w.agent("expert", "1001", support=9)
        w.order(cmd.MakeNotReady(agent_id=expert, reason="lunch"))
        w.agent("clerk", "1002", support=1)
        channel = await caller(w, "1.1")
        await w.pass_time(9)
        assert (channel.has_music, channel.dialled) == (True, [])
        await w.pass_time(1)
        assert channel.dialled == ["1002"]


async def test_a_caller_whom_nobody_answers_overflows_to_the_other_queue_with_their_age() -> None:
    async with world(queues=STEPS) as w:
        expert = w.agent("expert", "1001", support=9)
        w.order(cmd.MakeNotReady(agent_id=expert, reason="lunch"))
        w.agent("clerk", "1002", support=1)
        w.agent("seller", "1003", orders=1)
        channel = await caller(w, "1.1")
        await w.pass_time(10)
        await w.pass_time(15)
        channel.end_ring(DialStatus.NO_ANSWER)
        await w.pass_time(5)
        assert channel.dialled == ["1002", "1003"]
        call = w.core.engine.state.calls[CallId("call_1.1")]
        assert call.queue == "orders"
        view = w.core.screens.queue_views()
        assert [(queue.name, queue.longest_wait_seconds) for queue in view if queue.waiting] == [("orders", 30.0)]


async def test_a_queue_with_nobody_there_says_so_and_ends_the_call() -> None:
    sentence = {"fr": "Personne n'est là. Rappelez demain.", "en": "Nobody is in."}
    queues = {"support": {"overflow": [{"when": "nobody_logged_in", "announcement": sentence}]}}
    async with world(queues=queues) as w:
        channel = await caller(w, "1.1")
        assert channel.heard[-1] == sentence["fr"]
        assert channel.is_finished
        (ended,) = w.seen(ev.CallEnded)
        assert ended.termination.result is Result.TURNED_AWAY
        (overflowed,) = w.seen(ev.CallOverflowed)
        assert (overflowed.queue, overflowed.cause) == ("support", "nobody_logged_in")
        assert not w.core.engine.state.calls
        await w.until(lambda: "1.1" in w.desk.recorded)


async def test_why_this_agent_stands_on_the_screen_pop() -> None:
    async with world() as w:
        alice = w.agent("alice", "1001", support=3)
        await caller(w, "1.1")
        pop = w.core.screens.agent_snapshot(alice)["call"]
        assert pop.reasons[0] == "meets support>=1"
