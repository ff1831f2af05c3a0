"""Every report about a call in every stage: without effect, or what comes of it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from acd.domain import commands as cmd
from acd.domain import effects as fx
from acd.domain import events as ev
from acd.domain.agent import AgentState, NotReadyReason
from acd.domain.call import Call, CallStage, IvrStep, Reason, Result
from acd.domain.caller import Caller, CallerContext, TicketCard
from acd.domain.errors import UnknownCallError, UnknownQueueError
from acd.domain.ids import QueueName, ReservationId
from acd.domain.outgoing import OutgoingRules
from acd.domain.queue import RoutingRules
from acd.domain.talk import Destination
from tests.unit.acd.domain.floor import ALICE, BOB, FIRST, ORDERS, SECOND, START, SUPPORT, Floor, names, policy

ARRIVING, IVR, WAITING, RESERVED, TALKING, DETACHED, ENDED, FORWARDED, SCHEDULED = CallStage
RESERVATION = ReservationId("rsv_1.1_1")


def first_in(stage: CallStage) -> Floor:
    """The first caller alone with alice, the call in this stage; `ended` is kept by alice's wrap-up."""
    floor = Floor()
    if stage is FORWARDED:
        rules = RoutingRules(outgoing=OutgoingRules(trunk="carrier", allow=("06.",)))
        floor.give(cmd.ConfigureQueues(queues=tuple(floor.engine.state.queues.values()), rules=rules))
    if stage in {RESERVED, TALKING, ENDED, FORWARDED}:
        floor.agent("alice")
    if stage in {ARRIVING, IVR, DETACHED}:
        floor.start()
    else:
        floor.queue()
    if stage is IVR:
        floor.give(cmd.RecordIvrPath(call_id=FIRST, path=(IvrStep("welcome"),), language="fr"))
    if stage is DETACHED:
        floor.lose_control()
    if stage in {TALKING, ENDED, FORWARDED}:
        floor.answer()
    if stage is FORWARDED:
        floor.give(cmd.TransferCall(agent_id=ALICE, to=Destination(number="0612345678")))
    if stage is ENDED:
        floor.end()
    assert floor.stage() is stage
    floor.pass_time(1)
    return floor


