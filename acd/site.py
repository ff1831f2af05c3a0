"""A site: its settings, menus and queues, read and checked together before a caller meets them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import structlog
from msgspec.structs import replace

from acd.domain.outgoing import OutgoingRules
from acd.domain.people import every_whisper
from acd.domain.priorities import IMPACT, URGENCY
from acd.domain.queue import QueuePolicy, RoutingRules
from acd.routing_site import policy_of, rules_of, skills_asked_for
from acd.service.catalogue import CatalogueItem
from acd.service.menu import Route
from acd.service.survey_desk import SurveyPlan
from acd.settings import Settings
from acd.site_hotline import catalogue_of, check_hotline, survey_plan, surveys_named
from acd.site_ways import check_ways, ways_beside, ways_into_flows
from ivr.errors import ConfigurationError, Problem, did_you_mean
from ivr.expression import Kind
from ivr.model import PromptRef
from ivr.nodes import Return
from ivr.schema import Flow, link
from ivr.source import Source
from ivr.validate import Known, attributes_of, callers_of, check_flow, read_flow

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Site:
    settings: Settings
    flows: Mapping[str, Flow]
    in_use: frozenset[str]  # names of flows: the site's own, and those that numbers lead into
    warnings: tuple[Problem, ...]

    def route_of(self, called_number: str) -> Route:
        """A number that is not configured (any more, while the dialplan still has it) leads where the first one does:
        a caller is never turned away for our own mistake. Raises LookupError only for a site without any number."""
        numbers = self.settings.numbers
        if called_number not in numbers:
            log.error("number_not_configured", called_number=called_number)
        number = numbers.get(called_number) or next(iter(numbers.values()), None)
        if number is None:
            raise LookupError("no number is configured")
        return Route(flow=self.flows[number.flow], language=number.language)

    def flow_named(self, name: str) -> Route:
        """Where a queue sends its callers. Raises LookupError."""
        return Route(flow=self.flows[name])

    def prompts(self) -> Iterator[PromptRef]:
        """All that callers can hear, in the flows in use and at the queues' doors, to be made beforehand."""
        for name in sorted(self.in_use):
            yield from self.flows[name].prompts()
        people = self.settings.people
        yield from (PromptRef(language, text) for language, text in people.closed_announcement.items())
        for queue in self.settings.queues.values():
            words = every_whisper(tuple(queue.whisper.items()), tuple(people.vip_whisper.items()))
            yield from (PromptRef(whisper.language, whisper.text) for whisper in words)
            for rule in queue.overflow:
                yield from (PromptRef(language, text) for language, text in rule.announcement.items())

    def queue_policies(self) -> tuple[QueuePolicy, ...]:
        routing, calendars = self.settings.routing, self.settings.calendars
        return tuple(policy_of(name, queue, routing, calendars) for name, queue in self.settings.queues.items())

    @cached_property
    def outgoing(self) -> OutgoingRules:
        return outgoing_rules(self.settings)

    @cached_property
    def catalogue(self) -> Mapping[str, CatalogueItem]:
        return catalogue_of(self.settings)

    def routing_rules(self) -> RoutingRules:
        rules = rules_of(self.settings.routing, self.settings.people)
        return replace(rules, outgoing=self.outgoing)


class LiveSite:
    """The site new callers meet now. Callers inside keep the flow they entered: what is linked never changes."""

    def __init__(self, site: Site) -> None:
        self.site = site

    def route_of(self, called_number: str) -> Route:
        return self.site.route_of(called_number)

    def flow_named(self, name: str) -> Route:
        return self.site.flow_named(name)

    def survey_plan(self, queue: str, called_number: str) -> SurveyPlan | None:
        return survey_plan(self.site.settings, self.site.flows, queue, called_number)

    def catalogue(self) -> Mapping[str, CatalogueItem]:
        return self.site.catalogue


