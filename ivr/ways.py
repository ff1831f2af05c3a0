"""The ways through a flow: what can be reached, what cannot be left, where a silent caller goes round. Pure graph."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from ivr.nodes import Asking, Exit, Menu
from ivr.nodes.base import PERSON
from ivr.schema import Flow


class Ways:
    """The graph of a flow all of whose nodes are there."""

    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self.exits: dict[str, tuple[Exit, ...]] = {name: tuple(_ways_out(flow, name)) for name in flow.nodes}

    def unreachable(self) -> Iterator[str]:
        reached = self._reached()
        return (name for name in self.flow.nodes if name not in reached)

    def dead_ends(self) -> list[str]:
        """Nodes a caller can get into but, whatever they key, never out of to an end of the flow."""
        into: dict[str, list[str]] = {name: [] for name in self.flow.nodes}
        for name, exits in self.exits.items():
            for exit_ in exits:
                into[exit_.target].append(name)
        leads_out = {name for name, node in self.flow.nodes.items() if node.leaves_flow}
        open_ = deque(leads_out)
        while open_:
            for before in into[open_.popleft()]:
                if before not in leads_out:
                    leads_out.add(before)
                    open_.append(before)
        return sorted(self._reached() - leads_out)

    def silent_rounds(self) -> Iterator[list[str]]:
        """Rounds that a call can make without the caller pressing a key, until the step limit; each once."""
        onward = {name: [exit_.target for exit_ in exits if exit_.when_silent] for name, exits in self.exits.items()}
        settled: set[str] = set()
        for start in self.flow.nodes:
            if start in settled:
                continue
            trail = [start]
            branches = [iter(onward[start])]
            while trail:
                following = next(branches[-1], None)
                if following is None:
                    settled.add(trail.pop())
                    branches.pop()
                elif following in trail:
                    yield trail[trail.index(following) :]
                elif following not in settled:
                    trail.append(following)
                    branches.append(iter(onward[following]))

    def menu_depths(self) -> dict[str, int]:
        """By menu: how many menus, itself among them, the shortest way to it passes."""
        depths: dict[str, int] = {}
        seen: set[str] = set()
        open_: deque[tuple[str, int]] = deque([(self.flow.start, 0)])
        while open_:
            name, above = open_.popleft()
            if name in seen:
                continue
            seen.add(name)
            if isinstance(self.flow.nodes[name], Menu):
                depths[name] = above = above + 1
            for exit_ in self.exits[name]:
                # Who is led on without another menu between is as deep as before: those come first.
                is_menu = isinstance(self.flow.nodes[exit_.target], Menu)
                (open_.append if is_menu else open_.appendleft)((exit_.target, above))
        return depths

    def _reached(self) -> set[str]:
        reached = {self.flow.start, self.flow.fallback}
        open_ = deque(reached)
        while open_:
            for exit_ in self.exits[open_.popleft()]:
                if exit_.target not in reached:
                    reached.add(exit_.target)
                    open_.append(exit_.target)
        return reached


def _ways_out(flow: Flow, name: str) -> Iterator[Exit]:
    """A node's own exits, and the key for a person where the flow has one."""
    node = flow.nodes[name]
    yield from node.exits()
    if isinstance(node, Asking) and flow.everywhere.person is not None and PERSON not in node.forbid:
        person = flow.everywhere.person
        yield Exit(("everywhere", "person"), person.node, label=person.key)