TICKET = TicketCard(number="1000012", title="Printer", status="open", created_at=START)
REPORTS: dict[str, cmd.Command] = {
    "start": cmd.StartCall(
        call_id=FIRST, linkedid="1.1", channel="new", called_number="100", caller=Caller(number=""), language="fr"
    ),
    "identify": cmd.IdentifyCaller(call_id=FIRST, caller=Caller(number="1"), context=CallerContext()),
    "path": cmd.RecordIvrPath(call_id=FIRST, path=(IvrStep("main", "1"),), language="en"),
    "ticket": cmd.KeepKeyedTicket(call_id=FIRST, context=CallerContext(linked_ticket=TICKET)),
    "enqueue": cmd.EnqueueCall(call_id=FIRST, queue=SUPPORT),
    "ringing": cmd.ReportRinging(call_id=FIRST, reservation_id=RESERVATION),
    "answer": cmd.ReportAnswer(call_id=FIRST, reservation_id=RESERVATION),
    "no answer": cmd.ReportNoAnswer(call_id=FIRST, reservation_id=RESERVATION),
    "offer expired": cmd.ExpireOffer(call_id=FIRST, reservation_id=RESERVATION),
    "ring failed": cmd.ReportRingFailed(call_id=FIRST, reservation_id=RESERVATION, cause=NotReadyReason.PHONE_BUSY),
    "talk ended": cmd.ReportTalkEnded(call_id=FIRST, reservation_id=RESERVATION),
    "control lost": cmd.ReportControlLost(call_id=FIRST),
    "end": cmd.EndCall(call_id=FIRST, reason=Reason.CALLER_HUNG_UP),
    "not alive": cmd.Reconcile(live_linkedids=frozenset({"7.7"}), observed_at=START + timedelta(seconds=1)),
    "alive": cmd.Reconcile(live_linkedids=frozenset({"1.1"}), observed_at=START + timedelta(seconds=1)),
}
NO: list[str] = []
IDENTIFIED, KEYED, PATH, QUEUED = ["CallerIdentified"], ["TicketKeyed"], ["IvrPathRecorded"], ["CallQueued"]
LOST, REJOINED, OVER = ["CallDetached"], ["CallRejoined"], ["CallEnded"]
CANCELED = ["ReservationCanceled", "AgentBecameReady", "CallEnded"]
TIMED_OUT = ["ReservationTimedOut", "AgentBecameNotReady"]
RESCINDED = ["ReservationRescinded", "AgentBecameNotReady"]
HUNG_UP = ["TalkEnded", "WrapUpStarted", "CallEnded"]
RUNG, TAKEN, TALKED = ["AgentRang"], ["ReservationAccepted"], ["TalkEnded", "WrapUpStarted"]
TABLE: dict[str, list[list[str]]] = {
    #               ARRIVING    IVR         WAITING     RESERVED    TALKING     DETACHED    ENDED       FORWARDED
    "start":        [REJOINED,   REJOINED,   REJOINED,   REJOINED,   REJOINED,   REJOINED,   REJOINED, REJOINED],
    "identify":     [IDENTIFIED, IDENTIFIED, IDENTIFIED, IDENTIFIED, IDENTIFIED, IDENTIFIED, IDENTIFIED, IDENTIFIED],
    "ticket":       [KEYED,      KEYED,      KEYED,      KEYED,      KEYED,      KEYED,      KEYED, KEYED],
    "path":         [PATH,       PATH,       NO,         NO,         NO,         PATH,       NO, NO],
    "enqueue":      [QUEUED,     QUEUED,     NO,         NO,         NO,         QUEUED,     NO, NO],
    "ringing":      [NO,         NO,         NO,         RUNG,       NO,         NO,         NO, NO],
    "answer":       [NO,         NO,         NO,         TAKEN,      NO,         NO,         NO, NO],
    "no answer":    [NO,         NO,         NO,         TIMED_OUT,  NO,         NO,         NO, NO],
    "offer expired": [NO,        NO,         NO,         NO,         NO,         NO,         NO, NO],
    "ring failed":  [NO,         NO,         NO,         RESCINDED,  NO,         NO,         NO, NO],
    "talk ended":   [NO,         NO,         NO,         NO,         TALKED,     NO,         NO, NO],
    "control lost": [LOST,       LOST,       LOST,       LOST,       LOST,       NO,         NO, LOST],
    "end":          [OVER,       OVER,       OVER,       CANCELED,   HUNG_UP,    OVER,       NO, OVER],
    "not alive":    [OVER,       OVER,       OVER,       CANCELED,   HUNG_UP,    OVER,       NO, OVER],
    "alive":        [NO,         NO,         NO,         NO,         NO,         NO,         NO, NO],
}  # fmt: skip


@pytest.mark.parametrize("stage", [stage for stage in CallStage if stage is not SCHEDULED])  # no caller is
@pytest.mark.parametrize("word", TABLE)
def test_every_report_in_every_stage(word: str, stage: CallStage) -> None:
    floor = first_in(stage)
    assert names(floor.give(REPORTS[word]).events) == TABLE[word][list(CallStage).index(stage)]


@pytest.mark.parametrize("word", TABLE)
@pytest.mark.parametrize("stage", [stage for stage in CallStage if stage is not SCHEDULED])  # no caller is
def test_the_same_report_twice_does_no_harm(word: str, stage: CallStage) -> None:
    floor = first_in(stage)
    floor.give(REPORTS[word])
    calls, agents = dict(floor.engine.state.calls), dict(floor.engine.state.agents)
    floor.give(REPORTS[word])
    assert (floor.engine.state.calls, floor.engine.state.agents) == (calls, agents)


@pytest.mark.parametrize("word", [word for word in REPORTS if word not in {"start", "enqueue"}])
def test_reports_about_a_call_nobody_knows_change_nothing(word: str) -> None:
    assert Floor().give(REPORTS[word]) == ((), ())


