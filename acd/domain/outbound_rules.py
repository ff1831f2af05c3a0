"""Calls that agents place: their own phone first, then the number. What comes of it is wrapped up as any call."""

from __future__ import annotations

from collections.abc import Mapping

from acd.domain import commands as cmd
from acd.domain import events as ev
from acd.domain.agent import AfterCall, AgentState
from acd.domain.assignment import watch_offer
from acd.domain.call import Call, CallStage
from acd.domain.errors import WrongStateError
from acd.domain.ids import reservation_id_of
from acd.domain.ring_wishes import agent_first_wish
from acd.domain.turn import Rule, Turn
from acd.domain.work import CallKind, Plan

_MAY_CALL = frozenset({AgentState.READY, AgentState.NOT_READY})


def place_call(turn: Turn, command: cmd.PlaceCall) -> None:
    """The agent is reserved for their own call: nobody else's is offered meanwhile."""
    agent = turn.state.agent(command.agent_id)
    policy = turn.state.queue(command.queue)
    if agent.state not in _MAY_CALL:
        raise WrongStateError(f"{agent.profile.name} is {agent.state}; calls are placed when ready or not ready")
    if command.call_id in turn.state.calls:
        raise WrongStateError("that call is known already")
    ticket = command.context.linked_ticket
    reservation_id = reservation_id_of(command.call_id, 1)
    call = Call(
        call_id=command.call_id,
        linkedid=command.linkedid,
        channel="",
        called_number=command.far.number,
        caller=command.caller,
        started_at=turn.now,
        changed_at=turn.now,
        stage=CallStage.RESERVED,
        language=command.language,
        context=command.context,
        keyed_ticket=ticket.number if ticket else None,
        queue=policy.name,
        priority=policy.priority,
        attempts=1,
        reservation_id=reservation_id,
        agent_id=agent.agent_id,
        offered_at=turn.now,
        reasons=("placed by this agent",),
        kind=CallKind.OUTBOUND,
        plan=Plan(far=command.far, requested_at=turn.now),
    )
    was_ready = agent.state is AgentState.READY
    turn.happened(
        ev.OutgoingCallPlaced(
            at=turn.now,
            call=call,
            agent_id=agent.agent_id,
            reservation_id=reservation_id,
            after_call=None if was_ready else AfterCall(AgentState.NOT_READY, agent.reason),
        )
    )
    if (wish := agent_first_wish(call, agent, policy, reservation_id)) is not None:
        turn.wish(wish)
    watch_offer(turn, call, reservation_id)


RULES: Mapping[type[cmd.Command], Rule] = {cmd.PlaceCall: place_call}
