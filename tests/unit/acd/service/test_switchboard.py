"""The switchboard: flows that fail, sessions that overlap, and what the switch tells of calls in and out of control."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from acd.domain import commands as cmd
from acd.domain import events as ev
from acd.domain.agent import AgentState
from acd.domain.call import CallStage, Reason, Result
from acd.domain.caller import Caller
from acd.domain.ids import QueueName, call_id_of
from acd.domain.queue import QueuePolicy
from acd.service.ports import CallerGone, DialStatus, LegAnswered, LegRinging, LiveChannels
from acd.service.switchboard import MOST_FAILURES
from acd.shipped import shipped_config
from tests.fakes.ports import START, FakeChannel
from tests.scenarios.world import World, world

FIRST = call_id_of("1.1")


class BrokenChannel(FakeChannel):
    """A channel on which our own code fails. `fails_to_finish`: also when it says goodbye."""

    fails_to_finish = False

    async def set_state(self, **variables: str) -> None:
        raise RuntimeError("a fault of ours")

    async def finish(self) -> None:
        if self.fails_to_finish:
            raise RuntimeError("and another one")
        await super().finish()


def waiting(w: World, linkedid: str = "1.1", **facts: object) -> FakeChannel:
    """A caller who comes (back) straight into the support queue."""
    known: dict[str, Any] = {"stage": "waiting", "queue": "support", "queued_at": START, **facts}
    return w.caller(linkedid, **known)


def stage(w: World, linkedid: str = "1.1") -> CallStage | None:
    call = w.core.engine.state.calls.get(call_id_of(linkedid))
    return call.stage if call else None


# flows that fail


async def test_a_failing_flow_is_left_to_the_dialplan_but_not_for_ever() -> None:
    async with world() as w:
        for attempt in range(1, MOST_FAILURES + 1):
            channel = BrokenChannel("1.1")
            await w.core.switchboard.take_call(channel)
            is_last = attempt == MOST_FAILURES
            assert channel.is_finished == is_last
            assert stage(w) is (None if is_last else CallStage.DETACHED)
        (ended,) = w.seen(ev.CallEnded)
        assert (ended.termination.result, ended.termination.reason) == (Result.FAILED, Reason.SERVICE_ERROR)
        await w.core.switchboard.take_call(BrokenChannel("1.1"))
        assert stage(w) is CallStage.DETACHED  # counted anew
        assert len(w.core.switchboard) == 0


async def test_a_caller_who_leaves_between_failures_starts_anew() -> None:
    async with world() as w:
        for _ in range(MOST_FAILURES - 1):
            await w.core.switchboard.take_call(BrokenChannel("1.1"))
        w.telephony.hear(CallerGone("1.1"))
        assert stage(w) is None
        await w.core.switchboard.take_call(BrokenChannel("1.1"))
        assert stage(w) is CallStage.DETACHED


@pytest.mark.parametrize("end", ["hang_up", "cut", "fail"])
async def test_taking_a_call_never_raises_even_when_the_goodbye_fails(end: str) -> None:
    async with world() as w:
        for _ in range(MOST_FAILURES):
            channel = BrokenChannel("1.1")
            channel.fails_to_finish = end == "fail"
            if end != "fail":
                getattr(channel, end)()
            await w.core.switchboard.take_call(channel)
        assert [event.termination.result for event in w.seen(ev.CallEnded)] == [Result.FAILED]


async def test_a_number_that_leads_nowhere_ends_after_the_same_tries() -> None:
    async with world(numbers={"100": None}) as w:
        for attempt in range(1, MOST_FAILURES + 1):
            channel = FakeChannel("1.1")
            object.__setattr__(channel.facts, "called_number", "999")
            await w.core.switchboard.take_call(channel)
            assert channel.is_finished == (attempt == MOST_FAILURES)


# sessions that overlap


async def test_an_old_session_that_dies_late_does_not_take_the_call_from_the_new_one() -> None:
    async with world() as w:
        old = waiting(w)
        await w.settle()
        new = waiting(w)
        await w.settle()
        old.cut()
        await w.settle()
        assert stage(w) is CallStage.WAITING
        w.agent("alice", "1001", support=1)
        await w.settle()
        assert (new.dialled, old.dialled) == (["1001"], [])


@pytest.mark.parametrize("end", ["hang_up", "cut"])
async def test_the_end_of_the_present_session_counts(end: str) -> None:
    async with world() as w:
        channel = waiting(w)
        await w.settle()
        getattr(channel, end)()
        await w.settle()
        assert stage(w) is (None if end == "hang_up" else CallStage.DETACHED)
        assert len(w.core.switchboard) == 0


async def test_control_lost_while_it_rings_does_not_make_the_other_agents_pay() -> None:
    async with world() as w:
        alice = w.agent("alice", "1001", support=1)
        channel = waiting(w)
        await w.settle()
        bob = w.agent("bob", "1002", support=1)
        channel.cut()
        await w.settle()
        assert w.state_of(alice) is AgentState.RESERVED  # Dial goes on without us
        await w.pass_time(18)
        assert (w.state_of(alice), w.state_of(bob)) == (AgentState.NOT_READY, AgentState.READY)
        assert stage(w) is CallStage.DETACHED
        again = waiting(w)
        await w.settle()
        assert (again.dialled, w.state_of(bob)) == (["1002"], AgentState.RESERVED)


async def test_control_lost_while_they_talk_and_the_service_sees_the_end() -> None:
    async with world() as w:
        alice = w.agent("alice", "1001", support=1)
        channel = waiting(w)
        await w.settle()
        w.telephony.hear(LegAnswered("1.1", "1001"))
        channel.cut()
        await w.settle()
        assert w.state_of(alice) is AgentState.TALKING
        after = waiting(w, was_answered=True)
        await w.settle()
        assert (w.state_of(alice), after.is_finished) == (AgentState.WRAP_UP, True)
        (ended,) = w.seen(ev.CallEnded)
        assert (ended.termination.result, ended.termination.reason) == (Result.ANSWERED, Reason.AGENT_HUNG_UP)


async def test_an_agent_to_be_rung_from_a_channel_that_is_gone_is_told_at_once() -> None:
    async with world() as w:
        alice = w.agent("alice", "1001", support=1)
        start = cmd.StartCall(
            call_id=FIRST, linkedid="1.1", channel="c", called_number="100", caller=Caller(number=""), language="fr"
        )
        w.order(start)
        w.order(cmd.EnqueueCall(call_id=FIRST, queue=QueueName("support")))
        assert w.state_of(alice) is AgentState.NOT_READY
        (rescinded,) = w.seen(ev.ReservationRescinded)
        assert rescinded.cause == "ring_failed"


# what the switch tells


async def test_the_end_of_a_caller_under_control_is_the_flows_to_tell() -> None:
    async with world() as w:
        channel = waiting(w)
        await w.settle()
        w.telephony.hear(CallerGone("1.1"))
        assert stage(w) is CallStage.WAITING
        channel.hang_up()
        await w.settle()
        assert stage(w) is None
        assert len(w.seen(ev.CallEnded)) == 1


async def test_a_resync_spares_calls_under_control_and_ends_the_others() -> None:
    """Asterisk's list is taken while calls come in: one that came in between is not in it."""
    async with world() as w:
        here, gone = waiting(w), waiting(w, "2.1")
        await w.settle()
        gone.cut()
        await w.pass_time(1)
        w.telephony.hear(LiveChannels(frozenset(), w.clock.now()))
        assert (stage(w), stage(w, "2.1")) == (CallStage.WAITING, None)
        w.agent("alice", "1001", support=1)
        await w.settle()
        assert here.dialled == ["1001"]


