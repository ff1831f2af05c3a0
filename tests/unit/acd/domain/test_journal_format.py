"""Every event survives the journal, and the journal is plain JSON that says what it is."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta

import msgspec
import pytest
from msgspec.structs import replace

from acd.domain import events as ev
from acd.domain.agent import AfterCall, AgentProfile, AgentState, Draft
from acd.domain.call import Call, IvrStep, Reason, Result, Ring, Termination
from acd.domain.caller import Caller, CallerContext, Certainty, ContactCard, RecentCallCard, TicketCard
from acd.domain.ids import CallId, QueueName, agent_id_of, call_id_of, recording_id_of, reservation_id_of
from acd.domain.journal_format import decode_event, encode_event
from acd.domain.outgoing import FarEnd
from acd.domain.queue import (
    Overflow,
    OverflowCause,
    PreferredBy,
    PreferredRing,
    QueuePolicy,
    RecordingMode,
    ReservePolicy,
    RoutingRules,
)
from acd.domain.talk import Consult, Handover, TalkMode
from acd.domain.work import CallKind, Message, Plan
from ivr.opening import ExceptionalDay, OpeningHours, Window
from routing import AgentChoice, ItemChoice, Taste
from routing.relaxation import Step

AT = datetime(2026, 11, 23, 9, 0, 0, 123456, tzinfo=UTC)
HOSTILE = 'Zoë \u202e <b>"\'\\\r\n\x00 😀 {"type":"CallEnded"}'
CALL, AGENT, QUEUE = call_id_of("1.1"), agent_id_of("alice"), QueueName("support")
RESERVATION = reservation_id_of(CALL, 2)
RECORDING = recording_id_of(CALL, 1)
TICKET = TicketCard(number="1000012", title=HOSTILE, status="open", created_at=AT, queue="support", contact_name="C")
CALLER = Caller(
    number=HOSTILE,
    name=HOSTILE,
    number_kind="invalid",
    certainty=Certainty.UNCERTAIN,
    contacts=(ContactCard(contact_id="contact_1", name=HOSTILE, vip=True), ContactCard(contact_id="2", name="")),
)
CONTEXT = CallerContext(
    open_tickets=(TICKET,),
    recent_calls=(RecentCallCard(started_at=AT, result="answered"),),
    linked_ticket=TICKET,
    missing=("calls",),
)
POLICY = QueuePolicy(
    name=QUEUE,
    label=HOSTILE,
    requirements=(("network", 3), ("support", 0)),
    language_is_skill=True,
    offer_time=timedelta(seconds=0.25),
    wrap_up_time=timedelta(),
    service_level_time=timedelta(days=2, microseconds=1),
    any_of=((("fr", 1), ("en", 1)),),
    none_of=(("trainee", 1),),
    agent_choice=AgentChoice.WEIGHTED_RANDOM,
    steps=(Step(after=timedelta(seconds=20), levels=(("network", 1),), queue="orders"),),
    preferred=(PreferredRing(by=PreferredBy.NAMED, reserve_time=timedelta(seconds=9), agents=(AGENT,)),),
    reserve=ReservePolicy(group="second", call_up_waiting=9, call_up_wait=timedelta(minutes=1)),
    hours=OpeningHours(
        time_zone="Europe/Paris",
        week=((Window(480, 1080),),) * 7,
        exceptions=(ExceptionalDay(date(2026, 12, 24), (Window(600, 1560),)), ExceptionalDay(date(2026, 12, 25), ())),
        country="FR",
    ),
    overflow=(Overflow(cause=OverflowCause.CLOSED, announcement=(("fr", HOSTILE),)),),
)
OFFER = {"at": AT, "call_id": CALL, "queue": QUEUE, "reservation_id": RESERVATION, "agent_id": AGENT}
TALK: dict[str, object] = {"at": AT, "call_id": CALL, "queue": QUEUE, "agent_id": AGENT}
WHOLE_CALL = Call(
    call_id=CALL,
    linkedid="1.1",
    channel="",
    called_number="100",
    caller=CALLER,
    started_at=AT,
    changed_at=AT,
    context=CONTEXT,
    ivr_path=(IvrStep("main", "1", "incident"),),
    termination=Termination(Result.ANSWERED, Reason.AGENT_HUNG_UP),
)
CALLBACK = replace(
    WHOLE_CALL,
    kind=CallKind.CALLBACK,
    plan=Plan(far=FarEnd(number="+33612345678", trunk="trunk"), keys=("+33612345678",), requested_at=AT),
    message=Message(name="1.1-1.wav", length=timedelta(seconds=9.5), sha256="0" * 64),
)
EVENTS: list[ev.Event] = [
    ev.QueuesConfigured(
        at=AT,
        queues=(POLICY,),
        rules=RoutingRules(item_choice=ItemChoice.GREATEST_NEED, priority_worth_seconds=60.0, seed=7),
    ),
    ev.AgentRegistered(
        at=AT,
        profile=AgentProfile(
            agent_id=AGENT, login="alice", name="A", extension="1001", taste=Taste(("a", "b"), (("a", 70),))
        ),
    ),
    ev.AgentRegistered(
        at=AT,
        profile=AgentProfile(agent_id=AGENT, login="alice", name=HOSTILE, extension="1001", skills=(("network", 100),)),
    ),
    ev.AgentRemoved(at=AT, agent_id=AGENT),
    ev.AgentLoggedIn(at=AT, agent_id=AGENT),
    ev.AgentLoggedOut(at=AT, agent_id=AGENT),
    ev.AgentBecameReady(at=AT, agent_id=AGENT, idle_since=AT - timedelta(hours=1)),
    ev.AgentBecameNotReady(at=AT, agent_id=AGENT, reason=HOSTILE),
    ev.AfterCallChosen(at=AT, agent_id=AGENT, after_call=AfterCall(AgentState.NOT_READY, HOSTILE)),
    ev.AfterCallChosen(at=AT, agent_id=AGENT, after_call=None),
    ev.CallStarted(
        at=AT,
        call_id=CALL,
        linkedid="1.1",
        channel="PJSIP/trunk-1",
        called_number="100",
        caller=CALLER,
        language="fr",
        started_at=AT,
    ),
    ev.CallRejoined(at=AT, call_id=CALL, channel="PJSIP/trunk-1"),
    ev.CallDetached(at=AT, call_id=CALL),
    ev.CallerIdentified(at=AT, call_id=CALL, caller=CALLER, context=CONTEXT),
    ev.IvrPathRecorded(at=AT, call_id=CALL, path=(IvrStep("main", "1", "incident"), IvrStep("x")), language="en"),
    ev.SurveyStarted(at=AT, call_id=CALL, flow="satisfaction"),
    ev.SurveyAnswered(at=AT, call_id=CALL, measure="nps", value="10"),
    ev.SurveyAdopted(at=AT, call=WHOLE_CALL),
    ev.CallDeflected(at=AT, call_id=CALL, incident_id="incident_7"),
    ev.TicketKeyed(at=AT, call_id=CALL, context=CONTEXT),
    ev.CallQueued(at=AT, call_id=CALL, queue=QUEUE, priority=0, skills=(("network", 3),), queued_at=AT),
    ev.CallQueued(
        at=AT,
        call_id=CALL,
        queue=QUEUE,
        priority=0,
        skills=(),
        queued_at=AT,
        place_at=AT,
        rings=(Ring((AGENT,), timedelta(seconds=9), PreferredBy.LAST_AGENT),),
        ring_since=AT,
    ),
    ev.PlaceAdjusted(at=AT, call_id=CALL, place_at=AT),
    ev.StepReached(at=AT, call_id=CALL, queue=QUEUE, step=1, ring=0, cause="time"),
    ev.CallOverflowed(at=AT, call_id=CALL, queue=QUEUE, cause="closed", to_queue=None),
    ev.ReserveCalledUp(at=AT, queue=QUEUE),
    ev.ReserveStoodDown(at=AT, queue=QUEUE),
    ev.CallReserved(
        at=AT,
        call_id=CALL,
        queue=QUEUE,
        reservation_id=RESERVATION,
        agent_id=AGENT,
        attempt=2,
        reasons=("a", HOSTILE),
    ),
    ev.AgentRang(at=AT, call_id=CALL, reservation_id=RESERVATION, agent_id=AGENT),
    ev.ReservationAccepted(**OFFER, wait_seconds=1.5),  # type: ignore[arg-type]
    ev.ReservationRejected(**OFFER, reason=HOSTILE),  # type: ignore[arg-type]
    ev.ReservationTimedOut(**OFFER),  # type: ignore[arg-type]
    ev.ReservationRescinded(**OFFER, cause="phone_busy"),  # type: ignore[arg-type]
    ev.ReservationCanceled(**OFFER),  # type: ignore[arg-type]
    ev.TalkAdopted(at=AT, call=WHOLE_CALL, agent_id=AGENT, after_call=AfterCall(AgentState.LOGGED_OUT)),
    ev.TalkAdopted(at=AT, call=WHOLE_CALL, agent_id=AGENT, after_call=None, wait_seconds=0.5),
    ev.CallServedElsewhere(at=AT, call_id=CALL, call=WHOLE_CALL, wait_seconds=70.25),
    ev.TalkEnded(at=AT, call_id=CALL, queue=QUEUE, agent_id=AGENT, talk_seconds=0.000001),
    ev.WrapUpStarted(at=AT, agent_id=AGENT, call_id=CALL, until=AT + timedelta(seconds=30)),
    ev.DraftKept(at=AT, agent_id=AGENT, call_id=CALL, draft=Draft(code="x", note=HOSTILE, title="T", link_to="1")),
    ev.WrapUpEnded(at=AT, agent_id=AGENT, call_id=CALL, queue=QUEUE, by_agent=False, wrap_up_seconds=1e6),
    ev.RecordingStarted(
        at=AT, call_id=CALL, recording_id=RECORDING, queue=QUEUE, agent_id=None, mode=RecordingMode.SHARE
    ),
    ev.RecordingPaused(at=AT, call_id=CALL, recording_id=RECORDING, agent_id=AGENT),
    ev.RecordingResumed(at=AT, call_id=CALL, recording_id=RECORDING, agent_id=AGENT),
    ev.RecordingStopped(at=AT, call_id=CALL, recording_id=RECORDING, agent_id=AGENT, cause="by_agent"),
    ev.RecordingFailed(at=AT, call_id=CALL, recording_id=RECORDING, agent_id=AGENT, queue=QUEUE, cause="disk_full"),
    ev.CallEnded(
        at=AT,
        call_id=CALL,
        queue=None,
        termination=Termination(Result.LEFT_IVR, Reason.CALLER_HUNG_UP),
        wait_seconds=None,
    ),
    ev.OfferAccepted(at=AT, call_id=CALL, reservation_id=RESERVATION, agent_id=AGENT),
    ev.WrapUpExtended(at=AT, agent_id=AGENT, call_id=CALL, until=AT, by_time=timedelta(seconds=0.5)),
    ev.ReasonLimitPassed(at=AT, agent_id=AGENT, reason=HOSTILE, limit="shift", seconds=1800),
    ev.PhoneChanged(at=AT, agent_id=AGENT, trouble="do_not_disturb"),
    ev.CallMoved(at=AT, call_id=CALL, queue=QUEUE, to_queue=QUEUE),
    ev.CallPrioritised(at=AT, call_id=CALL, queue=QUEUE, priority=0),
    ev.CallKept(at=AT, call_id=CALL, queue=QUEUE, ring=Ring((AGENT,), timedelta(minutes=5))),
    ev.QueueDoorSet(at=AT, queue=QUEUE, is_open=False, announcement=(("fr", HOSTILE),)),
    ev.TextBroadcast(at=AT, text=HOSTILE, sender="sarah", queue=None, agents=(AGENT,)),
    ev.CallerLeftLine(at=AT, call_id=CALL, queue=QUEUE, to=CallId("call_callback.1.1.support")),
    ev.WorkOpened(at=AT, call=CALLBACK),
    ev.CallbackScheduled(at=AT, call_id=CALL, queue=QUEUE, due_at=AT + timedelta(hours=2)),
    ev.FarEndDialled(**OFFER),  # type: ignore[arg-type]
    ev.FarEndNotReached(**OFFER, cause="busy", tries=2, next_at=AT),  # type: ignore[arg-type]
    ev.OutgoingCallPlaced(
        at=AT, call=CALLBACK, agent_id=AGENT, reservation_id=RESERVATION, after_call=AfterCall(AgentState.NOT_READY)
    ),
    ev.WaitAnnounced(at=AT, call_id=CALL, queue=QUEUE, position=3, expected_wait_seconds=None),
    ev.TicketCommitted(at=AT, call_id=CALL, agent_id=AGENT, ticket_number="1000012", to_qualify=True),
    ev.TalkHeld(**TALK, by="phone"),  # type: ignore[arg-type]
    ev.TalkResumed(**TALK, cause="screen"),  # type: ignore[arg-type]
    ev.AgentMuted(at=AT, call_id=CALL, agent_id=AGENT, is_muted=True),
    ev.ConsultStarted(
        **TALK,  # type: ignore[arg-type]
        consult=Consult(consult_id="call_1.1_c1", to=FarEnd(number="1002"), started_at=AT, agent_id=AGENT),
    ),
    ev.ConsultAnswered(**TALK, consult_id="c", consulted_id=None),  # type: ignore[arg-type]
    ev.ConsultSwapped(**TALK, consult_id="c", with_caller=True),  # type: ignore[arg-type]
    ev.ConsultEnded(**TALK, consult_id="c", consulted_id=AGENT, cause="busy", mode=TalkMode.HELD),  # type: ignore[arg-type]
    ev.ConferenceStarted(**TALK, consult_id="c"),  # type: ignore[arg-type]
    ev.ConferenceEnded(**TALK, cause="agent_left"),  # type: ignore[arg-type]
    ev.CallTransferred(
        **TALK,  # type: ignore[arg-type]
        handover=Handover(
            agent_id=AGENT, agent_name=HOSTILE, queue=QUEUE, answered_at=AT, ended_at=AT, to="queue", note=HOSTILE
        ),
        to_agent=AGENT,
        reservation_id=RESERVATION,
        attempt=3,
    ),
    ev.ForwardFailed(at=AT, call_id=CALL, queue=QUEUE, cause="busy"),
]


def test_no_kind_of_event_is_left_out() -> None:
    assert {type(event) for event in EVENTS} == set(ev.Event.__subclasses__())


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_every_event_comes_back_as_it_was(event: ev.Event) -> None:
    line = encode_event(event)
    again = decode_event(line)
    assert again == event
    assert type(again) is type(event)
    assert json.loads(line)["type"] == type(event).__name__
    assert b"\n" not in line


def test_a_field_that_is_new_since_then_has_its_default() -> None:
    old = b'{"type":"CallReserved","at":"2026-11-23T09:00:00Z","call_id":"call_1.1","unknown":1}'
    with pytest.raises(msgspec.ValidationError, match="queue"):
        decode_event(old)
    agent = b'{"agent_id":"agent_a","login":"a","name":"A","extension":"1001"}'
    event = decode_event(b'{"type":"AgentRegistered","at":"2026-11-23T09:00:00Z","newer":1,"profile":' + agent + b"}")
    assert isinstance(event, ev.AgentRegistered)
    assert event.profile.skills == ()


@pytest.mark.parametrize("line", [b"", b"{}", b"[]", b'{"type":"Unheard"}', b'{"type":"CallRejoined"}', b"\xff"])
def test_what_is_no_event_is_refused(line: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_event(line)
