"""Position and expected wait of a call, from the state as it is. None: not known, and then nothing is said."""

from __future__ import annotations

from msgspec import Struct

from acd.domain.agent import AgentState
from acd.domain.call import Call
from acd.domain.explanations import Obstacle, obstacles
from acd.domain.ids import AgentId, QueueName
from acd.domain.state import State
from routing.estimate import expected_wait


class Outlook(Struct, frozen=True, kw_only=True):
    position: int | None  # among those who ask for the same, from 1
    expected_wait_seconds: float | None
    step: int
    kept_for: tuple[AgentId, ...]
    obstacles: tuple[Obstacle, ...]


def outlook(state: State, call: Call) -> Outlook:
    """All None or empty for a call that does not wait."""
    if not state.pool.has_item(call.call_id):
        return Outlook(position=None, expected_wait_seconds=None, step=call.step, kept_for=(), obstacles=())
    return Outlook(
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
    at_work = sum(agent.state in _AT_WORK for agent in able)
    idle = sum(agent.state is AgentState.READY for agent in able)
    ahead = state.pool.ahead(call.call_id)
    return expected_wait(ahead, idle, at_work, state.tallies.handle_seconds(QueueName(call.queue)))
