"""What Erlang's formulas say of a scenario, if it is one they speak of: one stream, one group, all exponential."""

from __future__ import annotations

from acd.simulation.scenario import Scenario
from acd.workforce.erlang import Waiting, erlang_a, erlang_c


def theory_of(scenario: Scenario) -> Waiting | None:
    """None where the formulas do not apply."""
    if len(scenario.calls) != 1 or len(scenario.agents) != 1:
        return None
    (calls,), (agents,) = scenario.calls, scenario.agents
    patience = calls.patience
    is_simple = calls.per_hour is not None and calls.handle.kind == "exponential"
    is_simple = is_simple and (patience is None or patience.kind == "exponential")
    is_steady = agents.shift is None and not agents.breaks and agents.wrap_up is None and not agents.no_answer
    queue = scenario.queues[calls.queue]
    is_plain = not (queue.overflow or queue.preferred or queue.reserve or queue.steps)
    if not (is_simple and is_steady and is_plain) or calls.per_hour is None:
        return None
    rate, threshold = calls.per_hour / 3600, queue.service_level_seconds.total_seconds()
    if patience is not None:
        return erlang_a(agents.count, rate, calls.handle.mean, patience.mean, threshold)
    if rate * calls.handle.mean >= agents.count:
        return None
    return erlang_c(agents.count, rate, calls.handle.mean, threshold)
