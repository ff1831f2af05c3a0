"""What happens to a call: one function per command."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from msgspec.structs import replace

from acd.domain import commands as cmd
from acd.domain import effects as fx
from acd.domain import events as ev
from acd.domain.agent import BUSY_STATES, AfterCall, AgentState, NotReadyReason
from acd.domain.agent_rules import start_wrap_up
from acd.domain.arrangement import Arrangement
from acd.domain.assignment import bench, match_agent, match_call, settle_reservation, watch_offer
from acd.domain.call import Call, CallStage, Reason, Result, Termination
from acd.domain.consultation import arrange, end_consult
from acd.domain.ids import AgentId, QueueName, ReservationId, reservation_id_of
from acd.domain.offer_rules import withdraw_offer
from acd.domain.offers import awaits_acceptance
from acd.domain.phone_rules import be_ready
from acd.domain.recording_rules import stop_recording
from acd.domain.talk import TalkMode
from acd.domain.talk_rules import reject_consult
from acd.domain.turn import Rule, Turn
from acd.domain.waiting_rules import agent_left, forget_steps, progress
from acd.domain.work import CallKind, kind_of

_BEFORE_QUEUE = frozenset({CallStage.ARRIVING, CallStage.IVR, CallStage.DETACHED})
AGENT_ELSEWHERE = "agent_elsewhere"  # cause: no wrap-up follows
_OWN_TIMERS = {CallKind.CALLBACK: "callback", CallKind.VOICEMAIL: "message"}
_LOSES_CONTROL = frozenset({CallStage.ARRIVING, CallStage.IVR, CallStage.WAITING, CallStage.RESERVED})
_GOES_ON_ALONE = frozenset({CallStage.TALKING, CallStage.FORWARDED})


def start_call(turn: Turn, command: cmd.StartCall) -> None:
    known = turn.state.calls.get(command.call_id)
    if known is not None:
        turn.happened(ev.CallRejoined(at=turn.now, call_id=known.call_id, channel=command.channel))
        return
    turn.happened(
        ev.CallStarted(
            at=turn.now,
            call_id=command.call_id,
            linkedid=command.linkedid,
            channel=command.channel,
            called_number=command.called_number,
            caller=command.caller,
            language=command.language,
            started_at=min(command.started_at or turn.now, turn.now),
        )
    )


def report_control_lost(turn: Turn, command: cmd.ReportControlLost) -> None:
    """A call that rings or talks goes on in Dial's own hands, and AMI still tells of it. But after a ring in vain it
    must not be offered before it is back: nobody could be rung, and one agent after the other would pay for it."""
    call = turn.state.calls.get(command.call_id)
    if call is None or not call.is_controlled or call.stage not in _LOSES_CONTROL | _GOES_ON_ALONE:
        return
    if call.kind is CallKind.INBOUND or call.stage is CallStage.RESERVED:  # else it has no channel to lose
        if call.stage is CallStage.WAITING:
            forget_steps(turn, call)
        turn.happened(ev.CallDetached(at=turn.now, call_id=call.call_id))
        if call.stage is CallStage.RESERVED and awaits_acceptance(call):
            withdraw_offer(turn, call)


def identify_caller(turn: Turn, command: cmd.IdentifyCaller) -> None:
    if command.call_id in turn.state.calls:
        turn.happened(
            ev.CallerIdentified(at=turn.now, call_id=command.call_id, caller=command.caller, context=command.context)
        )


def record_ivr_path(turn: Turn, command: cmd.RecordIvrPath) -> None:
    call = turn.state.calls.get(command.call_id)
    if call is not None and call.stage in _BEFORE_QUEUE:
        turn.happened(
            ev.IvrPathRecorded(
                at=turn.now,
                call_id=call.call_id,
                path=command.path,
                language=command.language,
                flow=command.flow,
                flow_version=command.flow_version,
            )
        )


def keep_keyed_ticket(turn: Turn, command: cmd.KeepKeyedTicket) -> None:
    if command.call_id in turn.state.calls:
        turn.happened(ev.TicketKeyed(at=turn.now, call_id=command.call_id, context=command.context))


def report_ringing(turn: Turn, command: cmd.ReportRinging) -> None:
    call = turn.state.reserved_call(command.call_id, command.reservation_id)
    if call is not None and call.ringing_at is None and call.agent_id is not None:
        turn.happened(
            ev.AgentRang(
                at=turn.now,
                call_id=call.call_id,
                reservation_id=command.reservation_id,
                agent_id=call.agent_id,
            )
        )


def report_answer(turn: Turn, command: cmd.ReportAnswer) -> None:
    call = turn.state.reserved_call(command.call_id, command.reservation_id)
    if call is None or call.agent_id is None:
        return
    accept(turn, call, command.reservation_id)


def accept(turn: Turn, call: Call, reservation_id: ReservationId) -> None:
    """The talk begins, with whom the call is reserved for."""
    if call.agent_id is None:
        return
    turn.happened(
        ev.ReservationAccepted(
            at=turn.now,
            call_id=call.call_id,
            queue=QueueName(call.queue or ""),
            reservation_id=reservation_id,
            agent_id=call.agent_id,
            wait_seconds=_waited(call, turn.now) or 0.0,
        )
    )
    settle_reservation(turn, reservation_id)
    forget_steps(turn, call)
    turn.wish(fx.RecordInteraction(call=turn.state.calls[call.call_id]))


def report_no_answer(turn: Turn, command: cmd.ReportNoAnswer) -> None:
    call = turn.state.reserved_call(command.call_id, command.reservation_id)
    if call is None or call.agent_id is None or call.dialled_at is not None:
        return  # an agent who is on the line has answered
    if call.kind is CallKind.OUTBOUND:
        _end(turn, call, Reason.AGENT_NOT_REACHED)
        return
    turn.happened(
        ev.ReservationTimedOut(
            at=turn.now,
            call_id=call.call_id,
            queue=QueueName(call.queue or ""),
            reservation_id=command.reservation_id,
            agent_id=call.agent_id,
        )
    )
    _give_up_ringing(turn, call, call.agent_id, NotReadyReason.RONA)


def expire_offer(turn: Turn, command: cmd.ExpireOffer) -> None:
    """Dial has a limit of its own and tells of it as long as a flow holds the channel. If it says nothing then,
    somebody has answered and AMI, which would have told, is away: such a talk must not be taken for a ring in vain."""
    call = turn.state.reserved_call(command.call_id, command.reservation_id)
    if call is None:
        return
    has_line = call.kind is CallKind.INBOUND or call.dialled_at is not None
    if call.is_controlled and has_line and not awaits_acceptance(call):
        watch_offer(turn, call, command.reservation_id)
    else:
        report_no_answer(turn, cmd.ReportNoAnswer(call_id=call.call_id, reservation_id=command.reservation_id))


def report_ring_failed(turn: Turn, command: cmd.ReportRingFailed) -> None:
    call = turn.state.reserved_call(command.call_id, command.reservation_id)
    if call is None or call.agent_id is None:
        return
    if call.kind is CallKind.OUTBOUND:
        _end(turn, call, Reason.AGENT_NOT_REACHED)
        return
    _rescind(turn, call, command.reservation_id, call.agent_id, command.cause)
    _give_up_ringing(turn, call, call.agent_id, command.cause)


def _rescind(turn: Turn, call: Call, reservation_id: ReservationId, agent_id: AgentId, cause: str) -> None:
    turn.happened(
        ev.ReservationRescinded(
            at=turn.now,
            call_id=call.call_id,
            queue=QueueName(call.queue or ""),
            reservation_id=reservation_id,
            agent_id=agent_id,
            cause=cause,
        )
    )


def take_back_offer(turn: Turn, call: Call, then: Callable[[], None]) -> None:
    """The agent talks to somebody else: the call goes back to its place. `then`: what becomes of the agent, who is not
    offered a call in between."""
    if call.reservation_id is None or call.agent_id is None:
        return
    if call.kind is CallKind.OUTBOUND:
        _forget_own_call(turn, call, call.reservation_id, call.agent_id)
        then()
        _end(turn, turn.state.calls[call.call_id], Reason.AGENT_NOT_REACHED)
        return
    _rescind(turn, call, call.reservation_id, call.agent_id, NotReadyReason.PHONE_BUSY)
    settle_reservation(turn, call.reservation_id)
    turn.wish(fx.StopRinging(call_id=call.call_id, reservation_id=call.reservation_id))
    then()
    if turn.state.pool.has_item(call.call_id):
        progress(turn, call.call_id)
    if turn.state.pool.has_item(call.call_id):
        match_call(turn, call.call_id)


def _forget_own_call(turn: Turn, call: Call, reservation_id: ReservationId, agent_id: AgentId) -> None:
    """A call the agent was about to place, who talks to somebody else instead."""
    settle_reservation(turn, reservation_id)
    turn.wish(fx.StopRinging(call_id=call.call_id, reservation_id=reservation_id))
    turn.happened(
        ev.FarEndNotReached(
            at=turn.now,
            call_id=call.call_id,
            queue=QueueName(call.queue or ""),
            reservation_id=reservation_id,
            agent_id=agent_id,
            cause=AGENT_ELSEWHERE,
            tries=0,
            next_at=None,
        )
    )


def reject_reservation(turn: Turn, command: cmd.RejectReservation) -> None:
    agent = turn.state.agent(command.agent_id)
    if reject_consult(turn, agent) or agent.call_id is None or agent.reservation_id is None:
        return
    call = turn.state.reserved_call(agent.call_id, agent.reservation_id)
    if call is None:
        return  # answered at that very moment
    if call.kind is CallKind.OUTBOUND:
        _end(turn, call, Reason.AGENT_HUNG_UP)
        return
    turn.happened(
        ev.ReservationRejected(
            at=turn.now,
            call_id=call.call_id,
            queue=QueueName(call.queue or ""),
            reservation_id=agent.reservation_id,
            agent_id=agent.agent_id,
            reason=command.reason,
        )
    )
    _give_up_ringing(turn, call, agent.agent_id, command.reason or NotReadyReason.REJECTED)


def _give_up_ringing(turn: Turn, call: Call, agent_id: AgentId, reason: str) -> None:
    """The agent steps aside first, so that the call is not offered to the same one again."""
    if call.reservation_id is not None:
        settle_reservation(turn, call.reservation_id)
        turn.wish(fx.StopRinging(call_id=call.call_id, reservation_id=call.reservation_id))
    agent = turn.state.agents[agent_id]
    bench(turn, agent, reason)
    if turn.state.pool.has_item(call.call_id):
        progress(turn, call.call_id)
        match_call(turn, call.call_id)
    agent_left(turn, agent)


def adopt_talk(turn: Turn, command: cmd.AdoptTalk) -> None:
    """Nothing is adopted of which the state knows better, or that it cannot carry on (a queue or agent removed). A
    call whose channel was lost may have found this agent before it was."""
    found = command.call
    agent = turn.state.agents.get(found.agent_id) if found.agent_id else None
    known = turn.state.calls.get(found.call_id)
    is_held = known is not None and known.stage is not CallStage.DETACHED
    is_known = is_held or QueueName(found.queue or "") not in turn.state.queues
    if is_known or agent is None or agent.state in BUSY_STATES:
        return
    attempts = max(1, found.attempts + (known is not None))
    call = replace(
        found,
        stage=CallStage.TALKING,
        is_controlled=False,
        attempts=attempts,
        reservation_id=reservation_id_of(found.call_id, attempts),
        answered_at=min(found.answered_at or turn.now, turn.now),
        changed_at=turn.now,
    )
    after_call = AfterCall(AgentState.LOGGED_OUT) if agent.state is AgentState.LOGGED_OUT else None
    turn.happened(ev.TalkAdopted(at=turn.now, call=call, agent_id=agent.agent_id, after_call=after_call))
    turn.wish(fx.RecordInteraction(call=call))


def settle_call(turn: Turn, command: cmd.SettleCall) -> None:
    call = command.call
    if call.call_id in turn.state.calls or call.agent_id is None:
        return
    ended = replace(
        call,
        stage=CallStage.ENDED,
        ended_at=call.ended_at or turn.now,
        changed_at=turn.now,
        termination=call.termination or Termination(Result.ANSWERED, Reason.CHANNEL_GONE),
    )
    turn.wish(fx.CommitTicket(call=ended, agent_id=call.agent_id, to_qualify=True, wrap_up_ended_at=turn.now))


def report_talk_ended(turn: Turn, command: cmd.ReportTalkEnded) -> None:
    call = turn.state.calls.get(command.call_id)
    if call is None or call.stage is not CallStage.TALKING or call.talk_ended_at is not None:
        return
    if call.reservation_id == command.reservation_id:
        _end_talk(turn, call)


def _end_talk(turn: Turn, call: Call) -> None:
    end_consult(turn, call, "talk_over", TalkMode.TALKING)
    close_talk(turn, turn.state.calls[call.call_id])
    arrange(turn, call, Arrangement.OVER)


def close_talk(turn: Turn, call: Call, transferred: ev.CallTransferred | None = None) -> None:
    """The agent's part is over, the wrap-up begins. `transferred`: what becomes of the caller, told in between."""
    agent_id, answered_at = call.agent_id, call.answered_at
    if agent_id is None or answered_at is None:
        return
    queue = QueueName(call.queue or "")
    seconds = (turn.now - answered_at).total_seconds()
    turn.happened(ev.TalkEnded(at=turn.now, call_id=call.call_id, queue=queue, agent_id=agent_id, talk_seconds=seconds))
    if transferred is not None:
        turn.happened(transferred)
    start_wrap_up(turn, turn.state.agents[agent_id], call)


