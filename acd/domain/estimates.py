"""Position and expected wait of a call, from the state as it is. None: not known, and then nothing is said."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from acd.domain.agent import Agent, AgentState
from acd.domain.call import Call
from acd.domain.explanations import Obstacle, obstacles, why_this_priority
from acd.domain.ids import AgentId, QueueName
from acd.domain.state import State
from routing.estimate import Ahead, leaving_rate, mean_handle_time, time_to_clear


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
    return wait_of(state, call.queue, able, state.pool.competition(call.call_id))


def wait_of(state: State, queue: QueueName, able: Sequence[Agent], ahead: Ahead) -> float | None:
    """Of a call of this queue that these agents may take, after those ahead.

    Its agents work off what only they may take, and together with helpers what these may take too: whichever takes
    longer. Then one more of its own agents has to come free. None: nobody is at work, or too few calls are known.
    """
    at_work = [agent for agent in able if agent.state in _AT_WORK]
    if not at_work:
        return None
    if ahead.items < sum(agent.state is AgentState.READY for agent in at_work):
        return 0.0
    own = mean_handle_time(state.tallies.handle_seconds(queue))
    if own is None:
        return None

    def mean_of(other: str) -> float:
        return mean_handle_time(state.tallies.handle_seconds(QueueName(other))) or own

    def pace_of(agents: Iterable[Agent]) -> float:
        """Calls that they end in a second, by what they do now."""
        calls = (_call_of(state, agent) for agent in agents)
        return sum(1 / max(mean_of(call.queue if call and call.queue else queue), 1.0) for call in calls)

    def clearing(counts: Mapping[str, int], pace: float) -> float:
        items = sum(counts.values())
        leaving = sum(count * leaving_rate(state.tallies.waits(QueueName(name))) for name, count in counts.items())
        return time_to_clear(items, pace, leaving / items) if items else 0.0

    own_pace = pace_of(at_work)
    alone = clearing(ahead.own, own_pace)
    if not ahead.shared:
        return alone + 1 / own_pace
    helpers = (state.agents[AgentId(agent_id)] for agent_id in ahead.helpers)
    everything = {name: ahead.own.get(name, 0) + ahead.shared.get(name, 0) for name in ahead.own | ahead.shared}
    together = clearing(everything, pace_of(agent for agent in helpers if agent.state in _AT_WORK))
    return max(alone, together) + 1 / own_pace


def _call_of(state: State, agent: Agent) -> Call | None:
    return state.calls.get(agent.call_id) if agent.call_id else None
