"""Why: the reasons of a match, and of a wait. Worked out from the state when asked, never on the way of a decision
but for the few words that every reservation carries."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache

from msgspec import Struct

from acd.domain.agent import Agent, AgentState
from acd.domain.call import Call
from acd.domain.ids import AgentId, CallId, QueueName
from acd.domain.priorities import QUEUES_OWN
from acd.domain.queue import PreferredBy
from acd.domain.state import State
from routing import AgentChoice, ItemChoice, Match, Needs, shortfalls
from routing.eligibility import proficiency

_PREFERRED = {
    PreferredBy.TICKET_OWNER: "owner of the caller's ticket",
    PreferredBy.LAST_AGENT: "spoke to this caller last",
    PreferredBy.NAMED: "named for this queue's calls",
    PreferredBy.SUPERVISOR: "given to this agent by a supervisor",
}


class Obstacle(Struct, frozen=True):
    """One reason why a call waits, and whom it holds for."""

    reason: str
    count: int
    agents: tuple[str, ...]  # names


# why this match ------------------------------------------------------------------------------------------------


def why_this_match(state: State, match: Match, now: datetime) -> tuple[str, ...]:
    """Why this agent, and why this call of all that the agent could take. Before the reservation is applied."""
    call = state.calls[CallId(match.item.item_id)]
    agent = state.agents[AgentId(match.candidate.agent_id)]
    if call.is_kept:
        why_agent: tuple[str, ...] = (_PREFERRED[call.rings[call.ring].by],)
    else:
        why_agent = (_meets(match.item.needs), _choice(state, match, agent))
    at_step = (f"after routing step {call.step}",) if call.step else ()
    return (*why_agent, *at_step, _turn_of(state, match, now))


@lru_cache(maxsize=4096)  # needs are few, and this stands on the way of every decision
def _meets(needs: Needs) -> str:
    return f"meets {needs}" if any(needs) else "no skill is required"


def _choice(state: State, match: Match, agent: Agent) -> str:
    who = match.candidate
    match state.queues[QueueName(match.item.queue)].agent_choice:
        case AgentChoice.LONGEST_IDLE:
            since = f"{agent.idle_since:%H:%M:%S}" if agent.idle_since else "now"
            return f"idle longest among the eligible, since {since}"
        case AgentChoice.LEAST_OCCUPIED:
            return f"least occupied among the eligible: {who.occupancy:.0%} of the shift"
        case AgentChoice.MOST_PROFICIENT:
            return f"most proficient among the eligible: {proficiency(match.item.needs, dict(who.skills))}"
        case AgentChoice.LEAST_PROFICIENT:
            return f"least proficient who suffices: {proficiency(match.item.needs, dict(who.skills))}"
        case AgentChoice.ROUND_ROBIN:
            return "next in turn for this queue"
        case AgentChoice.FEWEST_CALLS:
            return f"fewest calls among the eligible: {who.calls} since log-in"
        case AgentChoice.WEIGHTED_RANDOM:
            return "drawn by weight among the eligible"


def _turn_of(state: State, match: Match, now: datetime) -> str:
    waited = max(0.0, now.timestamp() - match.item.queued_at)
    taste = match.candidate.taste
    if taste is not None and taste.allocation:
        return f"the queue's share of this agent's calls; in the queue for {waited:.0f} s"
    if taste is not None and taste.preferences:
        return f"first of the queue this agent prefers; in the queue for {waited:.0f} s"
    if state.rules.item_choice is ItemChoice.GREATEST_NEED:
        target = state.queues[QueueName(match.item.queue)].service_level_time.total_seconds()
        return f"greatest need: {waited:.0f} s in the queue, of {target:.0f} s aimed at"
    call = state.calls[CallId(match.item.item_id)]
    why = why_this_priority(call, match.item.priority)
    priority = f"priority {match.item.priority}" + ("" if why in {"", QUEUES_OWN} else f" ({why})")
    if (worth := state.rules.priority_worth_seconds) is None:
        return f"first by {priority}, then by age: {waited:.0f} s in the queue"
    return f"first by age: {waited:.0f} s in the queue, {priority}, a step of which is worth {worth:g} s"


def why_this_priority(call: Call, priority: int) -> str:
    """`priority`: in force, which a routing step may have made another than the call came with."""
    if priority == call.priority:
        return call.priority_reason
    return f"since routing step {call.step}; before, {call.priority}: {call.priority_reason}"


# why it waits --------------------------------------------------------------------------------------------------


def why_waiting(state: State, call: Call) -> tuple[str, ...]:
    """One line per agent: the first reason why this call is not theirs."""
    return tuple(f"{agent.profile.name}: {reason}" for agent, reason in _reasons(state, call))


def obstacles(state: State, call: Call) -> tuple[Obstacle, ...]:
    """The same, counted and named; what holds for most agents first."""
    names: dict[str, list[str]] = {}
    for agent, reason in _reasons(state, call):
        names.setdefault(reason, []).append(agent.profile.name)
    found = [Obstacle(reason, len(agents), tuple(agents)) for reason, agents in names.items()]
    return tuple(sorted(found, key=lambda obstacle: (-obstacle.count, obstacle.reason)))


def _reasons(state: State, call: Call) -> Iterator[tuple[Agent, str]]:
    item = state.pool.item(call.call_id) if state.pool.has_item(call.call_id) else None
    needs = state.pool.needs_of(call.call_id) if item else state.stage_of(call).needs
    for agent in state.agents.values():
        if item is not None and item.only:
            lacking = "" if agent.agent_id in item.only else "the call is kept for another agent"
        else:
            lacking = next((str(shortfall) for shortfall in shortfalls(needs, agent.profile.skills)), "")
        yield agent, lacking or _doing(agent)


def _doing(agent: Agent) -> str:
    if agent.state is AgentState.WRAP_UP and agent.wrap_up_until:
        return f"wrap-up until {agent.wrap_up_until:%H:%M:%S}"
    if agent.state is AgentState.NOT_READY:
        return f"not ready ({agent.reason})"
    return agent.state.value.replace("_", " ")
