"""What agents do with a talk, on the fake switch: who is with whom afterwards, and what becomes of a switch that does
not obey."""

from __future__ import annotations

from acd.domain import commands as cmd
from acd.domain import events as ev
from acd.domain.agent import AgentState
from acd.domain.call import CallStage
from acd.domain.ids import AgentId, QueueName, call_id_of
from acd.domain.talk import ConsultStage, Destination, TalkMode
from tests.fakes.ports import FakeChannel
from tests.scenarios.world import World, world

LINKEDID, CALL = "1.1", call_id_of("1.1")


async def talking(w: World) -> tuple[FakeChannel, AgentId]:
    """A caller and Alice; Bob is there, not ready."""
    alice = w.agent("alice", "1001", support=1)
    bob = w.agent("bob", "1002", support=1)
    w.order(cmd.MakeNotReady(agent_id=bob, reason="training"))
    channel = w.caller(LINKEDID)
    channel.key("1")
    await w.settle()
    channel.key("1")
    await w.settle()
    assert channel.leg == "1001"
    channel.phone_rings()
    channel.phone_answers()
    await w.settle()
    assert w.state_of(alice) is AgentState.TALKING
    return channel, alice


def mode(w: World) -> TalkMode:
    return w.core.engine.state.calls[CALL].talk_mode


def with_caller(w: World, channel: FakeChannel) -> str | None:
    leg = w.telephony.legs.of(channel)
    return leg.extension if leg is not None else None


async def test_hold_and_resume() -> None:
    async with world() as w:
        channel, alice = await talking(w)
        w.order(cmd.HoldCall(agent_id=alice))
        await w.settle()
        assert (mode(w), channel.has_music, with_caller(w, channel)) == (TalkMode.HELD, True, None)
        assert channel.state["stage"] == "held"
        w.order(cmd.ResumeCall(agent_id=alice))
        await w.settle()
        assert (mode(w), channel.has_music, with_caller(w, channel)) == (TalkMode.TALKING, False, "1001")
        w.telephony.phone_hangs_up(LINKEDID, "1001")
        await w.settle()
        assert channel.is_finished
        assert w.state_of(alice) is AgentState.WRAP_UP


async def test_a_switch_that_does_not_obey_leaves_them_talking() -> None:
    async with world() as w:
        channel, alice = await talking(w)
        w.telephony.is_down = True
        w.order(cmd.HoldCall(agent_id=alice))
        await w.settle()
        assert mode(w) is TalkMode.TALKING
        assert [event.cause for event in w.seen(ev.TalkResumed)] == ["failed"]
        assert with_caller(w, channel) == "1001"


async def test_consult_swap_confer_and_hand_over() -> None:
    async with world() as w:
        channel, alice = await talking(w)
        bob = AgentId("agent_bob")
        w.order(cmd.ConsultAgent(agent_id=alice, to_agent=bob))
        await w.settle()
        assert (channel.has_music, w.state_of(bob)) == (True, AgentState.RESERVED)
        w.telephony.phone_answers(LINKEDID, "1002")
        await w.settle()
        assert w.state_of(bob) is AgentState.TALKING
        w.order(cmd.SwapCalls(agent_id=alice))
        await w.settle()
        consult = w.core.engine.state.calls[CALL].consult
        assert consult is not None and consult.stage is ConsultStage.PARKED
        assert with_caller(w, channel) == "1001"
        w.order(cmd.StartConference(agent_id=alice))
        await w.settle()
        (room,) = (inside for inside in w.telephony.legs.rooms.values() if inside)
        assert {inside.facts.extension for inside in room} == {"", "1001", "1002"}
        w.order(cmd.CompleteTransfer(agent_id=alice, note="He knows."))
        await w.until(lambda: with_caller(w, channel) == "1002")
        assert w.state_of(alice) is AgentState.WRAP_UP
        call = w.core.engine.state.calls[CALL]
        assert (call.agent_id, call.handovers[-1].note) == (bob, "He knows.")
        channel.hang_up()
        await w.settle()
        assert w.state_of(bob) is AgentState.WRAP_UP


async def test_an_agent_who_does_not_come_to_a_transferred_call_gives_it_back_to_the_queue() -> None:
    async with world() as w:
        channel, alice = await talking(w)
        bob = AgentId("agent_bob")
        w.order(cmd.MakeReady(agent_id=bob))
        w.order(cmd.TransferCall(agent_id=alice, to=Destination(agent_id=bob)))
        await w.settle()
        assert (channel.leg, w.state_of(alice)) == ("1002", AgentState.WRAP_UP)
        w.order(cmd.EndWrapUp(agent_id=alice, note="done"))
        await w.settle()
        assert w.state_of(alice) is AgentState.READY  # it is kept for Bob
        w.order(cmd.RejectReservation(agent_id=bob))
        await w.settle()
        assert channel.leg == "1001"
        call = w.core.engine.state.calls[CALL]
        assert (call.stage, call.queue) == (CallStage.RESERVED, QueueName("support"))


async def test_a_session_lost_on_hold_is_taken_up_on_hold() -> None:
    async with world() as w:
        channel, alice = await talking(w)
        w.order(cmd.HoldCall(agent_id=alice))
        await w.settle()
        channel.cut()
        await w.settle()
        back = channel.again()
        w.tasks.start(w.core.switchboard.take_call(back), "again")
        await w.settle()
        assert (mode(w), back.has_music) == (TalkMode.HELD, True)
        w.order(cmd.ResumeCall(agent_id=alice))
        await w.settle()
        assert with_caller(w, back) == "1001"
