"""A scenario as it is written in YAML: who calls when and for how long, who works when, and the queues they meet.

site: site.yaml            # queues and routing of a site; the shipped ones otherwise
queues: {...}              # and on top of it, as in a site file
routing: {...}
calendars: {...}
hours: 10
warm_up_hours: 1           # not counted
calls:
  - {queue: support, per_hour: 200, handle: {mean: 300}, patience: {mean: 120}}
  - {queue: orders, per_half_hour: [20, 40, 60], handle: {kind: lognormal, mean: 240, deviation: 120}}
agents:
  - {group: first_line, count: 14, skills: {support: 1}, breaks: [{from_hours: 4, to_hours: 4.5}]}
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import UTC, datetime
from math import log, sqrt
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, model_validator

from acd.queue_settings import QueueSettings, RoutingSettings
from acd.routing_site import check_routing, refuse_what_has_moved
from acd.service.taste import taste_of
from acd.service.users import UserError
from acd.setting_types import Language, Levels, Login, MenuName, Name, Section
from acd.settings import load_settings
from ivr.calendar import Calendar
from ivr.errors import ConfigurationError, Problem
from ivr.source import Source, load, merge
from routing import Taste

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]


class Times(Section):
    """Seconds, drawn."""

    kind: Literal["exponential", "lognormal", "fixed"] = "exponential"
    mean: Positive
    deviation: Positive | None = None  # of lognormal; half the mean otherwise

    def draw(self, chance: random.Random) -> float:
        if self.kind == "fixed":
            return self.mean
        if self.kind == "exponential":
            return chance.expovariate(1 / self.mean)
        spread = log(1 + ((self.deviation or self.mean / 2) / self.mean) ** 2)
        return chance.lognormvariate(log(self.mean) - spread / 2, sqrt(spread))


class CallsSettings(Section):
    """A stream of calls. `per_half_hour`: from the beginning of the day; after its end nobody calls."""

    queue: Name
    per_hour: Positive | None = None
    per_half_hour: tuple[Annotated[float, Field(ge=0)], ...] = ()
    handle: Times  # talk
    patience: Times | None = None  # None: they wait for ever
    skills: Levels = Field(default={})
    language: Language = "fr"
    priority: Annotated[int, Field(ge=0, le=9)] | None = None

    @model_validator(mode="after")
    def _one_rate(self) -> CallsSettings:
        if (self.per_hour is None) != bool(self.per_half_hour):
            raise ValueError("give per_hour or per_half_hour")
        return self

    def rate_at(self, hours: float) -> float:
        """Calls per hour."""
        if self.per_hour is not None:
            return self.per_hour
        slot = int(hours * 2)
        return 2 * self.per_half_hour[slot] if slot < len(self.per_half_hour) else 0.0

    @property
    def peak(self) -> float:
        return self.per_hour if self.per_hour is not None else 2 * max(self.per_half_hour)


class Period(Section):
    from_hours: Annotated[float, Field(ge=0)]
    to_hours: Positive

    @model_validator(mode="after")
    def _in_order(self) -> Period:
        if self.to_hours <= self.from_hours:
            raise ValueError("to_hours must be after from_hours")
        return self


class AgentsSettings(Section):
    """Agents alike. Away outside their shift and in their breaks, after the call they have."""

    group: Name
    count: Annotated[int, Field(ge=1, le=20_000)]
    skills: Levels = Field(default={})
    shift: Period | None = None  # None: all the time
    breaks: tuple[Period, ...] = ()
    wrap_up: Times | None = None  # None: none; longer ones than the queue's limit are cut short by it
    no_answer: Share = 0.0  # of calls offered; back after `back_after_seconds`
    back_after_seconds: Positive = 60.0
    prefers: tuple[Name, ...] = ()  # queues
    allocation: Mapping[Name, Annotated[int, Field(ge=1, le=100)]] = {}  # percent of calls, by queue

    @model_validator(mode="after")
    def _one_taste(self) -> AgentsSettings:
        try:
            self.taste()
        except UserError as error:
            raise ValueError(str(error)) from None
        return self

    def taste(self) -> Taste | None:
        return taste_of(self.prefers, self.allocation)


class ReplaySettings(Section):
    """What is different about the people of a recorded day."""

    skills: Mapping[Login, Levels] = {}  # instead of what they had
    without: tuple[Login, ...] = ()  # who stays at home


class Configuration(Section):
    """What a day is played through."""

    site: Path | None = None
    seed: int = 1
    queues: Mapping[Name, QueueSettings] = {}
    routing: RoutingSettings = RoutingSettings()
    calendars: Mapping[MenuName, Calendar] = {}
    replay: ReplaySettings = ReplaySettings()
    start: AwareDatetime = datetime(2026, 11, 23, 8, tzinfo=UTC)
    warm_up_hours: Annotated[float, Field(ge=0)] = 0.0


class ReplayScenario(Configuration):
    """A scenario for a recorded day: its calls, agents and hours, if it has any, are not looked at."""

    hours: Positive | None = None
    calls: tuple[CallsSettings, ...] = ()
    agents: tuple[AgentsSettings, ...] = ()


class Scenario(Configuration):
    hours: Positive
    calls: Annotated[tuple[CallsSettings, ...], Field(min_length=1)]
    agents: Annotated[tuple[AgentsSettings, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _counted(self) -> Scenario:
        if self.warm_up_hours >= self.hours:
            raise ValueError("warm_up_hours must leave something to count")
        return self


def load_scenario(path: Path) -> Scenario:
    """Raises ConfigurationError with every problem as file:line:column."""
    return scenario_of(_read(path), path.parent)


def load_replay(path: Path) -> ReplayScenario:
    """For a recorded day. Raises ConfigurationError likewise."""
    return replay_of(_read(path), path.parent)


def _read(path: Path) -> Source:
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError((Problem(str(path), 0, 0, "", f"cannot be read: {error}"),)) from error
    return load(text, str(path))


def scenario_of(own: Source, folder: Path) -> Scenario:
    """`folder`: where a `site` that is named is looked for."""
    source = _with_site(own, folder)
    scenario = source.validate(Scenario)
    problems = list(check_routing(scenario.queues, scenario.routing, scenario.calendars, source))
    problems += [
        source.problem(("calls", index, "queue"), f"there is no queue `{calls.queue}`")
        for index, calls in enumerate(scenario.calls)
        if calls.queue not in scenario.queues
    ]
    if problems:
        raise ConfigurationError(problems)
    return scenario


def replay_of(own: Source, folder: Path) -> ReplayScenario:
    source = _with_site(own, folder)
    scenario = source.validate(ReplayScenario)
    if problems := check_routing(scenario.queues, scenario.routing, scenario.calendars, source):
        raise ConfigurationError(problems)
    return scenario


def _with_site(own: Source, folder: Path) -> Source:
    named = own.data.get("site")
    site = load_settings(folder / named if isinstance(named, str) else None, environment={})
    dumped = site.model_dump(mode="json", exclude_none=True, include={"queues", "routing", "calendars"})
    source = merge([Source.of_data(dumped, "site ({path})"), own], whole=("calendars",))
    refuse_what_has_moved(source)
    return source
