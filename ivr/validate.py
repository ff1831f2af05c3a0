"""Checks of a flow that no schema can state: before a caller meets it.

    flow, warnings = load_flow(text, "config/ivr/hotline.yaml", known_queues={"support", "orders"})

Errors make a flow unusable, warnings do not.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterator

from msgspec.structs import replace

from ivr.errors import ConfigurationError, Problem, did_you_mean
from ivr.nodes import Assign, ChooseLanguage, Exit, Menu, Node, Queue
from ivr.schema import Flow
from ivr.source import Path, Source, load

MAX_CHOICES = 5  # more than this, nobody remembers the first


def load_flow(
    text: str | bytes,
    name: str,
    *,
    known_queues: Collection[str] | None = None,
    known_skills: Collection[str] | None = None,
) -> tuple[Flow, tuple[Problem, ...]]:
    """Read and check one flow. Returns it with its warnings; raises ConfigurationError with every error."""
    source = load(text, name)
    flow = source.validate(Flow)
    problems = check_flow(flow, source, known_queues=known_queues, known_skills=known_skills)
    errors = [problem for problem in problems if problem.severity == "error"]
    if errors:
        raise ConfigurationError(errors)
    return flow, problems


def check_flow(
    flow: Flow,
    source: Source,
    *,
    known_queues: Collection[str] | None = None,
    known_skills: Collection[str] | None = None,
) -> tuple[Problem, ...]:
    """Every problem of `flow`, with its place in `source`, in the order of the text. None: not checked."""
    check = _FlowCheck(flow, source)
    found: list[Problem] = [
        *check.targets(),
        *check.languages(),
        *check.keys(),
        *check.names("queue", known_queues, _queues),
        *check.names("skill", known_skills, _skills),
    ]
    if not any("node" in problem.message for problem in found):
        # The shape of a flow with missing nodes would be reported twice over.
        found += [*check.unreachable(), *check.dead_ends(), *check.silent_loops()]
    return tuple(sorted(found))


class _FlowCheck:
    def __init__(self, flow: Flow, source: Source) -> None:
        self.flow = flow
        self.source = source
        self.exits = {name: tuple(node.exits()) for name, node in flow.nodes.items()}

    def error(self, path: Path, message: str, *, at_key: bool = False) -> Problem:
        return self.source.problem(path, message, at_key=at_key)

    def targets(self) -> Iterator[Problem]:
        """Names of nodes that are not there; a fallback that does not end the flow."""
        named: list[tuple[Path, str]] = [(("start",), self.flow.start), (("fallback",), self.flow.fallback)]
        named += [(("nodes", name, *exit_.at), exit_.target) for name, exits in self.exits.items() for exit_ in exits]
        for path, target in named:
            if target not in self.flow.nodes:
                yield self.error(path, f"unknown node `{target}`{did_you_mean(target, self.flow.nodes)}")
        fallback = self.flow.nodes.get(self.flow.fallback)
        if fallback is not None and not fallback.is_terminal:
            yield self.error(("fallback",), "the fallback must be a node that ends the flow, such as a queue")

    def languages(self) -> Iterator[Problem]:
        """Prompts that lack a language, or have one the flow does not speak."""
        spoken = self.flow.languages
        for said in self.flow.said():
            lacking = [language for language in spoken if language not in said.prompt]
            if lacking:
                yield self.error(said.at, f"the prompt is missing in: {', '.join(lacking)}", at_key=True)
            for language in said.prompt:
                if language not in spoken:
                    message = f"the flow does not speak `{language}` (languages: {', '.join(spoken)})"
                    yield self.error((*said.at, language), message, at_key=True)
        for name, node in self.flow.nodes.items():
            if isinstance(node, ChooseLanguage):
                yield from self._language_choices(name, node)

    def _language_choices(self, name: str, node: ChooseLanguage) -> Iterator[Problem]:
        places: list[tuple[Path, str]] = [(("nodes", name, "default"), node.default)]
        places += [(("nodes", name, "choices", key), language) for key, language in node.choices.items()]
        for path, language in places:
            if language not in self.flow.languages:
                yield self.error(path, f"the flow does not speak `{language}`")

    def keys(self) -> Iterator[Problem]:
        """Keys that hide others, and menus too wide to remember."""
        for name, node in self.flow.nodes.items():
            if not isinstance(node, Menu | ChooseLanguage):
                continue
            for key in node.choices:
                longer = [other for other in node.choices if other != key and other.startswith(key)]
                if longer:
                    message = f"key `{key}` hides `{longer[0]}`: the caller who keys it has begun the other"
                    yield self.error(("nodes", name, "choices", key), message, at_key=True)
            if len(node.choices) > MAX_CHOICES:
                problem = self.error(
                    ("nodes", name, "choices"),
                    f"{len(node.choices)} choices are hard to remember by ear, {MAX_CHOICES} at most are advised",
                    at_key=True,
                )
                yield replace(problem, severity="warning")

    def names(
        self,
        kind: str,
        known: Collection[str] | None,
        used: Callable[[Node], Iterator[tuple[tuple[str, ...], str]]],
    ) -> Iterator[Problem]:
        """Queues or skills that the configuration does not have."""
        if known is None:
            return
        for name, node in self.flow.nodes.items():
            for at, word in used(node):
                if word not in known:
                    message = f"unknown {kind} `{word}`{did_you_mean(word, known)}"
                    yield self.error(("nodes", name, *at), message, at_key=kind == "skill")

    def unreachable(self) -> Iterator[Problem]:
        reached = self._reached()
        for name in self.flow.nodes:
            if name not in reached:
                yield self.error(("nodes", name), f"no way leads to `{name}`", at_key=True)

    def dead_ends(self) -> Iterator[Problem]:
        """Nodes a caller can get into but, whatever they key, never out of to an end of the flow."""
        into: dict[str, list[str]] = {name: [] for name in self.flow.nodes}
        for name, exits in self.exits.items():
            for exit_ in exits:
                into[exit_.target].append(name)
        leads_out = {name for name, node in self.flow.nodes.items() if node.is_terminal}
        open_ = deque(leads_out)
        while open_:
            for before in into[open_.popleft()]:
                if before not in leads_out:
                    leads_out.add(before)
                    open_.append(before)
        for name in sorted(self._reached() - leads_out):
            yield self.error(("nodes", name), f"there is no way out of `{name}` to a queue or an end", at_key=True)

    def silent_loops(self) -> Iterator[Problem]:
        """Rounds that a caller who never presses a key would make until the step limit."""
        onward = {name: _when_silent(exits) for name, exits in self.exits.items()}
        settled: set[str] = set()
        for start in self.flow.nodes:
            trail: list[str] = []
            at: str | None = start
            while at is not None and at not in settled and at not in trail:
                trail.append(at)
                at = onward[at]
            if at is not None and at in trail:
                round_ = trail[trail.index(at) :]
                way = " -> ".join([*round_, at])
                yield self.error(("nodes", at), f"a caller who keys nothing goes round here: {way}", at_key=True)
            settled.update(trail)

    def _reached(self) -> set[str]:
        reached = {self.flow.start, self.flow.fallback}
        open_ = deque(reached)
        while open_:
            for exit_ in self.exits[open_.popleft()]:
                if exit_.target not in reached:
                    reached.add(exit_.target)
                    open_.append(exit_.target)
        return reached


def _when_silent(exits: tuple[Exit, ...]) -> str | None:
    return next((exit_.target for exit_ in exits if exit_.when_silent), None)


def _queues(node: Node) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(node, Queue):
        yield ("queue",), node.queue


def _skills(node: Node) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(node, Queue | Assign):
        for skill in node.skills:
            yield ("skills", skill), skill
