"""What routing promises of each reservation and each explanation, said a second time without the index."""

from __future__ import annotations

import re

from acd.domain import events as ev
from acd.domain.agent import Agent, AgentState
from acd.domain.call import Call, CallStage
from acd.domain.engine import Engine
from acd.domain.state import State
from tests.unit.routing.brute_force import may_take


def needs_now(state: State, call: Call) -> tuple[object, ...]:
    """What a waiting call asks for: its stage's needs, and the help of a reserve that is called up."""
    assert call.queue is not None
    needs = state.stage_of(call).needs
    reserve = state.queues[call.queue].reserve
    if reserve is not None and state.pool.is_reserve_called(call.queue) and reserve.group not in needs.also:
        return needs._replace(also=(*needs.also, reserve.group))
    return needs


def can_take(state: State, call: Call, agent: Agent) -> bool:
    if call.is_kept:
        return agent.agent_id in call.rings[call.ring].agents
    return may_take(needs_now(state, call), dict(agent.profile.skills))  # type: ignore[arg-type]


def place_of(state: State, call: Call) -> tuple[float, float, str]:
    """Its static key."""
    place_at = (call.place_at or call.queued_at or call.started_at).timestamp()
    priority, worth = state.stage_of(call).priority, state.rules.priority_worth_seconds
    if worth is None:
        return (priority, place_at, call.call_id)
    return (0.0, place_at + (priority - 5) * worth, call.call_id)


def check_reservation(before: State, event: ev.CallReserved) -> None:
    """`before`: the state that this event is about to change."""
    call, agent = before.calls[event.call_id], before.agents[event.agent_id]
    assert call.stage is CallStage.WAITING, "reserved twice"
    assert agent.state is AgentState.READY, "reserved while busy"
    assert call.is_controlled
    assert can_take(before, call, agent), (call, agent)
    equals = [
        other
        for other in before.calls.values()
        if other.stage is CallStage.WAITING
        and not other.is_kept
        and not call.is_kept
        and other.queue == call.queue
        and needs_now(before, other) == needs_now(before, call)
    ]
    if not call.is_kept:
        first = min(equals, key=lambda other: place_of(before, other))
        assert first.call_id == call.call_id, "passed over"
    assert event.reasons, "no reason is given"


def check_explanation(engine: Engine, call: Call) -> None:
    """One reason for each agent; that it is about skills exactly when the agent may not take the call at any time."""
    state = engine.state
    told = engine.why_waiting(call.call_id)
    assert len(told) == len(state.agents)
    for agent, line in zip(state.agents.values(), told, strict=True):
        name, _, reason = line.partition(": ")
        assert name == agent.profile.name
        is_of_skills = reason.startswith(("lacks ", "excluded by ", "the call is kept"))
        assert is_of_skills != can_take(state, call, agent), line
        if reason.startswith(("lacks ", "excluded by ")):
            check_shortfall(reason, dict(agent.profile.skills))
    obstacles = engine.outlook(call.call_id).obstacles
    assert sum(each.count for each in obstacles) == len(state.agents)
    assert all(each.count == len(each.agents) for each in obstacles)


def check_shortfall(reason: str, levels: dict[str, int]) -> None:
    """What it says of the agent's levels is true."""
    wanted = [(skill, int(level)) for skill, level in re.findall(r"(\w+)>=(\d+)", reason)]
    has = [skill in levels and levels[skill] >= level for skill, level in wanted]
    assert any(has) == reason.startswith("excluded by "), (reason, levels)
    if actual := re.search(r"\(has (\d+)\)", reason):
        assert levels[wanted[0][0]] == int(actual[1])
