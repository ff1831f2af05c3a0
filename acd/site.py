"""A site: its settings, menus and queues, read and checked together before a caller meets them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import structlog

from acd.domain.queue import QueuePolicy, RoutingRules
from acd.routing_site import policy_of, rules_of, skills_asked_for
from acd.service.call_flow import Route
from acd.settings import Settings
from ivr.errors import ConfigurationError, Problem
from ivr.model import PromptRef
from ivr.schema import Flow
from ivr.validate import load_flow

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
        routing = self.settings.routing
        return tuple(policy_of(name, queue, routing) for name, queue in self.settings.queues.items())

    def routing_rules(self) -> RoutingRules:
        return rules_of(self.settings.routing)

    def announcements(self) -> tuple[PromptRef, ...]:
        """What callers may hear besides the menus' prompts."""
        rules = (rule for queue in self.settings.queues.values() for rule in queue.overflow)
        return tuple(PromptRef(language, text) for rule in rules for language, text in rule.announcement.items())


def load_site(settings: Settings) -> Site:
    """Raises ConfigurationError with every problem of every flow, and of numbers that lead nowhere."""
    flows: dict[str, Flow] = {}
    problems: list[Problem] = []
    warnings: list[Problem] = []
    skills = skills_asked_for(settings.queues)
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
