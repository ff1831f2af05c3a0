"""One call, the whole way, on virtual time."""

from __future__ import annotations

import pytest

from acd.domain import commands as cmd
from acd.domain import events as ev
from acd.domain.agent import AgentState, NotReadyReason
from acd.domain.call import CallStage, Reason, Result
from acd.domain.caller import ContactCard
from acd.domain.errors import WrongStateError
from acd.domain.ids import CallId, QueueName
from acd.service.ports import CallerGone, DialStatus, LegAnswered, LegRinging, LiveChannels, Stage
from tests.fakes.ports import START, FakeChannel
from tests.scenarios.world import World, world


async def walk_to_queue(w: World, channel: FakeChannel, choice: str = "1") -> None:
    channel.key("1")  # French
    channel.key(choice)
    await w.settle()


async def answer(w: World, channel: FakeChannel, extension: str) -> None:
    w.telephony.hear(LegRinging(channel.facts.linkedid, extension))
    w.telephony.hear(LegAnswered(channel.facts.linkedid, extension))
    await w.settle()


async def test_a_call_goes_from_the_menu_to_the_ticket() -> None:
    async with world() as w:
        w.desk.contacts["+33612345678"] = [ContactCard(contact_id="contact_1", name="Claire Moreau")]
        alice = w.agent("alice", "1001", support=3)
        screen = w.core.screens.agent_feed(alice)
        channel = w.caller("1.1")
        await walk_to_queue(w, channel)
        assert channel.dialled == ["1001"]
        pop = w.core.screens.agent_snapshot(alice)["call"]
        assert pop.contacts[0].name == "Claire Moreau"
        assert [step.node for step in pop.ivr_path][:4:3] == ["welcome", "main"]
        await answer(w, channel, "1001")
        assert w.state_of(alice) is AgentState.TALKING
        await w.pass_time(60)
        channel.end_ring(DialStatus.ANSWERED)  # the agent hangs up
        await w.settle()
        assert w.state_of(alice) is AgentState.WRAP_UP
        assert channel.is_finished
        w.order(cmd.EndWrapUp(agent_id=alice, code="solved", note="Toner replaced", title="Printer"))
        await w.settle()
        assert w.state_of(alice) is AgentState.READY
        committed = w.desk.committed["1.1"]
        assert (committed.note, committed.to_qualify) == ("Toner replaced", False)
        ended = w.desk.recorded["1.1"]
        assert ended.termination is not None
        assert (ended.termination.result, ended.termination.reason) == (Result.ANSWERED, Reason.AGENT_HUNG_UP)
        assert [t.ticket_number for t in w.seen(ev.TicketCommitted)] == ["1001"]
        assert not w.core.engine.state.calls
        assert screen is w.core.screens.agent_feed(alice)


async def test_the_pop_is_published_before_the_phone_is_rung() -> None:
    async with world() as w:
        alice = w.agent("alice", "1001", support=3)
        order: list[str] = []
        feed = w.core.screens.agent_feed(alice)
        publish = feed.publish

        def noted_publish(kind: str, data: object) -> None:
            order.append(kind)
            publish(kind, data)

        feed.publish = noted_publish  # type: ignore[method-assign]
        channel = w.caller("1.1")
        channel_dial = channel.dial

        async def noted_dial(*args: object, **named: object) -> DialStatus:
            order.append("dial")
            return await channel_dial(*args, **named)  # type: ignore[arg-type]

        channel.dial = noted_dial  # type: ignore[method-assign]
        await walk_to_queue(w, channel)
        assert order.index("offer") < order.index("dial")


async def test_a_caller_waits_with_music_until_an_agent_is_free() -> None:
    async with world() as w:
        channel = w.caller("1.1")
        await walk_to_queue(w, channel)
        assert channel.has_music
        assert channel.state["stage"] == "waiting"
        assert channel.state["queue"] == "support"
        await w.pass_time(30)
        w.agent("alice", "1001", support=1)
        await w.settle()
        assert channel.dialled == ["1001"]
        view = w.core.screens.queue_views()[2]
        assert (view.name, view.waiting, view.longest_wait_seconds) == ("support", 1, 30.0)


async def test_no_answer_makes_the_agent_not_ready_and_keeps_the_callers_place() -> None:
    async with world() as w:
        alice = w.agent("alice", "1001", support=1)
        first = w.caller("1.1")
        await walk_to_queue(w, first)
        await w.pass_time(5)
        second = w.caller("2.1")
        await walk_to_queue(w, second)
        await w.pass_time(10)
        first.end_ring(DialStatus.NO_ANSWER)
        await w.settle()
        assert w.core.engine.state.agents[alice].reason == NotReadyReason.RONA
        assert first.has_music
        bob = w.agent("bob", "1002", support=1)
        await w.settle()
        assert first.dialled == ["1001", "1002"]
        assert not second.dialled
        assert w.core.engine.state.calls[CallId("call_1.1")].queued_at == START
        assert w.state_of(bob) is AgentState.RESERVED