def end_call(turn: Turn, command: cmd.EndCall) -> None:
    call = turn.state.calls.get(command.call_id)
    if call is not None and call.stage is not CallStage.ENDED:
        _end(turn, call, command.reason)


def reconcile(turn: Turn, command: cmd.Reconcile) -> None:
    gone = [
        call
        for call in turn.state.calls.values()
        if call.linkedid not in command.live_linkedids and _has_channel_since(call, command.observed_at)
    ]
    # Those who wait first: an agent set free by one who is gone must not be given to another who is gone too.
    for call in sorted(gone, key=lambda call: call.agent_id is not None):
        if call.stage is not CallStage.ENDED:
            _end(turn, call, Reason.CHANNEL_GONE)


def _has_channel_since(call: Call, observed_at: datetime) -> bool:
    if call.kind is CallKind.INBOUND:
        return call.started_at < observed_at
    is_talking = call.kind is not CallKind.VOICEMAIL and call.stage is CallStage.TALKING
    return is_talking and (call.answered_at or call.changed_at) < observed_at


def end_with(turn: Turn, call: Call, reason: Reason) -> None:
    """The end of a call, wherever it stands now; its agent is seen to."""
    if call.stage is not CallStage.ENDED:
        _end(turn, call, reason)


def _end(turn: Turn, call: Call, reason: Reason) -> None:
    waited = None if call.is_answered else _waited(call, turn.now)
    if call.stage is CallStage.TALKING and call.talk_ended_at is None:
        _end_talk(turn, call)
    freed = cancel_reservation(turn, call) if call.stage is CallStage.RESERVED else None
    termination = Termination(_result(turn, call, reason, waited), reason)
    ended = replace(
        turn.state.calls[call.call_id],
        stage=CallStage.ENDED,
        ended_at=turn.now,
        changed_at=turn.now,
        termination=termination,
    )
    stop_recording(turn, call.call_id, "call_ended")
    turn.happened(
        ev.CallEnded(at=turn.now, call_id=call.call_id, queue=call.queue, termination=termination, wait_seconds=waited)
    )
    turn.wish(fx.RecordInteraction(call=ended))
    if call.stage in {CallStage.WAITING, CallStage.RESERVED}:
        forget_steps(turn, call)
    if call.kind in _OWN_TIMERS:
        turn.wish(fx.CancelTimer(key=f"{_OWN_TIMERS[call.kind]}:{call.call_id}"))
    if freed is not None:
        match_agent(turn, freed)


