"""The ways between queues and menus: where queues send callers, whether that is there, and no way round in a circle."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from acd.queue_settings import QueueSettings
from ivr.errors import Problem, did_you_mean
from ivr.nodes import CallFlow, Queue, Return
from ivr.schema import Flow

Queues = Mapping[str, QueueSettings]


class Way(NamedTuple):
    """From a queue into a flow; `at`: where the settings say so."""

    at: str
    queue: str
    flow: str


def ways_into_flows(queues: Queues) -> Iterator[Way]:
    """Where callers leave a queue for a menu."""
    for name, queue in queues.items():
        for index, step in enumerate(queue.steps):
            if step.flow is not None:
                yield Way(f"queues.{name}.steps.{index}.flow", name, step.flow)
        for index, rule in enumerate(queue.overflow):
            if rule.flow is not None:
                yield Way(f"queues.{name}.overflow.{index}.flow", name, rule.flow)


def ways_beside(queues: Queues) -> Iterator[Way]:
    """Flows that callers walk while they wait."""
    for name, queue in queues.items():
        if queue.announce is not None:
            yield Way(f"queues.{name}.announce.flow", name, queue.announce.flow)
        if queue.callback is not None and queue.callback.key is not None:
            yield Way(f"queues.{name}.callback.flow", name, queue.callback.flow)


def _check_beside(queues: Queues, flows: Mapping[str, Flow]) -> Iterator[Problem]:
    for way in ways_beside(queues):
        if way.flow not in flows:
            message = f"there is no flow `{way.flow}`{did_you_mean(way.flow, flows)}"
            yield Problem("settings", 0, 0, way.at, message)
        elif any(isinstance(node, Queue) for node in flows[way.flow].nodes.values()):
            message = f"the flow `{way.flow}` is walked while the caller waits: it cannot lead into a queue"
            yield Problem("settings", 0, 0, way.at, message)


def check_ways(queues: Queues, flows: Mapping[str, Flow]) -> Iterator[Problem]:
    """Flows that are not there or cannot be walked by themselves, and circles."""
    yield from _check_beside(queues, flows)
    for way in ways_into_flows(queues):
        flow = flows.get(way.flow)
        message = ""
        if flow is None:
            message = f"there is no flow `{way.flow}`{did_you_mean(way.flow, flows)}"
        elif any(isinstance(node, Return) for node in flow.nodes.values()):
            message = f"the flow `{way.flow}` returns to a flow that calls it: no queue can lead to it"
        else:
            circle = _circle(way, queues, flows)
            message = f"calls would go round in a circle: {' -> '.join(circle)}" if circle else ""
        if message:
            yield Problem("settings", 0, 0, way.at, message)


def _circle(way: Way, queues: Queues, flows: Mapping[str, Flow]) -> tuple[str, ...]:
    """The way back to the queue it leaves, if there is one."""
    onward: dict[str, list[str]] = {name: [] for name in queues}
    for other in ways_into_flows(queues):
        onward[other.queue].append(f"flow {other.flow}")
    for name, queue in queues.items():
        onward[name] += [step.queue for step in queue.steps if step.queue]
        onward[name] += [rule.queue for rule in queue.overflow if rule.queue]
    for name, flow in flows.items():
        onward[f"flow {name}"] = [*_queues_of(flow)]
    ahead: list[tuple[str, ...]] = [(way.queue, f"flow {way.flow}")]
    seen: set[str] = set()
    for trail in ahead:
        for name in onward.get(trail[-1], ()):
            if name == way.queue:
                return (*trail, name)
            if name not in seen:
                seen.add(name)
                ahead.append((*trail, name))
    return ()


def _queues_of(flow: Flow) -> Iterator[str]:
    """Queues that a caller of this flow may be led to, in it or in those it calls."""
    seen = {flow.name}
    open_ = [flow]
    while open_:
        for node in open_.pop().nodes.values():
            if isinstance(node, Queue):
                yield node.queue
            called = flow.flows.get(node.flow) if isinstance(node, CallFlow) else None
            if called is not None and called.name not in seen:
                seen.add(called.name)
                open_.append(called)