async def test_the_safety_timer_ends_a_ring_that_nobody_reports() -> None:
    async with world() as w:
        alice = w.agent("alice", "1001", support=1)
        channel = w.caller("1.1")
        await walk_to_queue(w, channel)
        channel.cut()
        await w.settle()
        await w.pass_time(18)
        assert w.state_of(alice) is AgentState.NOT_READY
        assert w.core.engine.state.calls[CallId("call_1.1")].stage is CallStage.DETACHED


async def test_a_ring_that_lasts_while_the_flow_holds_the_channel_is_left_to_dial() -> None:
    """AMI is away and could not tell that the phone was answered: the talk is not taken for a ring in vain."""
    async with world() as w:
        alice = w.agent("alice", "1001", support=1)
        w.agent("bob", "1002", support=1)
        channel = w.caller("1.1")
        await walk_to_queue(w, channel)
        await w.pass_time(300)
        assert channel.dialled == ["1001"]
        assert not w.telephony.stopped
        channel.end_ring(DialStatus.ANSWERED)
        await w.settle()
        assert w.state_of(alice) is AgentState.WRAP_UP


async def test_a_caller_who_is_back_after_a_ring_that_nobody_watched_waits_again() -> None:
    async with world() as w:
        alice = w.agent("alice", "1001", support=1)
        channel = w.caller("1.1")
        await walk_to_queue(w, channel)
        channel.cut()
        await w.pass_time(15)
        w.agent("bob", "1002", support=1)
        back = w.caller("1.1", stage=Stage.WAITING, queue="support", queued_at=START)
        await w.settle()
        assert w.core.engine.state.agents[alice].reason == NotReadyReason.RONA
        assert back.dialled == ["1002"]


async def test_a_phone_that_had_not_the_time_to_be_answered_is_not_held_against_the_agent() -> None:
    """The service died before Dial began, or just after."""
    async with world() as w:
        alice = w.agent("alice", "1001", support=1)
        channel = w.caller("1.1")
        await walk_to_queue(w, channel)
        channel.cut()
        await w.pass_time(3)
        back = w.caller("1.1", stage=Stage.WAITING, queue="support", queued_at=START)
        await w.settle()
        assert back.dialled == ["1001"]
        assert w.state_of(alice) is AgentState.RESERVED
        assert w.core.statistics.of(QueueName("support")).no_answers == 0


@pytest.mark.parametrize("who", ["agent", "caller"])
async def test_a_talk_that_outlived_the_service_is_known_again(who: str) -> None:
    """Another service recorded the call; this one has just started and hears from the switch who talks."""
    async with world() as before, world() as w:
        before.agent("alice", "1001", support=1)
        channel = before.caller("1.1")
        await walk_to_queue(before, channel)
        await answer(before, channel, "1001")
        await before.core.writer.drain()
        w.desk.recorded = before.desk.recorded
        alice = w.agent("alice", "1001", support=1)
        w.telephony.hear(LiveChannels(frozenset({"1.1"}), w.clock.now()))
        w.telephony.hear(LegAnswered("1.1", "1001"))
        await w.settle()
        assert w.state_of(alice) is AgentState.TALKING
        if who == "caller":
            w.telephony.hear(CallerGone("1.1"))
        else:
            w.caller("1.1", stage=Stage.WAITING, queue="support", queued_at=START, was_answered=True)
        await w.settle()
        assert w.state_of(alice) is AgentState.WRAP_UP
        w.order(cmd.EndWrapUp(agent_id=alice, note="Done"))
        await w.core.writer.drain()
        assert w.desk.committed["1.1"].note == "Done"
        assert w.desk.recorded["1.1"].termination is not None
        assert w.desk.recorded["1.1"].termination.result is Result.ANSWERED


async def test_a_talk_that_ended_before_anybody_knew_it_again_has_its_ticket_too() -> None:
    async with world() as before, world() as w:
        before.agent("alice", "1001", support=1)
        channel = before.caller("1.1")
        await walk_to_queue(before, channel)
        await answer(before, channel, "1001")
        await before.core.writer.drain()
        w.desk.recorded = before.desk.recorded
        alice = w.agent("alice", "1001", support=1)
        w.caller("1.1", stage=Stage.WAITING, queue="support", queued_at=START, was_answered=True)
        await w.settle()
        assert w.state_of(alice) is AgentState.WRAP_UP
        await w.pass_time(30)
        await w.core.writer.drain()
        assert w.desk.committed["1.1"].to_qualify


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (DialStatus.BUSY, NotReadyReason.PHONE_BUSY),
        (DialStatus.UNREACHABLE, NotReadyReason.PHONE_UNREACHABLE),
        (DialStatus.FAILED, NotReadyReason.RING_FAILED),
    ],
)
async def test_a_phone_that_cannot_be_rung_passes_the_call_on(status: DialStatus, reason: str) -> None:
    async with world() as w:
        alice = w.agent("alice", "1001", support=1)
        await w.pass_time(1)
        w.agent("bob", "1002", support=1)
        channel = w.caller("1.1")
        await walk_to_queue(w, channel)
        channel.end_ring(status)
        await w.settle()
        assert w.core.engine.state.agents[alice].reason == reason
        assert channel.dialled == ["1001", "1002"]


