"""How an agent with a reservation is rung, by the kind of work."""

from __future__ import annotations

from datetime import timedelta

from acd.domain import effects as fx
from acd.domain.agent import Agent
from acd.domain.call import Call
from acd.domain.ids import ReservationId, attempt_channel
from acd.domain.queue import QueuePolicy
from acd.domain.work import CallbackPolicy, CallKind


def ring_time_of(policy: QueuePolicy) -> timedelta:
    """How long the far end rings."""
    return (policy.callback or CallbackPolicy()).ring_time


def ring_wish(
    call: Call, agent: Agent, policy: QueuePolicy, reservation_id: ReservationId, attempt: int
) -> fx.Effect | None:
    """None: no phone rings, the agent's screen says it."""
    if call.kind is CallKind.INBOUND:
        return fx.RingAgent(
            call_id=call.call_id,
            reservation_id=reservation_id,
            agent_id=agent.agent_id,
            extension=agent.profile.extension,
            offer_time=policy.offer_time,
        )
    if call.plan is None:
        return None
    return fx.CallAgentFirst(
        call_id=call.call_id,
        reservation_id=reservation_id,
        agent_id=agent.agent_id,
        extension=agent.profile.extension,
        offer_time=policy.offer_time,
        channel_id=attempt_channel(call.linkedid, attempt),
        far=call.plan.far,
        ring_time=ring_time_of(policy),
        detect_machines=call.kind is CallKind.CALLBACK and (policy.callback or CallbackPolicy()).detect_machines,
        shown=call.plan.far.number,
    )
