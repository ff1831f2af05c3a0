"""Handing a talk on: blind, after a consultation, out of a conference, by a supervisor; and taking a call by hand."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from acd.domain import commands as cmd
from acd.domain import effects as fx
from acd.domain import events as ev
from acd.domain.agent import Agent, AgentState, Draft
from acd.domain.arrangement import Arrangement, arrangement_of
from acd.domain.assignment import reserve_for
from acd.domain.call import Call, CallStage, Ring
from acd.domain.call_rules import close_talk
from acd.domain.consultation import arrange, consult_timer, end_consult
from acd.domain.errors import NotPermittedError, WrongStateError
from acd.domain.ids import AgentId, reservation_id_of
from acd.domain.outgoing import FarEnd
from acd.domain.priorities import Priority
from acd.domain.talk import Consult, ConsultStage, Destination, Handover, TalkMode
from acd.domain.talk_rules import answered_consult, be_free, has_caller, own_talk, queue_of, reachable
from acd.domain.turn import Rule, Turn
from acd.domain.waiting_rules import put_in_queue

KEPT_TIME = timedelta(seconds=60)  # a call sent to one agent is kept for them so long, then its queue has it again
_PRESENT = frozenset({AgentState.READY, AgentState.RESERVED, AgentState.TALKING, AgentState.WRAP_UP})


# blind -------------------------------------------------------------------------------------------------------------


def transfer_call(turn: Turn, command: cmd.TransferCall) -> None:
    call = own_talk(turn, command.agent_id)
    to = command.to
    if sum(map(bool, (to.agent_id, to.queue, to.flow, to.number))) != 1:
        raise WrongStateError("say one place to send the call to: an agent, a queue, a flow or a number")
    if to.queue is not None:
        turn.state.queue(to.queue)
    far_end = reachable(turn.state, to.number) if to.number else None
    if far_end is not None and not far_end.trunk:
        raise WrongStateError("that is an extension: send the call to the agent there, or consult it")
    if to.agent_id is not None:
        _can_be_sent_to(turn, call, to.agent_id)
    _send(turn, call, to, title=command.title, note=command.note, far_end=far_end)


def _can_be_sent_to(turn: Turn, call: Call, agent_id: AgentId) -> None:
    agent = turn.state.agent(agent_id)
    if agent_id == call.agent_id:
        raise WrongStateError("that is yourself")
    if agent.state not in _PRESENT or agent.after_call is not None:
        raise WrongStateError(f"{agent.profile.name} is {agent.state} and cannot be sent calls")


def _send(
    turn: Turn,
    call: Call,
    to: Destination,
    *,
    title: str = "",
    note: str = "",
    how: str = "",
    taker: Agent | None = None,
    far_end: FarEnd | None = None,
) -> None:
    """`taker`: whose phone rings at once, asking no queue. `far_end`: of `to.number`."""
    before = call
    end_consult(turn, call, "transferred", TalkMode.TALKING)
    kind, name = _named(turn, to) if taker is None else (how, taker.profile.name)
    transferred = ev.CallTransferred(
        at=turn.now,
        call_id=call.call_id,
        queue=queue_of(call),
        agent_id=call.agent_id or AgentId(""),
        handover=_handover(turn, call, (kind, name), title=title, note=note),
        to_agent=to.agent_id,
        far_end=far_end,
        flow=to.flow,
    )
    close_talk(turn, turn.state.calls[call.call_id], transferred)
    arrange(turn, before, Arrangement.AWAY)
    if to.agent_id is not None or to.queue is not None:
        _back_to_queue(turn, before, to, taker)
    turn.wish(fx.RecordInteraction(call=turn.state.calls[call.call_id]))


def _named(turn: Turn, to: Destination) -> tuple[str, str]:
    if to.agent_id is not None:
        return "agent", turn.state.agent(to.agent_id).profile.name
    if to.queue is not None:
        return "queue", turn.state.queue(to.queue).label
    return ("flow", to.flow) if to.flow else ("number", to.number)


def _handover(turn: Turn, call: Call, to: tuple[str, str], *, title: str, note: str) -> Handover:
    agent_id = call.agent_id or AgentId("")
    agent = turn.state.agents.get(agent_id)
    draft = (agent.draft if agent else None) or Draft()
    return Handover(
        agent_id=agent_id,
        agent_name=agent.profile.name if agent else agent_id,
        queue=call.queue,
        answered_at=call.answered_at or turn.now,
        ended_at=turn.now,
        to=to[0],
        to_name=to[1],
        title=title or draft.title,
        note=note or draft.note,
    )


def _back_to_queue(turn: Turn, before: Call, to: Destination, taker: Agent | None = None) -> None:
    """With its age, priority and what it asked for. A call whose session is away queues when it is back."""
    call = turn.state.calls[before.call_id]
    if not call.is_controlled:
        return
    policy = turn.state.queue(to.queue or queue_of(before))
    place = cmd.EnqueueCall(
        call_id=call.call_id,
        queue=policy.name,
        priority=before.priority,
        skills=before.skills,
        queued_at=turn.now,
        place_at=before.place_at or before.queued_at,
        attributes=before.attributes,
    )
    priority = Priority(before.priority, before.priority_reason)
    rings = (Ring((to.agent_id,), KEPT_TIME),) if to.agent_id is not None else ()
    put_in_queue(turn, call, policy, place, priority, first=rings, taker=taker)


def report_forward_failed(turn: Turn, command: cmd.ReportForwardFailed) -> None:
    """Nobody there: back to the head of the queue it came from."""
    call = turn.state.calls.get(command.call_id)
    if call is None or call.stage is not CallStage.FORWARDED or not call.is_controlled:
        return
    if call.queue is None or call.queue not in turn.state.queues:
        return
    turn.happened(ev.ForwardFailed(at=turn.now, call_id=call.call_id, queue=call.queue, cause=command.cause))
    _back_to_queue(turn, call, Destination(queue=call.queue))


# after a consultation ----------------------------------------------------------------------------------------------


def complete_transfer(turn: Turn, command: cmd.CompleteTransfer) -> None:
    call = own_talk(turn, command.agent_id)
    hand_over(turn, call, answered_consult(call), title=command.title, note=command.note)


def hand_over(turn: Turn, call: Call, consult: Consult, *, title: str = "", note: str = "") -> None:
    """Caller and consulted party go on without this agent."""
    consulted = turn.state.agents.get(consult.agent_id) if consult.agent_id else None
    name = consulted.profile.name if consulted else consult.to.number
    attempt = call.attempts + 1
    if call.talk_mode is TalkMode.CONFERENCE and call.agent_id is not None:
        turn.happened(
            ev.ConferenceEnded(
                at=turn.now, call_id=call.call_id, queue=queue_of(call), agent_id=call.agent_id, cause="agent_left"
            )
        )
    transferred = ev.CallTransferred(
        at=turn.now,
        call_id=call.call_id,
        queue=queue_of(call),
        agent_id=call.agent_id or AgentId(""),
        handover=_handover(turn, call, ("consulted", name), title=title, note=note),
        to_agent=consult.agent_id,
        reservation_id=reservation_id_of(call.call_id, attempt) if consulted else None,
        attempt=attempt,
        far_end=None if consulted else consult.to,
    )
    close_talk(turn, call, transferred)
    arrange(turn, call, Arrangement.HANDED_OVER)
    turn.wish(fx.CancelTimer(key=consult_timer(consult)))
    turn.wish(fx.RecordInteraction(call=turn.state.calls[call.call_id]))


def report_agent_gone(turn: Turn, command: cmd.ReportAgentGone) -> None:
    """The agent hung up while the caller was not (only) with them. Asking somebody and hanging up is a transfer, as on
    any telephone."""
    call = turn.state.calls.get(command.call_id)
    if call is None or call.agent_id != command.agent_id or arrangement_of(call) is Arrangement.TOGETHER:
        return
    if call.stage is not CallStage.TALKING or call.talk_ended_at is not None:
        return
    consult = call.consult
    if consult is None or consult.stage is ConsultStage.PARKED:
        end_consult(turn, call, "talk_over", TalkMode.TALKING)
        close_talk(turn, turn.state.calls[call.call_id])
        arrange(turn, call, Arrangement.OVER)
    elif consult.stage is ConsultStage.TALKING:
        hand_over(turn, call, consult)
    elif consult.agent_id is not None:
        _send(turn, call, Destination(agent_id=consult.agent_id))
    elif consult.is_outside:
        _send(turn, call, Destination(number=consult.to.number), far_end=consult.to)
    else:
        _send(turn, call, Destination(queue=queue_of(call)))


# by hand -----------------------------------------------------------------------------------------------------------


def pick_up_call(turn: Turn, command: cmd.PickUpCall) -> None:
    agent = turn.state.agent(command.agent_id)
    call = turn.state.call(command.call_id)
    _is_at_hand(agent)
    if not turn.state.pool.has_item(call.call_id):
        raise WrongStateError(f"the call is {call.stage}, not waiting")
    if not turn.state.queue(queue_of(call)).pick_up:
        raise NotPermittedError(f"calls of {call.queue} are not taken by hand (pick_up)")
    reserve_for(turn, call, agent, (f"picked up by {agent.profile.name}",))


def _is_at_hand(agent: Agent) -> None:
    if agent.state not in {AgentState.READY, AgentState.NOT_READY}:
        raise WrongStateError(f"{agent.profile.name} is {agent.state}")


def take_over_call(turn: Turn, command: cmd.TakeOverCall) -> None:
    agent = turn.state.agent(command.agent_id)
    call = turn.state.call(command.call_id)
    if call.stage is not CallStage.TALKING or call.talk_ended_at is not None or call.agent_id is None:
        raise WrongStateError("nobody talks to this caller")
    has_caller(call)
    be_free(agent, call.agent_id)
    if not call.is_controlled:
        raise WrongStateError("the call is not under control at this moment: try again")
    _send(turn, call, Destination(queue=queue_of(call)), how="taken_over", taker=agent)


RULES: Mapping[type[cmd.Command], Rule] = {
    cmd.TransferCall: transfer_call,
    cmd.ReportForwardFailed: report_forward_failed,
    cmd.CompleteTransfer: complete_transfer,
    cmd.ReportAgentGone: report_agent_gone,
    cmd.PickUpCall: pick_up_call,
    cmd.TakeOverCall: take_over_call,
}
