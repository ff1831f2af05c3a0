"""A site: its settings, menus and queues, read and checked together before a caller meets them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import structlog

from acd.domain.ids import QueueName
from acd.domain.queue import QueuePolicy
from acd.service.call_flow import Route
from acd.settings import Settings
from ivr.errors import ConfigurationError, Problem
from ivr.schema import Flow
from ivr.validate import load_flow
from routing.model import canonical

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Site:
    settings: Settings
    flows: Mapping[str, Flow]
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


def load_site(settings: Settings) -> Site:
    """Raises ConfigurationError with every problem of every flow, and of numbers that lead nowhere."""
    flows: dict[str, Flow] = {}
    problems: list[Problem] = []
    warnings: list[Problem] = []
    skills = {skill for queue in settings.queues.values() for skill in queue.skills}
    for path in settings.flow_files:
        try:
            flow, found = load_flow(_read(path), str(path), known_queues=set(settings.queues), known_skills=skills)
        except ConfigurationError as error:
            problems.extend(error.problems)
            continue
        flows[flow.name] = flow
        warnings.extend(found)
    if not problems:
        problems.extend(
            Problem("settings", 0, 0, f"numbers.{number}.flow", f"there is no flow `{entry.flow}`")
            for number, entry in settings.numbers.items()
            if entry.flow not in flows
        )
    if problems:
        raise ConfigurationError(tuple(problems))
    return Site(settings, flows, tuple(warnings))


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError((Problem(str(path), 0, 0, "", f"cannot be read: {error}"),)) from error