def test_only_a_known_call_can_be_put_into_a_known_queue() -> None:
    with pytest.raises(UnknownCallError, match=r"call_1\.1"):
        Floor().give(REPORTS["enqueue"])
    floor = first_in(IVR)
    with pytest.raises(UnknownQueueError, match="there is no queue nowhere"):
        floor.give(cmd.EnqueueCall(call_id=FIRST, queue=QueueName("nowhere")))
    assert floor.stage() is IVR


# the queue


def test_a_call_goes_to_the_agent_with_a_ring_and_a_net_under_it() -> None:
    floor = Floor()
    floor.agent("alice", AgentState.READY, support=3)
    floor.pass_time(61)
    floor.start()
    decision = floor.give(cmd.EnqueueCall(call_id=FIRST, queue=SUPPORT))
    assert names(decision.events) == ["CallQueued", "CallReserved"]
    assert names(decision.effects) == ["RingAgent", "StartTimer", "RecordInteraction"]
    ring, timer, _ = decision.effects
    assert isinstance(ring, fx.RingAgent)
    assert isinstance(timer, fx.StartTimer)
    assert (ring.agent_id, ring.extension, ring.offer_time) == (
        ALICE,
        floor.who().profile.extension,
        timedelta(seconds=15),
    )
    assert timer.due_at == floor.now + timedelta(seconds=18)
    assert timer.command == REPORTS["offer expired"]
    assert floor.seen(ev.CallReserved)[0].reasons == (
        "meets support>=1",
        "idle longest among the eligible, since 09:00:00",
        "first by priority 5, then by age: 0 s in the queue",
    )


def test_first_come_first_served_within_a_priority() -> None:
    floor = Floor()
    for linkedid, priority in (("1.1", 5), ("2.1", 5), ("3.1", 1), ("4.1", None)):
        floor.pass_time(1)
        call = floor.start(linkedid)
        floor.give(cmd.EnqueueCall(call_id=call, queue=SUPPORT, priority=priority))
    floor.agent("alice")
    served = []
    while call_id := floor.who().call_id:
        served.append(call_id)
        floor.answer(call_id)
        floor.end(call_id)
        floor.give(cmd.EndWrapUp(agent_id=ALICE))
    assert served == ["call_3.1", "call_1.1", "call_2.1", "call_4.1"]


def test_an_age_from_before_a_restart_is_kept_but_none_from_the_future() -> None:
    for given, kept in ((START - timedelta(minutes=5), START - timedelta(minutes=5)), (START + timedelta(1), START)):
        floor = first_in(ARRIVING)
        floor.now = START
        floor.give(cmd.EnqueueCall(call_id=FIRST, queue=SUPPORT, queued_at=given))
        assert floor.call().queued_at == kept


def test_skills_asked_for_by_the_menu_add_to_the_queues_own() -> None:
    floor = Floor()
    floor.agent("alice", support=1, network=2)
    floor.queue(network=3)
    assert floor.engine.why_waiting(FIRST) == ("Alice: lacks network>=3 (has 2)",)
    floor.agent("bob", network=3)
    assert floor.stage() is WAITING
    floor.agent("carol", network=3, support=1)
    assert floor.stage() is RESERVED


@pytest.mark.parametrize("word", ["no answer", "ring failed"])
def test_a_call_that_comes_back_keeps_its_place_and_its_agent_steps_aside(word: str) -> None:
    floor = first_in(RESERVED)
    queued_at = floor.call().queued_at
    floor.pass_time(10)
    floor.queue("2.1")
    decision = floor.give(REPORTS[word])
    assert names(decision.effects) == ["CancelTimer", "StopRinging"]
    assert (floor.stage(), floor.call().queued_at, floor.call().agent_id) == (WAITING, queued_at, None)
    reason = {"no answer": NotReadyReason.RONA, "ring failed": NotReadyReason.PHONE_BUSY}[word]
    assert (floor.state(), floor.who().reason, floor.who().call_id) == (AgentState.NOT_READY, reason, None)
    floor.agent("bob")
    assert (floor.call().agent_id, floor.call().attempts, floor.stage(SECOND)) == (BOB, 2, WAITING)