async def test_a_rejected_offer_stops_the_ring_and_goes_to_the_next_agent() -> None:
    async with world() as w:
        alice = w.agent("alice", "1001", support=1)
        await w.pass_time(1)
        w.agent("bob", "1002", support=1)
        channel = w.caller("1.1")
        await walk_to_queue(w, channel)
        w.order(cmd.RejectReservation(agent_id=alice, reason="lunch"))
        await w.settle()
        assert w.telephony.stopped == ["1.1"]
        assert w.core.engine.state.agents[alice].reason == "lunch"
        assert channel.dialled == ["1001", "1002"]
        assert not w.seen(ev.ReservationTimedOut)


async def test_a_caller_who_hangs_up_while_it_rings_frees_the_agent_for_the_next() -> None:
    async with world() as w:
        alice = w.agent("alice", "1001", support=1)
        first = w.caller("1.1")
        await walk_to_queue(w, first)
        second = w.caller("2.1")
        await walk_to_queue(w, second)
        await w.pass_time(6)
        first.hang_up()
        await w.settle()
        assert second.dialled == ["1001"]
        assert w.state_of(alice) is AgentState.RESERVED
        await w.core.writer.drain()
        assert w.desk.recorded["1.1"].termination is not None
        assert w.desk.recorded["1.1"].termination.result is Result.ABANDONED


async def test_hanging_up_early_is_a_short_abandon_and_in_the_menu_no_abandon_at_all() -> None:
    async with world() as w:
        early, in_menu = w.caller("1.1"), w.caller("2.1")
        await walk_to_queue(w, early)
        await w.pass_time(2)
        early.hang_up()
        in_menu.hang_up()
        await w.settle()
        results = [event.termination.result for event in w.seen(ev.CallEnded)]
        assert results == [Result.SHORT_ABANDONED, Result.LEFT_IVR]


async def test_wrap_up_ends_by_the_time_limit_with_a_ticket_to_qualify() -> None:
    async with world() as w:
        alice = w.agent("alice", "1001", support=1)
        channel = w.caller("1.1")
        await walk_to_queue(w, channel)
        await answer(w, channel, "1001")
        channel.hang_up(after_talk=True)
        await w.settle()
        assert w.state_of(alice) is AgentState.WRAP_UP
        await w.pass_time(29)
        assert w.state_of(alice) is AgentState.WRAP_UP
        await w.pass_time(1)
        assert w.state_of(alice) is AgentState.READY
        assert w.desk.committed["1.1"].to_qualify
        assert not w.pending_timers


async def test_a_talk_that_ami_never_told_of_is_an_answered_call_all_the_same() -> None:
    async with world() as w:
        alice = w.agent("alice", "1001", support=1)
        channel = w.caller("1.1")
        await walk_to_queue(w, channel)
        channel.hang_up(after_talk=True)
        await w.settle()
        assert w.state_of(alice) is AgentState.WRAP_UP
        (ended,) = w.seen(ev.CallEnded)
        assert ended.termination.result is Result.ANSWERED


async def test_a_keyed_ticket_of_the_callers_own_is_linked_and_another_is_not() -> None:
    async with world() as w:
        w.desk.tickets["4242"] = "+33612345678"
        w.agent("alice", "1001", support=1)
        channel = w.caller("1.1")
        channel.key("1")
        channel.key("3")
        channel.key("999#")
        channel.key("4242#")
        await w.settle()
        call = w.core.engine.state.calls[CallId("call_1.1")]
        assert call.keyed_ticket == "4242"
        assert channel.dialled == ["1001"]


async def test_longest_idle_agent_with_the_skill_is_chosen() -> None:
    async with world() as w:
        w.agent("olga", "1003", orders=5)
        await w.pass_time(1)
        w.agent("alice", "1001", support=1)
        await w.pass_time(1)
        w.agent("bob", "1002", support=5)
        channel = w.caller("1.1")
        await walk_to_queue(w, channel)
        assert channel.dialled == ["1001"]


