"""Position and expected wait of a call, from the state as it is. None: not known, and then nothing is said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from acd.domain.agent import Agent, AgentState
from acd.domain.call import Call
from acd.domain.explanations import Obstacle, obstacles, why_this_priority
from acd.domain.ids import AgentId, QueueName
from acd.domain.state import State
from routing.estimate import expected_wait, mean_handle_time


class Outlook(Struct, frozen=True, kw_only=True):
    priority: int
    priority_reason: str
    position: int | None  # among those who ask for the same, from 1
    expected_wait_seconds: float | None
    step: int
    kept_for: tuple[AgentId, ...]
    obstacles: tuple[Obstacle, ...]


def outlook(state: State, call: Call) -> Outlook:
    """All None or empty for a call that does not wait."""
    if not state.pool.has_item(call.call_id):
        return Outlook(
            priority=call.priority,
            priority_reason=call.priority_reason,
            position=None,
            expected_wait_seconds=None,
            step=call.step,
            kept_for=(),
            obstacles=(),
        )
    priority = state.stage_of(call).priority
    return Outlook(
        priority=priority,
        priority_reason=why_this_priority(call, priority),
        position=position(state, call),
        expected_wait_seconds=expected_wait_seconds(state, call),
        step=call.step,
        kept_for=call.rings[call.ring].agents if call.is_kept else (),
        obstacles=obstacles(state, call),
    )


_AT_WORK = frozenset({AgentState.READY, AgentState.RESERVED, AgentState.TALKING, AgentState.WRAP_UP})


def position(state: State, call: Call) -> int | None:
    """Place in the queue among those who ask for the same, from 1."""
    return state.pool.position(call.call_id) if state.pool.has_item(call.call_id) else None


def expected_wait_seconds(state: State, call: Call) -> float | None:
    """From now until an agent is free for this waiting call. Looks at every agent: for one call at a time."""
    if call.queue is None or not state.pool.has_item(call.call_id):
        return None
    able = [state.agents[AgentId(agent_id)] for agent_id in state.pool.agents_for(call.call_id)]
    ahead = {QueueName(queue): count for queue, count in state.pool.ahead_by_queue(call.call_id).items()}
    return wait_of(state, call.queue, able, ahead)


def wait_of(state: State, queue: QueueName, able: Sequence[Agent], ahead: Mapping[QueueName, float]) -> float | None:
    """Of a call of this queue that these agents may take, with so many calls before it, by queue."""
    at_work = [agent for agent in able if agent.state in _AT_WORK]
    idle = sum(agent.state is AgentState.READY for agent in at_work)
    before = sum(ahead.values())
    own = mean_handle_time(state.tallies.handle_seconds(queue))
    if own is None:
        return expected_wait(before, idle, len(at_work), 0.0, 0.0) if before < idle else None

    def mean_of(other: QueueName) -> float:
        return mean_handle_time(state.tallies.handle_seconds(other)) or own

    doing = [mean_of(call.queue) for agent in at_work if (call := _call_of(state, agent)) and call.queue]
    seconds_now = sum(doing) / len(doing) if doing else own
    seconds_ahead = sum(count * mean_of(other) for other, count in ahead.items())
    return expected_wait(before, idle, len(at_work), seconds_ahead, seconds_now)


def _call_of(state: State, agent: Agent) -> Call | None:
    return state.calls.get(agent.call_id) if agent.call_id else None