def test_reports_about_an_earlier_ring_do_not_touch_this_one() -> None:
    floor = first_in(RESERVED)
    floor.no_answer()
    floor.agent("bob")
    for word in ("answer", "no answer", "ring failed", "ringing", "talk ended"):
        assert floor.give(REPORTS[word]) == ((), ()), word
    assert (floor.stage(), floor.call().agent_id) == (RESERVED, BOB)
    floor.answer()
    assert floor.give(REPORTS["talk ended"]) == ((), ())
    assert floor.state(BOB) is AgentState.TALKING


def test_an_answer_after_the_safety_timer_is_too_late() -> None:
    """Dial gave up three seconds before: who says "answered" now speaks of a leg that is being hung up."""
    floor = first_in(RESERVED)
    floor.lose_control()
    assert names(floor.give(floor.wished(fx.StartTimer)[0].command).events) == TIMED_OUT
    assert floor.give(REPORTS["answer"]) == ((), ())
    assert floor.give(REPORTS["talk ended"]) == ((), ())
    assert (floor.stage(), floor.state()) == (DETACHED, AgentState.NOT_READY)


def test_the_safety_timer_leaves_a_ring_to_dial_while_a_flow_holds_the_channel() -> None:
    """Only an answer that AMI could not tell of lasts so long: it is no ring in vain. The timer starts again."""
    floor = first_in(RESERVED)
    decision = floor.give(REPORTS["offer expired"])
    assert (names(decision.events), names(decision.effects)) == ([], ["StartTimer"])
    floor.answer()
    assert (floor.stage(), floor.state()) == (TALKING, AgentState.TALKING)


UNSEEN = Call(
    call_id=FIRST,
    linkedid="1.1",
    channel="",
    called_number="100",
    caller=Caller(number="1"),
    started_at=START - timedelta(seconds=30),
    changed_at=START - timedelta(seconds=5),
    queue=SUPPORT,
    queued_at=START - timedelta(seconds=20),
    agent_id=ALICE,
    offered_at=START - timedelta(seconds=12),
    answered_at=START - timedelta(seconds=10),
)


def test_a_talk_found_after_a_restart_is_carried_on_to_its_ticket() -> None:
    floor = Floor()
    floor.agent("alice", AgentState.LOGGED_OUT)
    decision = floor.give(cmd.AdoptTalk(call=UNSEEN))
    assert (names(decision.events), names(decision.effects)) == (
        ["TalkAdopted"],
        ["RecordInteraction", "FindRecording"],
    )
    assert (floor.stage(), floor.state(), floor.who().since) == (TALKING, AgentState.TALKING, UNSEEN.answered_at)
    assert floor.call().queued_at == UNSEEN.queued_at
    assert names(floor.end().events) == HUNG_UP
    decision = floor.give(cmd.ExpireWrapUp(agent_id=ALICE, call_id=FIRST))
    assert names(decision.events) == ["WrapUpEnded", "AgentLoggedOut"]  # as found: nobody logged her in since
    (commit,) = (effect for effect in decision.effects if isinstance(effect, fx.CommitTicket))
    assert (commit.call.answered_at, commit.to_qualify) == (UNSEEN.answered_at, True)


def test_an_agent_who_logs_in_during_such_a_talk_stays() -> None:
    floor = Floor()
    floor.agent("alice", AgentState.LOGGED_OUT)
    floor.give(cmd.AdoptTalk(call=UNSEEN))
    floor.give(cmd.LogInAgent(agent_id=ALICE))
    floor.end()
    floor.give(cmd.ExpireWrapUp(agent_id=ALICE, call_id=FIRST))
    assert floor.state() is AgentState.READY


@pytest.mark.parametrize("stage", [stage for stage in CallStage if stage is not SCHEDULED])  # no caller is
def test_a_call_that_is_known_is_not_adopted(stage: CallStage) -> None:
    assert first_in(stage).give(cmd.AdoptTalk(call=UNSEEN)) == ((), ())


