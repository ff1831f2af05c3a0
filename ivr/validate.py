"""Checks of a flow that no schema can state: before a caller meets it.

    flow, warnings = load_flow(text, "config/ivr/hotline.yaml", known_queues={"support", "orders"})

    flow, source = read_flow(text, name)        # several flows that know each other: read all, then
    check_flow(flow, source, known=Known(queues=..., flows=...))

Errors make a flow unusable, warnings do not. What the ways through a flow show (nodes that cannot be reached, rounds
without end) is in `ivr.ways`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from msgspec.structs import replace

from ivr.errors import ConfigurationError, Problem, did_you_mean
from ivr.expression import ExpressionError, Kind, parse
from ivr.model import FACTS
from ivr.nodes import (
    Asking,
    AskService,
    Assign,
    CallFlow,
    ChooseLanguage,
    CollectDigits,
    Hours,
    LeaveMessage,
    MakeRequest,
    Menu,
    Node,
    OfferCallback,
    Queue,
    Return,
    TransferCall,
)
from ivr.schema import Flow
from ivr.source import Path, Source, load
from ivr.spoken.values import FORMATS
from ivr.template import Value, parse_template
from ivr.ways import Ways

MAX_CHOICES = 5  # more than this, nobody remembers the first
MAX_DEPTH = 3  # menus behind one another


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the rest of the configuration has. None: not checked. `attributes`: set by flows that call this one."""

    queues: Collection[str] | None = None
    skills: Collection[str] | None = None
    calendars: Collection[str] | None = None
    services: Collection[str] | None = None
    flows: Mapping[str, Flow] | None = None
    items: Mapping[str, Collection[str]] | None = None  # of the catalogue, each with the attributes it wants
    may_dial: Callable[[str], bool] | None = None  # whether a `transfer` may ring this number
    attributes: Mapping[str, Kind] = field(default_factory=dict)


def read_flow(text: str | bytes, name: str) -> tuple[Flow, Source]:
    """A well-formed flow, not checked for sense. Raises ConfigurationError."""
    source = load(text, name)
    return source.validate(Flow), source


def load_flow(
    text: str | bytes,
    name: str,
    *,
    known_queues: Collection[str] | None = None,
    known_skills: Collection[str] | None = None,
    known: Known | None = None,
) -> tuple[Flow, tuple[Problem, ...]]:
    """Read and check one flow. Returns it with its warnings; raises ConfigurationError with every error."""
    flow, source = read_flow(text, name)
    problems = check_flow(flow, source, known_queues=known_queues, known_skills=known_skills, known=known)
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
    known: Known | None = None,
) -> tuple[Problem, ...]:
    """Every problem of `flow`, with its place in `source`, in the order of the text. None: not checked."""
    known = known or Known(queues=known_queues, skills=known_skills)
    check = _FlowCheck(flow, source, known)
    found: list[Problem] = [
        *check.targets(),
        *check.languages(),
        *check.keys(),
        *check.names("queue", known.queues, _queues),
        *check.names("skill", known.skills, _skills, at_key=True),
        *check.names("calendar", known.calendars, _calendars),
        *check.names("lookup service", known.services, _services),
        *check.names("flow", known.flows, _flows),
        *check.names("catalogue item", known.items, _items),
        *check.answers(),
        *check.calls(),
        *check.transfers(),
        *check.assignments(),
        *check.conditions(),
        *check.values(),
    ]
    if not any(problem.message.startswith("unknown node") for problem in found):
        # The shape of a flow with missing nodes would be reported twice over.
        found += check.shape()
    return tuple(sorted(found))


def attributes_of(flow: Flow) -> dict[str, Kind]:
    """What this flow's nodes, and those of the flows it calls, may set. The flow must be linked to see those."""
    found: dict[str, Kind] = {}
    seen = {flow.name}
    open_ = [flow]
    while open_:
        for node in open_.pop().nodes.values():
            found.update(node.assigns())
            called = node.flow if isinstance(node, CallFlow) else ""
            if called in flow.flows and called not in seen:
                seen.add(called)
                open_.append(flow.flows[called])
    return found


def callers_of(flow: Flow, flows: Mapping[str, Flow]) -> tuple[Flow, ...]:
    """The other flows that may lead into this one."""
    return tuple(other for other in flows.values() if other.name != flow.name and flow.name in _called_by(other, flows))


