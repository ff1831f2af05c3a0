"""People at work: reasons and their limits, phones that come and go, how calls are offered, the word after a call."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from acd.domain import commands as cmd
from acd.domain import effects as fx
from acd.domain import events as ev
from acd.domain.agent import AgentState, NotReadyReason
from acd.domain.call import CallStage
from acd.domain.caller import Caller, CallerContext, Certainty, ContactCard
from acd.domain.errors import (
    UnknownReasonError,
    UnknownWrapUpCodeError,
    WrapUpCodeRequiredError,
    WrapUpLimitError,
    WrongStateError,
)
from acd.domain.ids import AgentId
from acd.domain.people import (
    OfferMode,
    PeopleRules,
    ReasonPolicy,
    WrapUpCode,
    WrapUpPolicy,
    every_whisper,
    whisper_of,
)
from acd.domain.queue import QueuePolicy, RoutingRules
from tests.unit.acd.domain.floor import ALICE, BOB, FIRST, Floor, policy

BREAK = ReasonPolicy(name="break", label="Break", limit=timedelta(minutes=15), shift_limit=timedelta(minutes=25))
LIMITED = PeopleRules(reasons=(BREAK, ReasonPolicy(name="training", label="Training")))


def floor_with(people: PeopleRules, *policies: QueuePolicy) -> Floor:
    floor = Floor(*policies)
    queues = tuple(floor.engine.state.queues.values())
    floor.give(cmd.ConfigureQueues(queues=queues, rules=RoutingRules(people=people)))
    return floor


def fire(floor: Floor, kind: type[cmd.Command] = cmd.WatchReason) -> None:
    """Let the latest timer with such a command run out."""
    timer = [timer for timer in floor.wished(fx.StartTimer) if isinstance(timer.command, kind)][-1]
    floor.now = max(floor.now, timer.due_at)
    floor.give(timer.command)


# reasons -------------------------------------------------------------------------------------------------------


def test_a_reason_nobody_configured_is_refused_and_named() -> None:
    floor = floor_with(LIMITED)
    floor.agent("alice")
    with pytest.raises(UnknownReasonError, match="`siesta`: break, training"):
        floor.give(cmd.MakeNotReady(agent_id=ALICE, reason="siesta"))
    assert floor.state() is AgentState.READY
    floor.give(cmd.MakeNotReady(agent_id=ALICE, reason=NotReadyReason.SUPERVISOR))
    assert floor.who().reason == "supervisor"


def test_a_break_too_long_is_told_once_and_the_shift_s_share_too() -> None:
    floor = floor_with(LIMITED)
    floor.agent("alice")
    floor.give(cmd.MakeNotReady(agent_id=ALICE, reason="break"))
    fire(floor)
    (passed,) = floor.seen(ev.ReasonLimitPassed)
    assert (passed.reason, passed.limit, passed.seconds) == ("break", "occurrence", 900)
    assert floor.who().limits_passed == ("occurrence",)
    fire(floor)  # ten minutes more
    assert [event.limit for event in floor.seen(ev.ReasonLimitPassed)] == ["occurrence", "shift"]
    assert floor.state() is AgentState.NOT_READY, "a warning, no more"


def test_short_breaks_add_up_over_the_shift() -> None:
    floor = floor_with(LIMITED)
    floor.agent("alice")
    for _ in range(2):
        floor.give(cmd.MakeNotReady(agent_id=ALICE, reason="break"))
        floor.pass_time(10 * 60)
        floor.give(cmd.MakeReady(agent_id=ALICE))
        assert isinstance(floor.effects[-1], fx.CancelTimer)
    floor.give(cmd.MakeNotReady(agent_id=ALICE, reason="break"))
    began = floor.now
    fire(floor)
    (passed,) = floor.seen(ev.ReasonLimitPassed)
    assert passed.limit == "shift"
    assert floor.now - began == timedelta(minutes=5)


def test_a_reason_without_limit_needs_no_timer() -> None:
    floor = floor_with(LIMITED)
    floor.agent("alice")
    floor.give(cmd.MakeNotReady(agent_id=ALICE, reason="training"))
    assert not [timer for timer in floor.wished(fx.StartTimer) if isinstance(timer.command, cmd.WatchReason)]


def test_work_on_a_ticket_counts_as_handling() -> None:
    floor = floor_with(LIMITED)
    floor.agent("alice")
    floor.give(cmd.StartTicketWork(agent_id=ALICE, ticket="1000012"))
    assert (floor.state(), floor.who().reason, floor.who().ticket) == (
        AgentState.NOT_READY,
        "after_call_work",
        "1000012",
    )
    floor.pass_time(300)
    floor.give(cmd.MakeReady(agent_id=ALICE))
    assert floor.who().ticket == ""
    assert floor.engine.state.tallies.of(ALICE, floor.now).handled_seconds == 300


def test_work_on_a_ticket_asked_for_in_a_call_begins_after_it() -> None:
    floor = floor_with(LIMITED)
    floor.agent("alice")
    floor.queue()
    floor.answer()
    floor.give(cmd.StartTicketWork(agent_id=ALICE, ticket="1000012"))
    assert floor.state() is AgentState.TALKING
    floor.end_talk()
    floor.give(cmd.EndWrapUp(agent_id=ALICE))
    assert (floor.state(), floor.who().ticket) == (AgentState.NOT_READY, "1000012")


# phones --------------------------------------------------------------------------------------------------------


def phone(floor: Floor, trouble: str, agent_id: AgentId = ALICE) -> None:
    floor.give(cmd.ReportPhone(agent_id=agent_id, trouble=trouble))


@pytest.mark.parametrize("trouble", [NotReadyReason.PHONE_UNREGISTERED, NotReadyReason.DO_NOT_DISTURB])
def test_a_phone_that_goes_takes_its_agent_along_and_brings_them_back(trouble: str) -> None:
    floor = Floor()
    floor.agent("alice")
    phone(floor, trouble)
    assert (floor.state(), floor.who().reason) == (AgentState.NOT_READY, trouble)
    floor.queue()
    assert floor.stage() is CallStage.WAITING, "nobody is rung who cannot be"
    phone(floor, "")
    assert floor.state() is AgentState.RESERVED, "back, and given the caller at once"


def test_what_the_agent_chose_meanwhile_stays() -> None:
    floor = Floor()
    floor.agent("alice")
    phone(floor, "phone_unregistered")
    floor.give(cmd.MakeNotReady(agent_id=ALICE, reason="lunch"))
    phone(floor, "")
    assert (floor.state(), floor.who().reason) == (AgentState.NOT_READY, "lunch")


def test_who_was_not_ready_is_not_made_ready_by_a_phone() -> None:
    floor = Floor()
    floor.agent("alice", AgentState.NOT_READY)
    phone(floor, "phone_unregistered")
    phone(floor, "")
    assert (floor.state(), floor.who().reason) == (AgentState.NOT_READY, "logged_in")


def test_ready_without_a_phone_is_kept_until_the_phone_is_there() -> None:
    floor = Floor()
    floor.agent("alice", AgentState.NOT_READY)
    phone(floor, "phone_unregistered")
    floor.give(cmd.MakeReady(agent_id=ALICE))
    assert (floor.state(), floor.who().reason) == (AgentState.NOT_READY, "phone_unregistered")
    phone(floor, "do_not_disturb")
    assert floor.who().reason == "do_not_disturb"
    phone(floor, "")
    assert floor.state() is AgentState.READY


def test_a_phone_lost_in_a_call_counts_after_it() -> None:
    floor = Floor()
    floor.agent("alice")
    floor.queue()
    floor.answer()
    phone(floor, "phone_unregistered")
    assert floor.state() is AgentState.TALKING
    floor.end_talk()
    floor.give(cmd.EndWrapUp(agent_id=ALICE))
    assert (floor.state(), floor.who().reason) == (AgentState.NOT_READY, "phone_unregistered")
    phone(floor, "")
    assert floor.state() is AgentState.READY


def test_a_phone_found_missing_by_ringing_it_brings_its_agent_back_too() -> None:
    floor = Floor()
    floor.agent("alice")
    floor.queue()
    failed = cmd.ReportRingFailed(call_id=FIRST, reservation_id=floor.reservation(), cause="phone_unreachable")
    floor.give(failed)
    assert floor.who().reason == "phone_unreachable"
    phone(floor, "phone_unregistered")
    assert floor.who().reason == "phone_unregistered"
    phone(floor, "")
    assert floor.state() is AgentState.RESERVED


def test_who_did_not_answer_is_not_made_ready_by_a_phone() -> None:
    floor = Floor()
    floor.agent("alice")
    floor.queue()
    floor.no_answer()
    phone(floor, "phone_unregistered")
    phone(floor, "")
    assert floor.who().reason == "rona"


def test_a_caller_who_leaves_while_the_phone_is_gone_leaves_nobody_ready() -> None:
    floor = Floor()
    floor.agent("alice")
    floor.queue()
    phone(floor, "phone_unregistered")
    floor.end()
    assert (floor.state(), floor.who().reason) == (AgentState.NOT_READY, "phone_unregistered")


# offers --------------------------------------------------------------------------------------------------------

AT_HOME = PeopleRules(group_modes=(("home", OfferMode.ACCEPT),), agent_modes=(("bob", OfferMode.AUTO_ANSWER),))


def test_accepted_on_the_screen_the_phone_rings() -> None:
    floor = floor_with(AT_HOME)
    floor.agent("alice", support=1, home=1)
    floor.queue()
    assert floor.state() is AgentState.RESERVED
    assert not floor.wished(fx.RingAgent)
    floor.give(cmd.AcceptOffer(agent_id=ALICE))
    floor.give(cmd.AcceptOffer(agent_id=ALICE))  # pressed twice
    (ring,) = floor.wished(fx.RingAgent)
    assert (ring.reservation_id, ring.is_auto_answer) == (floor.reservation(), False)
    floor.answer()
    with pytest.raises(WrongStateError):
        floor.give(cmd.AcceptOffer(agent_id=ALICE))


def test_not_accepted_in_time_is_no_answer_at_once() -> None:
    floor = floor_with(AT_HOME)
    floor.agent("alice", support=1, home=1)
    floor.queue()
    began = floor.now
    fire(floor, cmd.ExpireOffer)
    assert floor.now - began == policy("support").offer_time
    assert (floor.who().reason, floor.stage()) == ("rona", CallStage.WAITING)


def test_an_offer_whose_caller_is_out_of_reach_is_taken_back() -> None:
    floor = floor_with(AT_HOME)
    floor.agent("alice", support=1, home=1)
    idle_since = floor.who().idle_since
    floor.queue()
    floor.pass_time(2)
    floor.lose_control()
    assert (floor.state(), floor.who().idle_since) == (AgentState.READY, idle_since)
    assert floor.stage() is CallStage.DETACHED
    assert [event.cause for event in floor.seen(ev.ReservationRescinded)] == ["control_lost"]


def test_the_agent_s_own_mode_goes_before_the_queue_s() -> None:
    floor = floor_with(AT_HOME, replace(policy("support", support=1), offer_mode=OfferMode.ACCEPT))
    floor.agent("bob")
    floor.queue()
    (ring,) = floor.wished(fx.RingAgent)
    assert ring.is_auto_answer
    assert floor.who(BOB).state is AgentState.RESERVED


def test_the_agent_is_told_of_queue_and_vip_in_the_caller_s_language() -> None:
    support = replace(policy("support", support=1), whisper=(("fr", "Assistance"), ("en", "Support")))
    floor = floor_with(PeopleRules(vip_whisper=(("fr", "Client VIP"),)), support)
    floor.agent("alice")
    floor.start()
    jeanne = ContactCard(contact_id="1", name="Jeanne", vip=True)
    vip = Caller(number="+33612345678", certainty=Certainty.KNOWN, contacts=(jeanne,))
    floor.give(cmd.IdentifyCaller(call_id=FIRST, caller=vip, context=CallerContext()))
    floor.queue()
    (ring,) = floor.wished(fx.RingAgent)
    assert ring.whisper is not None
    assert (ring.whisper.language, ring.whisper.text) == ("fr", "Client VIP. Assistance")


def test_every_whisper_that_can_be_said_is_made_beforehand() -> None:
    queue, vip = (("fr", "Assistance"), ("en", "Support")), (("fr", "VIP"),)
    ready = set(every_whisper(queue, vip))
    said = {
        whisper_of(queue, vip, language, is_vip=is_vip) for language in ("fr", "en", "de") for is_vip in (True, False)
    }
    assert said <= ready
    assert whisper_of((), vip, "fr", is_vip=False) is None


# wrap-up -------------------------------------------------------------------------------------------------------

CODES = WrapUpPolicy(
    codes=(WrapUpCode(code="solved", label="Solved"), WrapUpCode(code="spam", label="Spam")),
    is_code_required=True,
    extension_time=timedelta(seconds=20),
    most_extension_time=timedelta(seconds=50),
)


def in_wrap_up() -> Floor:
    floor = Floor(replace(policy("support", support=1), wrap_up=CODES))
    floor.agent("alice")
    floor.queue()
    floor.answer()
    floor.end_talk()
    assert floor.state() is AgentState.WRAP_UP
    return floor


def test_a_code_that_is_required_must_be_given_and_be_one_of_the_queue_s() -> None:
    floor = in_wrap_up()
    with pytest.raises(WrapUpCodeRequiredError, match="solved, spam"):
        floor.give(cmd.EndWrapUp(agent_id=ALICE))
    with pytest.raises(UnknownWrapUpCodeError, match="`done`: solved, spam"):
        floor.give(cmd.EndWrapUp(agent_id=ALICE, code="done"))
    floor.give(cmd.EndWrapUp(agent_id=ALICE, code="solved"))
    assert floor.wished(fx.CommitTicket)[0].code == "solved"


def test_time_ends_a_wrap_up_without_the_code_and_the_ticket_is_to_be_qualified() -> None:
    floor = in_wrap_up()
    fire(floor, cmd.ExpireWrapUp)
    assert floor.wished(fx.CommitTicket)[0].to_qualify
    assert floor.state() is AgentState.READY


def test_a_wrap_up_is_extended_up_to_its_limit() -> None:
    floor = in_wrap_up()
    first_end = floor.who().wrap_up_until
    assert first_end is not None
    floor.give(cmd.ExtendWrapUp(agent_id=ALICE))
    floor.give(cmd.ExtendWrapUp(agent_id=ALICE, seconds=1000))
    assert floor.who().wrap_up_until == first_end + timedelta(seconds=50)
    with pytest.raises(WrapUpLimitError):
        floor.give(cmd.ExtendWrapUp(agent_id=ALICE, seconds=1))
    floor.now = first_end
    fire(floor, cmd.ExpireWrapUp)
    assert floor.now == first_end + timedelta(seconds=50)
    assert floor.state() is AgentState.READY