def test_a_talk_whose_agent_has_another_call_is_not_adopted() -> None:
    floor = first_in(TALKING)
    other = replace(UNSEEN, call_id=SECOND, linkedid="2.1")
    assert floor.give(cmd.AdoptTalk(call=other)) == ((), ())
    assert floor.give(cmd.AdoptTalk(call=replace(other, agent_id=BOB))) == ((), ())  # nobody has heard of bob


def test_a_caller_who_leaves_while_it_rings_gives_the_agent_to_the_next() -> None:
    floor = first_in(RESERVED)
    floor.queue("2.1")
    idle_since = floor.who().idle_since
    decision = floor.end()
    assert names(decision.events) == ["ReservationCanceled", "AgentBecameReady", "CallEnded", "CallReserved"]
    assert floor.call(SECOND).agent_id == ALICE
    assert floor.who().idle_since == idle_since


# control lost


def test_a_call_out_of_control_is_offered_to_nobody_until_it_is_back() -> None:
    floor = first_in(WAITING)
    queued_at = floor.call().queued_at
    floor.lose_control()
    floor.agent("alice")
    assert (floor.stage(), floor.state()) == (DETACHED, AgentState.READY)
    floor.pass_time(5)
    floor.give(REPORTS["start"])
    floor.give(cmd.EnqueueCall(call_id=FIRST, queue=SUPPORT, queued_at=queued_at))
    assert (floor.stage(), floor.call().queued_at, floor.call().channel) == (RESERVED, queued_at, "new")


@pytest.mark.parametrize("word", ["no answer", "ring failed"])
def test_a_ring_in_vain_out_of_control_does_not_go_on_to_the_other_agents(word: str) -> None:
    """Nobody could ring them: each in turn would become not ready."""
    floor = first_in(RESERVED)
    floor.agent("bob")
    floor.lose_control()
    floor.give(REPORTS[word])
    assert (floor.stage(), floor.state(), floor.state(BOB)) == (DETACHED, AgentState.NOT_READY, AgentState.READY)
    floor.give(REPORTS["start"])
    floor.give(REPORTS["enqueue"])
    assert floor.call().agent_id == BOB


def test_a_call_rejected_out_of_control_waits_until_it_is_back() -> None:
    floor = first_in(RESERVED)
    floor.lose_control()
    floor.give(cmd.RejectReservation(agent_id=ALICE))
    assert floor.stage() is DETACHED


def test_a_call_back_under_control_before_the_ring_is_over_waits_at_once() -> None:
    floor = first_in(RESERVED)
    floor.agent("bob")
    floor.lose_control()
    floor.give(REPORTS["start"])
    floor.no_answer()
    assert (floor.stage(), floor.call().agent_id) == (RESERVED, BOB)


def test_a_ring_out_of_control_can_be_answered() -> None:
    floor = first_in(RESERVED)
    floor.lose_control()
    floor.answer()
    floor.end()
    assert floor.state() is AgentState.WRAP_UP


# the end


def waited(seconds: float) -> Floor:
    floor = first_in(WAITING)
    floor.pass_time(seconds - 1)
    return floor


@pytest.mark.parametrize(
    ("floor", "reason", "result"),
    [
        (first_in(ARRIVING), Reason.CALLER_HUNG_UP, Result.LEFT_IVR),
        (first_in(IVR), Reason.CALLER_HUNG_UP, Result.LEFT_IVR),
        (first_in(IVR), Reason.CHANNEL_GONE, Result.LEFT_IVR),
        (first_in(IVR), Reason.FLOW_ENDED, Result.COMPLETED_IN_IVR),
        (first_in(IVR), Reason.SERVICE_ERROR, Result.FAILED),
        (waited(4.9), Reason.CALLER_HUNG_UP, Result.SHORT_ABANDONED),
        (waited(5), Reason.CALLER_HUNG_UP, Result.ABANDONED),
        (waited(60), Reason.CHANNEL_GONE, Result.ABANDONED),
        (waited(60), Reason.SERVICE_ERROR, Result.FAILED),
        (first_in(RESERVED), Reason.CALLER_HUNG_UP, Result.SHORT_ABANDONED),
        (first_in(DETACHED), Reason.CALLER_HUNG_UP, Result.LEFT_IVR),
        (first_in(TALKING), Reason.CALLER_HUNG_UP, Result.ANSWERED),
        (first_in(TALKING), Reason.AGENT_HUNG_UP, Result.ANSWERED),
        (first_in(TALKING), Reason.SERVICE_ERROR, Result.ANSWERED),
    ],
)
def test_every_call_ends_in_one_result(floor: Floor, reason: Reason, result: Result) -> None:
    floor.end(reason=reason)
    (ended,) = floor.seen(ev.CallEnded)
    assert (ended.termination.result, ended.termination.reason) == (result, reason)
    recorded: Call = floor.wished(fx.RecordInteraction)[-1].call
    assert (recorded.stage, recorded.ended_at, recorded.termination) == (ENDED, floor.now, ended.termination)


