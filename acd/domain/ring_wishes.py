"""How an agent is rung for work that no caller holds on for: on a channel of their own, before the far end."""

from __future__ import annotations

from datetime import timedelta

from acd.domain import effects as fx
from acd.domain.agent import Agent
from acd.domain.call import Call
from acd.domain.ids import ReservationId, attempt_channel, attempt_of
from acd.domain.queue import QueuePolicy
from acd.domain.work import CallbackPolicy, CallKind


def ring_time_of(policy: QueuePolicy) -> timedelta:
    """How long the far end rings."""
    return (policy.callback or CallbackPolicy()).ring_time


def talk_channel(call: Call) -> str:
    """Id of the channel that stands for the whole talk: the caller's own, or the agent's, whose phone was first."""
    return call.linkedid if call.kind is CallKind.INBOUND else attempt_channel(call.linkedid, call.attempts)


def agent_first_wish(
    call: Call, agent: Agent, policy: QueuePolicy, reservation_id: ReservationId
) -> fx.CallAgentFirst | None:
    """None: nobody is to be called."""
    if call.plan is None:
        return None
    return fx.CallAgentFirst(
        call_id=call.call_id,
        reservation_id=reservation_id,
        agent_id=agent.agent_id,
        extension=agent.profile.extension,
        offer_time=policy.offer_time,
        channel_id=attempt_channel(call.linkedid, attempt_of(reservation_id)),
        far=call.plan.far,
        ring_time=ring_time_of(policy),
        detect_machines=call.kind is CallKind.CALLBACK and (policy.callback or CallbackPolicy()).detect_machines,
        shown=call.plan.far.number,
    )