class _FlowCheck:
    def __init__(self, flow: Flow, source: Source, known: Known) -> None:
        self.flow = flow
        self.source = source
        self.known = known
        self.kinds: Mapping[str, Kind] = {**known.attributes, **self._assigned(), **FACTS}

    def _assigned(self) -> Mapping[str, Kind]:
        found: dict[str, Kind] = {}
        for node in self.flow.nodes.values():
            found.update(node.assigns())
            if isinstance(node, CallFlow) and self.known.flows and node.flow in self.known.flows:
                found.update(attributes_of(self.known.flows[node.flow]))
        return found

    def error(self, path: Path, message: str, *, at_key: bool = False, offset: int | None = None) -> Problem:
        return self.source.problem(path, message, at_key=at_key, offset=offset)

    def warning(self, path: Path, message: str, *, at_key: bool = False) -> Problem:
        return replace(self.error(path, message, at_key=at_key), severity="warning")

    def targets(self) -> Iterator[Problem]:
        """Names of nodes that are not there; a fallback that does not end the flow."""
        named: list[tuple[Path, str]] = [(("start",), self.flow.start), (("fallback",), self.flow.fallback)]
        if self.flow.person is not None:
            named.append((("everywhere", "person", "node"), self.flow.person))
        for name, node in self.flow.nodes.items():
            named += [(("nodes", name, *exit_.at), exit_.target) for exit_ in node.exits()]
        for path, target in named:
            if target not in self.flow.nodes:
                yield self.error(path, f"unknown node `{target}`{did_you_mean(target, self.flow.nodes)}")
        fallback = self.flow.nodes.get(self.flow.fallback)
        if fallback is not None and not fallback.is_terminal and not isinstance(fallback, Return):
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
            yield from self._keys_everywhere(name, node, node.choices)
            if len(node.choices) > MAX_CHOICES:
                message = f"{len(node.choices)} choices are hard to remember by ear, {MAX_CHOICES} at most are advised"
                yield self.warning(("nodes", name, "choices"), message, at_key=True)

    def _keys_everywhere(self, name: str, node: Asking, choices: Iterable[str]) -> Iterator[Problem]:
        for key, meaning in self.flow.everywhere.keys:
            if meaning in node.forbid:
                continue
            for choice in choices:
                path = ("nodes", name, "choices", choice)
                if choice == key:
                    message = f"key `{key}` is `{meaning}` everywhere, but not here: say so with `forbid: [{meaning}]`"
                    yield self.warning(path, message, at_key=True)
                elif choice.startswith(key):
                    yield self.error(path, f"key `{key}` (`{meaning}` everywhere) hides `{choice}`", at_key=True)

    def names(
        self,
        kind: str,
        known: Collection[str] | None,
        used: Callable[[Node], Iterator[tuple[tuple[str, ...], str]]],
        *,
        at_key: bool = False,
    ) -> Iterator[Problem]:
        """Queues, skills, calendars ... that the configuration does not have."""
        if known is None:
            return
        for name, node in self.flow.nodes.items():
            for at, word in used(node):
                if word not in known:
                    message = f"unknown {kind} `{word}`{did_you_mean(word, known)}"
                    yield self.error(("nodes", name, *at), message, at_key=at_key)

    def calls(self) -> Iterator[Problem]:
        """Called flows that lack a language, or that call back; results that they never give."""
        flows = self.known.flows or {}
        for name, node in self.flow.nodes.items():
            called = flows.get(node.flow) if isinstance(node, CallFlow) else None
            if called is None or not isinstance(node, CallFlow):
                continue
            lacking = [language for language in self.flow.languages if language not in called.languages]
            if lacking:
                message = f"the flow `{called.name}` does not speak: {', '.join(lacking)}"
                yield self.error(("nodes", name, "flow"), message)
            if called.name == self.flow.name or self.flow.name in _called_by(called, flows):
                message = f"`{called.name}` leads back into this flow: flows may not call one another in a round"
                yield self.error(("nodes", name, "flow"), message)
            given = {inner.result for inner in called.nodes.values() if isinstance(inner, Return) and inner.result}
            for result in node.results:
                if result not in given:
                    message = f"the flow `{called.name}` never returns `{result}`{did_you_mean(result, given)}"
                    yield self.error(("nodes", name, "results", result), message, at_key=True)

    def transfers(self) -> Iterator[Problem]:
        """Numbers that nobody may be sent to."""
        may_dial = self.known.may_dial
        for name, node in self.flow.nodes.items():
            if isinstance(node, TransferCall) and may_dial is not None and not may_dial(node.to):
                message = "`outgoing` does not allow this number, and it is no extension"
                yield self.error(("nodes", name, "to"), message)

    def answers(self) -> Iterator[Problem]:
        """What an item of the catalogue wants to know: set by a node, and no secret."""
        secret = {node.into for node in self.flow.nodes.values() if isinstance(node, CollectDigits) and node.secret}
        for name, node in self.flow.nodes.items():
            wanted = (self.known.items or {}).get(node.item, ()) if isinstance(node, MakeRequest) else ()
            for field_ in wanted:
                path = ("nodes", name, "item")
                if field_ in secret:
                    yield self.error(path, f"`{field_}` is secret: it cannot be an answer on a ticket")
                elif field_ not in self.kinds:
                    yield self.error(path, f"no node sets `{field_}`, which this item asks for")

    def assignments(self) -> Iterator[Problem]:
        for name, node in self.flow.nodes.items():
            for attribute in node.assigns():
                if attribute in FACTS:
                    message = f"`{attribute}` is what is known of the caller and cannot be set: choose another name"
                    yield self.error(("nodes", name), message, at_key=True)

    def conditions(self) -> Iterator[Problem]:
        for name, node in self.flow.nodes.items():
            for condition in node.conditions():
                path = ("nodes", name, *condition.at)
                try:
                    expression = parse(condition.text)
                except ExpressionError as error:
                    yield self.error(path, str(error), offset=error.offset)
                    continue
                for fault in expression.faults(self.kinds):
                    yield self.error(path, fault.message, offset=fault.offset)

    def values(self) -> Iterator[Problem]:
        """Values inside prompts and paths: their names and forms."""
        for said in self.flow.said():
            for language, spoken in said.prompt.items():
                path = (*said.at, language)
                where = path if self.source.text(path) is not None else (*path, "text")
                yield from self._values_at(where, spoken.template.values)
                if parse_template(spoken.without).values:
                    yield self.error((*path, "without"), "what is said without the values cannot have any")
        for name, node in self.flow.nodes.items():
            for at, value in node.values():
                yield from self._values_at(("nodes", name, *at), (value,))

    def _values_at(self, path: Path, values: Iterable[Value]) -> Iterator[Problem]:
        for value in values:
            offset = max(0, (self.source.text(path) or "").find(f"{{{value.name}"))
            if value.name not in self.kinds:
                message = f"unknown attribute `{value.name}`{did_you_mean(value.name, self.kinds)}"
                yield self.error(path, message, offset=offset)
            if value.format not in FORMATS:
                hint = did_you_mean(value.format, FORMATS)
                message = f"unknown form `{value.format}`{hint} (known: {', '.join(FORMATS)})"
                yield self.error(path, message, offset=offset)

    def shape(self) -> Iterator[Problem]:
        ways = Ways(self.flow)
        for name in ways.unreachable():
            yield self.error(("nodes", name), f"no way leads to `{name}`", at_key=True)
        for name in ways.dead_ends():
            yield self.error(("nodes", name), f"there is no way out of `{name}` to a queue or an end", at_key=True)
        for round_ in ways.silent_rounds():
            way = " -> ".join([*round_, round_[0]])
            message = f"a caller who keys nothing goes round here: {way}"
            yield self.error(("nodes", round_[0]), message, at_key=True)
        for name, depth in ways.menu_depths().items():
            if depth > MAX_DEPTH:
                message = f"`{name}` is the {depth}th menu behind one another, {MAX_DEPTH} at most are advised"
                yield self.warning(("nodes", name), message, at_key=True)


def _called_by(flow: Flow, flows: Mapping[str, Flow]) -> set[str]:
    """Names of all flows that `flow` may lead into."""
    found: set[str] = set()
    open_ = [flow]
    while open_:
        for node in open_.pop().nodes.values():
            if isinstance(node, CallFlow) and node.flow not in found:
                found.add(node.flow)
                if node.flow in flows:
                    open_.append(flows[node.flow])
    return found


def _queues(node: Node) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(node, Queue | LeaveMessage | OfferCallback) and node.queue is not None:
        yield ("queue",), node.queue


def _skills(node: Node) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(node, Queue | Assign):
        for skill in node.skills:
            yield ("skills", skill), skill


def _calendars(node: Node) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(node, Hours):
        yield ("calendar",), node.calendar


def _services(node: Node) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(node, AskService):
        yield ("service",), node.service


def _items(node: Node) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(node, MakeRequest):
        yield ("item",), node.item


def _flows(node: Node) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(node, CallFlow):
        yield ("flow",), node.flow