def test_reconciling_spares_what_lives_and_what_came_after_the_look() -> None:
    floor = Floor()
    floor.queue("1.1")
    floor.queue("2.1")
    floor.pass_time(10)
    observed_at = floor.now
    floor.pass_time(1)
    floor.queue("3.1")
    floor.give(cmd.Reconcile(live_linkedids=frozenset({"2.1"}), observed_at=observed_at))
    assert list(floor.engine.state.calls) == ["call_2.1", "call_3.1"]


def test_reconciling_frees_every_agent_whose_caller_is_gone() -> None:
    floor = Floor()
    for login, linkedid in (("alice", "1.1"), ("bob", "2.1")):
        floor.agent(login)
        floor.queue(linkedid)
    floor.answer(FIRST)
    floor.pass_time(1)
    floor.give(cmd.Reconcile(live_linkedids=frozenset(), observed_at=floor.now))
    assert (floor.state(), floor.state(BOB)) == (AgentState.WRAP_UP, AgentState.READY)


def test_reconciling_gives_no_agent_to_a_caller_who_is_gone_too() -> None:
    floor = Floor()
    floor.agent("alice")
    for linkedid in ("1.1", "2.1", "3.1"):
        floor.queue(linkedid)
    floor.pass_time(1)
    floor.give(cmd.Reconcile(live_linkedids=frozenset({"3.1"}), observed_at=floor.now))
    assert list(floor.engine.state.calls) == ["call_3.1"]
    assert floor.who().call_id == "call_3.1"
    assert len(floor.seen(ev.CallReserved)) == 2


def test_timers_that_are_started_are_ended() -> None:
    floor = Floor(policy("support", support=1))
    floor.agent("alice")
    floor.queue()
    floor.answer()
    floor.end()
    floor.give(cmd.EndWrapUp(agent_id=ALICE))
    started = [timer.key for timer in floor.wished(fx.StartTimer)]
    assert started == ["offer:rsv_1.1_1", "wrap_up:agent_alice"]
    assert started == [timer.key for timer in floor.wished(fx.CancelTimer)]


def test_a_keyed_ticket_is_kept_with_the_call() -> None:
    floor = first_in(IVR)
    floor.give(REPORTS["ticket"])
    assert (floor.call().keyed_ticket, floor.call().context.linked_ticket) == ("1000012", TICKET)


def test_a_ticket_committed_is_told_also_when_the_call_is_forgotten() -> None:
    floor = Floor()
    report = cmd.ReportTicket(call_id=FIRST, agent_id=ALICE, ticket_number="1000012", to_qualify=True)
    (told,) = floor.give(report).events
    assert isinstance(told, ev.TicketCommitted)
    assert (told.ticket_number, told.to_qualify) == ("1000012", True)


def test_a_call_may_move_to_another_queue_after_control_was_lost() -> None:
    floor = first_in(WAITING)
    floor.lose_control()
    floor.give(REPORTS["start"])
    floor.give(cmd.EnqueueCall(call_id=FIRST, queue=ORDERS))
    assert floor.call().queue == ORDERS
    floor.agent("alice")
    assert floor.stage() is WAITING
    floor.agent("bob", orders=1)
    assert floor.call().agent_id == BOB