@pytest.mark.parametrize(
    ("linkedid", "extension"), [("1.1", "1002"), ("1.1", ""), ("2.1", "1001"), ("", "1001"), ("1.1", "agent-1001")]
)
async def test_legs_that_are_not_this_offer_change_nothing(linkedid: str, extension: str) -> None:
    async with world() as w:
        alice = w.agent("alice", "1001", support=1)
        waiting(w)
        await w.settle()
        w.telephony.hear(LegRinging(linkedid, extension))
        w.telephony.hear(LegAnswered(linkedid, extension))
        assert w.state_of(alice) is AgentState.RESERVED
        assert not w.seen(ev.AgentRang)


async def test_the_ring_and_the_answer_are_told_once_however_often_the_switch_says_so() -> None:
    async with world() as w:
        alice = w.agent("alice", "1001", support=1)
        waiting(w)
        await w.settle()
        for fact in (LegRinging, LegRinging, LegAnswered, LegAnswered, LegRinging):
            w.telephony.hear(fact("1.1", "1001"))
        assert w.state_of(alice) is AgentState.TALKING
        assert len(w.seen(ev.AgentRang)) == len(w.seen(ev.ReservationAccepted)) == 1


async def test_a_rejection_before_the_phone_rings_asks_for_no_stop() -> None:
    async with world() as w:
        alice = w.agent("alice", "1001", support=1)
        channel = waiting(w)
        await w.settle()
        channel.end_ring(DialStatus.NO_ANSWER)
        w.order(cmd.RejectReservation(agent_id=alice))
        await w.settle()
        w.order(cmd.MakeReady(agent_id=alice))  # reserved; the flow has not yet come to ring
        w.order(cmd.RejectReservation(agent_id=alice))
        await w.settle()
        assert channel.dialled == ["1001"]
        assert channel.has_music
        assert w.telephony.stopped == ["1.1"]  # of the first one, whose phone rang


