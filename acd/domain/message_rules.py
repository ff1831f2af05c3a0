"""Messages left for a queue: work items that no caller holds on for.

The agent accepts on the screen, listens, and wraps up; the ticket is there from the moment the message is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from acd.domain import commands as cmd
from acd.domain import effects as fx
from acd.domain import events as ev
from acd.domain.agent import Agent
from acd.domain.call import Call, CallStage, Reason
from acd.domain.call_rules import accept, end_with
from acd.domain.callback_rules import deflect
from acd.domain.errors import WrongStateError
from acd.domain.ids import AgentId, CallId, call_id_of
from acd.domain.priorities import ASKED_FOR, QUEUES_OWN, Priority
from acd.domain.state import State
from acd.domain.turn import Rule, Turn
from acd.domain.waiting_rules import put_in_queue
from acd.domain.work import CallKind, linkedid_of

LAST_PRIORITY = 9  # people on the line come first, unless the menu says otherwise
LISTEN_LIMIT = timedelta(minutes=30)  # nobody stays with a message for ever
_HAS_CALLER = frozenset({CallStage.ARRIVING, CallStage.IVR, CallStage.WAITING, CallStage.DETACHED, CallStage.ENDED})


def leave_message(turn: Turn, command: cmd.LeaveMessage) -> None:
    call = turn.state.calls.get(command.call_id)
    linkedid = linkedid_of(CallKind.VOICEMAIL, command.message.name.removesuffix(".wav"))
    message_id = call_id_of(linkedid)
    if call is None or call.kind is not CallKind.INBOUND or call.stage not in _HAS_CALLER:
        return
    if message_id in turn.state.calls:
        return
    policy = turn.state.queue(command.queue)
    message = Call(
        call_id=message_id,
        linkedid=linkedid,
        channel="",
        called_number=call.called_number,
        caller=call.caller,
        started_at=turn.now,
        changed_at=turn.now,
        language=call.language,
        context=call.context,
        ivr_path=call.ivr_path,
        flow=call.flow,
        keyed_ticket=call.keyed_ticket,
        queue=policy.name,
        kind=CallKind.VOICEMAIL,
        parent=call.call_id,
        message=command.message,
    )
    turn.happened(ev.WorkOpened(at=turn.now, call=message))
    if call.stage is not CallStage.ENDED:
        deflect(turn, call, message_id)
    place = cmd.EnqueueCall(call_id=message_id, queue=policy.name, skills=command.skills)
    asked = command.priority
    priority = Priority(LAST_PRIORITY, QUEUES_OWN) if asked is None else Priority(asked, ASKED_FOR)
    turn.wish(fx.RecordInteraction(call=message))
    turn.wish(fx.CommitTicket(call=message, agent_id=AgentId(""), to_qualify=True, note=_told(message)))
    put_in_queue(turn, message, policy, place, priority)


def _told(message: Call) -> str:
    kept = message.message
    return f"Voicemail of {kept.length.total_seconds():.0f} s, {kept.name}, sha256 {kept.sha256}" if kept else ""


def accept_message(turn: Turn, command: cmd.AcceptMessage) -> None:
    agent = turn.state.agent(command.agent_id)
    call = _message_of(turn.state, agent)
    if call.stage is not CallStage.RESERVED or call.reservation_id is None:
        raise WrongStateError(f"the message is {call.stage}, not offered")
    accept(turn, call, call.reservation_id)
    turn.wish(_limit(turn.state.calls[call.call_id], turn.now))


def finish_message(turn: Turn, command: cmd.FinishMessage) -> None:
    agent = turn.state.agents.get(command.agent_id)
    if agent is None:
        return
    call = _message_of(turn.state, agent)
    if call.stage is not CallStage.TALKING:
        raise WrongStateError(f"the message is {call.stage}, not being listened to")
    end_with(turn, call, Reason.AGENT_HUNG_UP)


def _message_of(state: State, agent: Agent) -> Call:
    call = state.calls.get(agent.call_id) if agent.call_id else None
    if call is None or call.kind is not CallKind.VOICEMAIL:
        raise WrongStateError(f"{agent.profile.name} has no message")
    return call


def expire_message(turn: Turn, command: cmd.ExpireMessage) -> None:
    call = turn.state.calls.get(command.call_id)
    if call is not None and call.kind is CallKind.VOICEMAIL and call.stage is CallStage.TALKING:
        end_with(turn, call, Reason.AGENT_HUNG_UP)


def _limit(call: Call, answered_at: datetime) -> fx.StartTimer:
    command = cmd.ExpireMessage(call_id=call.call_id)
    return fx.StartTimer(key=_timer(call.call_id), due_at=answered_at + LISTEN_LIMIT, command=command)


def _timer(call_id: CallId) -> str:
    return f"message:{call_id}"


def timers(state: State, now: datetime) -> Iterator[fx.StartTimer]:
    """Those that run for this state. (One may go on when its message is over; it then does nothing.)"""
    del now
    for call in state.calls.values():
        if call.kind is CallKind.VOICEMAIL and call.stage is CallStage.TALKING and call.answered_at is not None:
            yield _limit(call, call.answered_at)


RULES: Mapping[type[cmd.Command], Rule] = {
    cmd.LeaveMessage: leave_message,
    cmd.AcceptMessage: accept_message,
    cmd.FinishMessage: finish_message,
    cmd.ExpireMessage: expire_message,
}
