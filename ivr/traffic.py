"""What callers did in a flow, counted from the ways they took. Pure.

A way is a call's path through menus as it is recorded: `main:3` is the node `main` with the keys pressed there, nodes
of another flow than the first stand behind its name (`identify.ask`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import pairwise
from statistics import median

import msgspec

from ivr.schema import Flow


class Walk(msgspec.Struct, frozen=True):
    """One call. `flow`: the first one, by name. `times`: seconds from the start of the call at which each step began,
    as far as is known; `left_at`: at which the menus were left."""

    flow: str
    steps: tuple[str, ...]
    times: tuple[float, ...] = ()
    left_at: float | None = None


class Traffic(msgspec.Struct, frozen=True):
    """Of one flow. `calls`: that came into it. `entries`: visits by node. `ways`: from node to node, flows called in
    between left out. `left`: callers who were gone in a node that does not end the flow. `medians`: seconds."""

    calls: int
    entries: dict[str, int]
    ways: dict[tuple[str, str], int]
    left: dict[str, int]
    medians: dict[str, float]

    def share(self, source: str, target: str) -> float:
        """Of all calls; more than 1 where callers go round."""
        return self.ways.get((source, target), 0) / self.calls if self.calls else 0.0


def traffic_of(flow: Flow, walks: Iterable[Walk]) -> Traffic:
    """Nodes that the flow no longer has are left out: it may have been another one then."""
    calls = 0
    entries: Counter[str] = Counter()
    ways: Counter[tuple[str, str]] = Counter()
    left: Counter[str] = Counter()
    seconds: dict[str, list[float]] = {}
    for walk in walks:
        visits = list(_visits(flow, walk))
        calls += bool(visits)
        entries.update(node for node, _ in visits)
        ways.update(pairwise(node for node, _ in visits))
        for node, time in visits:
            if time is not None:
                seconds.setdefault(node, []).append(time)
        if visits and _is_last(flow, walk) and not flow.nodes[visits[-1][0]].leaves_flow:
            left[visits[-1][0]] += 1
    medians = {node: round(median(times), 1) for node, times in seconds.items()}
    return Traffic(calls, dict(entries), dict(ways), dict(left), medians)


def _visits(flow: Flow, walk: Walk) -> Iterator[tuple[str, float | None]]:
    """The nodes of this flow in their order, each with the time it took."""
    ends = [*walk.times[1 : len(walk.steps)], walk.left_at]
    for index, step in enumerate(walk.steps):
        node = _own(flow, walk, step)
        if node is None:
            continue
        begun = walk.times[index] if index < len(walk.times) else None
        ended = ends[index] if index < len(ends) else None
        yield node, max(0.0, ended - begun) if begun is not None and ended is not None else None


def _own(flow: Flow, walk: Walk, step: str) -> str | None:
    name = step.partition(":")[0]
    if walk.flow != flow.name:
        name = name.removeprefix(f"{flow.name}.") if name.startswith(f"{flow.name}.") else "."
    return name if name in flow.nodes else None


def _is_last(flow: Flow, walk: Walk) -> bool:
    """Whether the way ends in this flow, and not in one that it called."""
    return bool(walk.steps) and _own(flow, walk, walk.steps[-1]) is not None