def load_site(settings: Settings) -> Site:
    """Raises ConfigurationError with every problem of every flow, and of numbers that lead nowhere."""
    sources: dict[str, Source] = {}
    flows: dict[str, Flow] = {}
    problems: list[Problem] = []
    for path in settings.flow_files:
        try:
            flow, source = read_flow(_read(path), str(path))
        except ConfigurationError as error:
            problems.extend(error.problems)
            continue
        flows[flow.name], sources[flow.name] = flow, source
    own = {name for name, source in sources.items() if Path(source.name) in settings.flows}
    linked = link(flows, settings.calendars)
    led_into = {entry.flow for entry in settings.numbers.values()}
    asked = {survey.flow for _, survey in surveys_named(settings)}
    in_use = _in_use(linked, own | led_into | _led_into(settings) | asked)
    warnings: list[Problem] = []
    for name in [*linked]:
        found = _checked(linked[name], sources[name], linked, settings)
        errors = [problem for problem in found if problem.severity == "error"]
        if errors and name not in in_use:
            del linked[name]  # a shipped example, on a site without the queues it names
            continue
        problems += errors
        warnings += [problem for problem in found if problem.severity == "warning"]
    if not problems:
        problems.extend(_numbers(settings, linked))
        problems.extend(check_ways(settings.queues, linked))
        problems.extend(check_hotline(settings, linked, in_use))
        warnings.extend(_priorities(settings, [linked[name] for name in sorted(in_use & linked.keys())]))
    if problems:
        raise ConfigurationError(tuple(problems))
    return Site(settings, linked, frozenset(in_use & linked.keys()), tuple(warnings))


def _in_use(flows: Mapping[str, Flow], roots: set[str]) -> set[str]:
    """The flows named, and all that they can lead into."""
    return {name for name in flows if name in roots or any(c.name in roots for c in callers_of(flows[name], flows))}


def _checked(flow: Flow, source: Source, flows: Mapping[str, Flow], settings: Settings) -> tuple[Problem, ...]:
    known = Known(
        queues=set(settings.queues),
        skills=skills_asked_for(settings.queues),
        calendars=set(settings.calendars),
        services=set(settings.lookups),
        flows=flows,
        items={name: item.fields for name, item in settings.catalogue.items()},
        may_dial=outgoing_rules(settings).may_dial,
        attributes=_noted_before(flow, flows, settings),
    )
    return check_flow(flow, source, known=known)


def _noted_before(flow: Flow, flows: Mapping[str, Flow], settings: Settings) -> dict[str, Kind]:
    """What menus before this one may have noted: of a flow that queues lead into, any."""
    led_into = _led_into(settings)
    callers = callers_of(flow, flows)
    is_after_a_queue = flow.name in led_into or any(caller.name in led_into for caller in callers)
    before = flows.values() if is_after_a_queue else callers
    beside = {way.flow for way in ways_beside(settings.queues)}
    told = dict.fromkeys(("position", "wait_minutes"), Kind.TEXT) if flow.name in beside else {}
    return told | {name: kind for other in before for name, kind in attributes_of(other).items()}


def _led_into(settings: Settings) -> set[str]:
    return {way.flow for way in (*ways_into_flows(settings.queues), *ways_beside(settings.queues))}


def outgoing_rules(settings: Settings) -> OutgoingRules:
    said = settings.outgoing
    return OutgoingRules(
        trunk=said.trunk or "",
        allow=said.allow,
        refuse=said.refuse,
        caller_number=said.caller_number or "",
        extensions=frozenset(settings.asterisk.agent_phones.extensions),
    )


def _numbers(settings: Settings, flows: Mapping[str, Flow]) -> Iterator[Problem]:
    for number, entry in settings.numbers.items():
        flow = flows.get(entry.flow)
        message = ""
        if flow is None:
            message = f"there is no flow `{entry.flow}`{did_you_mean(entry.flow, flows)}"
        elif any(isinstance(node, Return) for node in flow.nodes.values()):
            message = f"the flow `{entry.flow}` returns to a flow that calls it: no number can lead to it"
        if message:
            yield Problem("settings", 0, 0, f"numbers.{number}.flow", message)


def _priorities(settings: Settings, flows: Sequence[Flow]) -> Iterator[Problem]:
    """Rules of priority that go by an attribute which no menu in use sets: they never hold."""
    known = {name for flow in flows for name in attributes_of(flow)}
    rules = [("routing.priorities", rule) for rule in settings.routing.priorities]
    rules += [
        (f"queues.{name}.priorities", each) for name, queue in settings.queues.items() for each in queue.priorities
    ]
    for path, rule in rules:
        asked = {*rule.menu, *((IMPACT, URGENCY) if rule.impact_urgency else ())}
        for name in sorted(asked - known):
            told = f"`{rule.name}`: no menu sets the attribute `{name}`{did_you_mean(name, known)}"
            yield Problem("settings", 0, 0, path, told, severity="warning")


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError((Problem(str(path), 0, 0, "", f"cannot be read: {error}"),)) from error
