"""A site: its settings, menus and queues, read and checked together before a caller meets them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from acd.domain.ids import QueueName
from acd.domain.queue import QueuePolicy
from acd.service.menu import Route
from acd.settings import Settings
from ivr.errors import ConfigurationError, Problem, did_you_mean
from ivr.nodes import Return
from ivr.schema import Flow, link
from ivr.source import Source
from ivr.validate import Known, attributes_of, callers_of, check_flow, read_flow
from routing.model import canonical


@dataclass(frozen=True, slots=True)
class Site:
    settings: Settings
    flows: Mapping[str, Flow]
    warnings: tuple[Problem, ...]

    def route_of(self, called_number: str) -> Route:
        """Raises LookupError for a number that is not configured."""
        number = self.settings.numbers[called_number]
        return Route(flow=self.flows[number.flow], language=number.language)

    def queue_policies(self) -> tuple[QueuePolicy, ...]:
        return tuple(
            QueuePolicy(
                name=QueueName(name),
                label=queue.label,
                requirements=canonical(queue.skills),
                language_is_skill=queue.language_is_skill,
                priority=queue.priority,
                offer_time=queue.offer_time_seconds,
                wrap_up_time=queue.wrap_up_time_seconds,
                service_level_time=queue.service_level_seconds,
                short_abandon_time=queue.short_abandon_seconds,
            )
            for name, queue in self.settings.queues.items()
        )


class LiveSite:
    """The site new callers meet now. Callers inside keep the flow they entered: what is linked never changes."""

    def __init__(self, site: Site) -> None:
        self.site = site

    def route_of(self, called_number: str) -> Route:
        return self.site.route_of(called_number)


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
    linked = link(flows, settings.calendars)
    found = [problem for name, flow in linked.items() for problem in _checked(flow, sources[name], linked, settings)]
    problems += [problem for problem in found if problem.severity == "error"]
    if not problems:
        problems.extend(_numbers(settings, linked))
    if problems:
        raise ConfigurationError(tuple(problems))
    return Site(settings, linked, tuple(problem for problem in found if problem.severity == "warning"))


def _checked(flow: Flow, source: Source, flows: Mapping[str, Flow], settings: Settings) -> tuple[Problem, ...]:
    known = Known(
        queues=set(settings.queues),
        skills={skill for queue in settings.queues.values() for skill in queue.skills},
        calendars=set(settings.calendars),
        services=set(settings.lookups),
        flows=flows,
        attributes={name: kind for caller in callers_of(flow, flows) for name, kind in attributes_of(caller).items()},
    )
    return check_flow(flow, source, known=known)


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


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError((Problem(str(path), 0, 0, "", f"cannot be read: {error}"),)) from error