async def test_a_cut_session_detaches_the_call_and_the_same_call_comes_back_to_its_place() -> None:
    async with world() as w:
        first = w.caller("1.1")
        await walk_to_queue(w, first)
        await w.pass_time(5)
        second = w.caller("2.1")
        await walk_to_queue(w, second)
        first.cut()
        await w.settle()
        assert w.core.engine.state.calls[CallId("call_1.1")].stage is CallStage.DETACHED
        again = w.caller("1.1", stage="waiting", queue="support", queued_at=START)
        await w.settle()
        w.agent("alice", "1001", support=1)
        await w.settle()
        assert again.dialled == ["1001"]
        assert not second.dialled
        assert w.core.statistics.of(QueueName("support")).offered == 2


async def test_a_call_that_outlived_the_service_comes_back_with_its_age() -> None:
    async with world() as w:
        channel = w.caller("9.9", stage="waiting", queue="orders", queued_at=START, started_at=START, language="en")
        await w.settle()
        await w.pass_time(10)
        view = w.core.screens.queue_views()[1]
        assert (view.name, view.waiting, view.longest_wait_seconds) == ("orders", 1, 10.0)
        channel.hang_up()
        await w.settle()
        assert not w.core.engine.state.calls


async def test_a_wrap_up_that_died_with_its_service_leaves_a_ticket_to_qualify() -> None:
    async with world() as before, world() as w:
        before.agent("alice", "1001", support=1)
        channel = before.caller("1.1")
        await walk_to_queue(before, channel)
        await answer(before, channel, "1001")
        channel.hang_up(after_talk=True)
        await before.settle()
        await before.core.writer.drain()
        w.desk.recorded = before.desk.recorded
        w.telephony.hear(LiveChannels(frozenset(), w.clock.now()))
        await w.settle()
        await w.core.writer.drain()
        settled = w.desk.committed["1.1"]
        assert (settled.to_qualify, settled.agent_id) == (True, "agent_alice")
        w.telephony.hear(LiveChannels(frozenset(), w.clock.now()))
        await w.settle()
        assert len(w.desk.committed) == 1


async def test_a_wrap_up_under_way_is_left_to_its_agent_at_a_resync() -> None:
    async with world() as w:
        alice = w.agent("alice", "1001", support=1)
        channel = w.caller("1.1")
        await walk_to_queue(w, channel)
        await answer(w, channel, "1001")
        channel.hang_up(after_talk=True)
        await w.settle()
        await w.core.writer.drain()
        w.telephony.hear(LiveChannels(frozenset(), w.clock.now()))
        await w.settle()
        assert not w.desk.committed
        assert w.state_of(alice) is AgentState.WRAP_UP


async def test_calls_missing_after_a_resync_are_ended() -> None:
    async with world() as w:
        channel = w.caller("1.1")
        await walk_to_queue(w, channel)
        channel.cut()
        await w.pass_time(1)
        w.telephony.hear(LiveChannels(frozenset({"other"}), w.clock.now()))
        await w.settle()
        (ended,) = w.seen(ev.CallEnded)
        assert ended.termination.reason is Reason.CHANNEL_GONE


async def test_a_detached_caller_who_hangs_up_is_known_from_ami() -> None:
    async with world() as w:
        channel = w.caller("1.1")
        await walk_to_queue(w, channel)
        channel.cut()
        await w.settle()
        w.telephony.hear(CallerGone("1.1"))
        assert not w.core.engine.state.calls


async def test_what_an_agent_asks_for_during_a_call_comes_after_it() -> None:
    async with world() as w:
        alice = w.agent("alice", "1001", support=1)
        channel = w.caller("1.1")
        await walk_to_queue(w, channel)
        await answer(w, channel, "1001")
        w.order(cmd.MakeNotReady(agent_id=alice, reason="lunch"))
        assert w.state_of(alice) is AgentState.TALKING
        channel.hang_up(after_talk=True)
        await w.settle()
        w.order(cmd.EndWrapUp(agent_id=alice))
        assert (w.state_of(alice), w.core.engine.state.agents[alice].reason) == (AgentState.NOT_READY, "lunch")
        with pytest.raises(WrongStateError):
            w.order(cmd.EndWrapUp(agent_id=alice))


async def test_records_wait_while_the_desk_is_down_and_the_pop_says_what_is_missing() -> None:
    async with world() as w:
        alice = w.agent("alice", "1001", support=1)
        w.desk.is_down = True
        channel = w.caller("1.1")
        await walk_to_queue(w, channel)
        pop = w.core.screens.agent_snapshot(alice)["call"]
        assert pop.context.missing == ("contacts", "tickets", "calls")
        assert channel.dialled == ["1001"]
        await w.until(lambda: w.core.writer.trouble is not None)
        assert len(w.core.writer)