def cancel_reservation(turn: Turn, call: Call) -> AgentId | None:
    """The caller left while the phone rang: the agent is ready again and keeps the place among the idle."""
    if call.reservation_id is None or call.agent_id is None:
        return None
    agent = turn.state.agents[call.agent_id]
    turn.happened(
        ev.ReservationCanceled(
            at=turn.now,
            call_id=call.call_id,
            queue=QueueName(call.queue or ""),
            reservation_id=call.reservation_id,
            agent_id=agent.agent_id,
        )
    )
    settle_reservation(turn, call.reservation_id)
    turn.wish(fx.StopRinging(call_id=call.call_id, reservation_id=call.reservation_id))
    if agent.after_call is not None:
        bench(turn, agent, agent.after_call.reason)
        agent_left(turn, agent)
        return None
    return agent.agent_id if be_ready(turn, agent.agent_id, agent.idle_since or turn.now) else None


def _result(turn: Turn, call: Call, reason: Reason, waited: float | None) -> Result:
    if call.is_answered:
        return Result.ANSWERED
    if reason is Reason.SERVICE_ERROR:
        return Result.FAILED
    if call.kind is not CallKind.INBOUND:
        called_off = {Reason.CALLER_RANG_AGAIN, Reason.CALLED_OFF}
        return Result.CANCELED if reason in called_off or call.kind is CallKind.VOICEMAIL else Result.NOT_REACHED
    if call.deflected_to is not None:
        is_message = kind_of(call.deflected_to) is CallKind.VOICEMAIL
        return Result.MESSAGE_LEFT if is_message else Result.CALLBACK_BOOKED
    if call.turned_away is not None or (call.queue is None and call.overflows):
        return Result.TURNED_AWAY
    if call.queue is None and call.handovers:
        return Result.ANSWERED  # by an agent, who sent it into the menus
    if call.incident_id and call.queue is None:
        return Result.DEFLECTED
    if call.queue is None:
        return Result.COMPLETED_IN_IVR if reason is Reason.FLOW_ENDED else Result.LEFT_IVR
    limit = turn.state.queue(call.queue).short_abandon_time.total_seconds()
    return Result.SHORT_ABANDONED if waited is not None and waited < limit else Result.ABANDONED


def _waited(call: Call, now: datetime) -> float | None:
    return None if call.queued_at is None else (now - call.queued_at).total_seconds()


RULES: Mapping[type[cmd.Command], Rule] = {
    cmd.StartCall: start_call,
    cmd.IdentifyCaller: identify_caller,
    cmd.RecordIvrPath: record_ivr_path,
    cmd.KeepKeyedTicket: keep_keyed_ticket,
    cmd.ReportRinging: report_ringing,
    cmd.ReportAnswer: report_answer,
    cmd.ReportNoAnswer: report_no_answer,
    cmd.ReportRingFailed: report_ring_failed,
    cmd.RejectReservation: reject_reservation,
    cmd.ReportTalkEnded: report_talk_ended,
    cmd.ReportControlLost: report_control_lost,
    cmd.AdoptTalk: adopt_talk,
    cmd.SettleCall: settle_call,
    cmd.EndCall: end_call,
    cmd.Reconcile: reconcile,
}
