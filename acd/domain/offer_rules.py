"""Offers that agents accept on the screen before their phone rings."""

from __future__ import annotations

from collections.abc import Mapping

from acd.domain import commands as cmd
from acd.domain import events as ev
from acd.domain.agent import AgentState
from acd.domain.assignment import bench, match_agent, settle_reservation, watch_offer
from acd.domain.call import Call
from acd.domain.errors import WrongStateError
from acd.domain.ids import QueueName
from acd.domain.offers import awaits_acceptance, ring_wish
from acd.domain.people import OfferMode
from acd.domain.phone_rules import be_ready
from acd.domain.turn import Rule, Turn
from acd.domain.waiting_rules import agent_left


def accept_offer(turn: Turn, command: cmd.AcceptOffer) -> None:
    """On the screen. Accepted twice, or rung already: nothing is left to do."""
    agent = turn.state.agent(command.agent_id)
    call = turn.state.calls.get(agent.call_id) if agent.call_id else None
    if agent.state is not AgentState.RESERVED or call is None or agent.reservation_id is None:
        raise WrongStateError(f"{agent.profile.name} is {agent.state}: no call is offered")
    if not awaits_acceptance(call):
        return
    turn.happened(
        ev.OfferAccepted(
            at=turn.now, call_id=call.call_id, reservation_id=agent.reservation_id, agent_id=agent.agent_id
        )
    )
    if (wish := ring_wish(turn, call, agent, agent.reservation_id, OfferMode.RING)) is not None:
        turn.wish(wish)
    watch_offer(turn, call, agent.reservation_id)


def withdraw_offer(turn: Turn, call: Call) -> None:
    """The caller's channel is out of reach before anything rang: not the agent's fault, who is as ready as before."""
    if call.reservation_id is None or call.agent_id is None:
        return
    agent = turn.state.agents[call.agent_id]
    settle_reservation(turn, call.reservation_id)
    turn.happened(
        ev.ReservationRescinded(
            at=turn.now,
            call_id=call.call_id,
            queue=QueueName(call.queue or ""),
            reservation_id=call.reservation_id,
            agent_id=agent.agent_id,
            cause="control_lost",
        )
    )
    if agent.after_call is not None:
        bench(turn, agent, agent.after_call.reason)
        agent_left(turn, agent)
    elif be_ready(turn, agent.agent_id, agent.idle_since or turn.now):
        match_agent(turn, agent.agent_id)


RULES: Mapping[type[cmd.Command], Rule] = {cmd.AcceptOffer: accept_offer}
