"""What Erlang's formulas say of a scenario, if it is one they speak of: one stream, one group, all exponential."""

from __future__ import annotations

from acd.domain.queue import OverflowCause
from acd.queue_settings import QueueSettings
from acd.simulation.scenario import Scenario
from acd.workforce.erlang import Waiting, erlang_a, erlang_c, erlang_k


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
    is_plain = not (queue.preferred or queue.reserve or queue.steps)
    places = _places(queue)
    if not (is_simple and is_steady and is_plain) or calls.per_hour is None or (queue.overflow and places is None):
        return None
    rate, threshold = calls.per_hour / 3600, queue.service_level_seconds.total_seconds()
    if places is not None:
        return erlang_k(agents.count, rate, calls.handle.mean, places, threshold) if patience is None else None
    if patience is not None:
        return erlang_a(agents.count, rate, calls.handle.mean, patience.mean, threshold)
    if rate * calls.handle.mean >= agents.count:
        return None
    return erlang_c(agents.count, rate, calls.handle.mean, threshold)


def _places(queue: QueueSettings) -> int | None:
    """To wait in, where the queue turns away who finds all of them taken, and does nothing else at its door."""
    if len(queue.overflow) != 1:
        return None
    (rule,) = queue.overflow
    if rule.when is not OverflowCause.TOO_MANY_WAITING or not rule.announcement or not rule.limit:
        return None
    return int(rule.limit) if rule.limit == int(rule.limit) else None
