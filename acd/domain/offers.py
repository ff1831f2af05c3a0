"""How a call is offered: the phone rings at once, or once the agent has accepted on the screen, or answers itself."""

from __future__ import annotations

from acd.domain import effects as fx
from acd.domain.agent import Agent, AgentProfile
from acd.domain.call import Call
from acd.domain.ids import QueueName, ReservationId
from acd.domain.people import OfferMode, PeopleRules, whisper_of
from acd.domain.queue import QueuePolicy
from acd.domain.ring_wishes import agent_first_wish
from acd.domain.turn import Turn
from acd.domain.work import CallKind


def mode_for(rules: PeopleRules, profile: AgentProfile, policy: QueuePolicy) -> OfferMode:
    """The agent's own, else the first of a group they are in, else the queue's."""
    if own := dict(rules.agent_modes).get(profile.login):
        return own
    skills = dict(profile.skills)
    return next((mode for group, mode in rules.group_modes if skills.get(group)), policy.offer_mode)


def ring_wish(
    turn: Turn, call: Call, agent: Agent, reservation_id: ReservationId, mode: OfferMode
) -> fx.RingAgent | fx.CallAgentFirst | None:
    """None: no phone rings, the agent's screen says it."""
    policy = turn.state.queue(QueueName(call.queue or ""))
    if call.kind is not CallKind.INBOUND:
        return agent_first_wish(call, agent, policy, reservation_id)
    vip = turn.state.rules.people.vip_whisper
    return fx.RingAgent(
        call_id=call.call_id,
        reservation_id=reservation_id,
        agent_id=agent.agent_id,
        extension=agent.profile.extension,
        offer_time=policy.offer_time,
        is_auto_answer=mode is OfferMode.AUTO_ANSWER,
        whisper=whisper_of(policy.whisper, vip, call.language, is_vip=call.caller.is_vip),
    )


def awaits_acceptance(call: Call) -> bool:
    return call.offer_mode is OfferMode.ACCEPT and call.offer_accepted_at is None