# a caller's place


async def test_a_caller_whose_queue_is_gone_is_asked_again_and_keeps_the_age() -> None:
    async with world() as w:
        await w.pass_time(60)
        channel = waiting(w, queue="abolished", ivr_session="")
        channel.key("1")
        channel.key("2")
        await w.settle()
        call = w.core.engine.state.calls[FIRST]
        assert (call.stage, call.queue, call.queued_at) == (CallStage.WAITING, "orders", START)


async def test_a_menu_that_leads_to_no_queue_strands_nobody() -> None:
    async with world() as w:
        policy = QueuePolicy(name=QueueName("only"), label="Only", offer_time=timedelta(seconds=15))
        w.order(cmd.ConfigureQueues(queues=(policy,)))
        channel = w.caller("1.1")
        channel.key("1")
        channel.key("1")
        await w.settle()
        assert w.core.engine.state.calls[FIRST].queue == "only"
        w.agent("alice", "1001")
        await w.settle()
        assert channel.dialled == ["1001"]


@pytest.mark.parametrize("is_restarted", [False, True])
async def test_a_caller_who_comes_back_still_needs_the_skills_the_menu_asked_for(
    tmp_path: Path, is_restarted: bool
) -> None:
    hotline = (shipped_config() / "ivr" / "hotline.yaml").read_text("utf-8")
    skilled = hotline.replace("flow: hotline", "flow: skilled").replace(
        "queue: support\n", "queue: support\n    skills: {orders: 3}\n"
    )
    (tmp_path / "skilled.yaml").write_text(skilled, "utf-8")
    site = {"flows": [str(tmp_path / "skilled.yaml")], "numbers": {"100": {"flow": "skilled"}}}
    async with world(**site) as before, world(**site) as after:
        first = before.caller("1.1")
        first.key("1")
        first.key("1")
        await before.settle()
        first.cut()
        await before.settle()
        w = after if is_restarted else before
        again = waiting(w, ivr_session=first.state["ivr_session"])
        await w.settle()
        w.agent("alice", "1001", support=9)
        await w.settle()
        assert again.dialled == []
        w.agent("bob", "1002", support=1, orders=3)
        await w.settle()
        assert again.dialled == ["1002"]


async def test_a_ticket_keyed_before_a_restart_is_linked_after_it() -> None:
    async with world() as w:
        w.desk.tickets["4242"] = "+33612345678"
        w.desk.tickets["4343"] = "+33600000000"
        waiting(w, ticket="4242")
        waiting(w, "2.1", ticket="4343")
        await w.settle()
        calls = w.core.engine.state.calls
        assert {call_id: call.keyed_ticket for call_id, call in calls.items()} == {"call_1.1": "4242", "call_2.1": None}
