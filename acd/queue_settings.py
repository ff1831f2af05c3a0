"""What YAML says of queues and routing. `acd.routing_site` checks it for sense and makes policies of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, time, timedelta
from typing import Annotated, Literal, get_args
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, field_validator, model_validator

from acd.domain.opening import Window
from acd.domain.queue import OverflowCause, PreferredBy, RecordingMode
from routing import AgentChoice, ItemChoice

Language = Literal["fr", "en"]
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = get_args(Day)


def _seconds(value: object) -> object:
    """YAML carries plain numbers of seconds; inside they are timedeltas."""
    if isinstance(value, bool):
        raise ValueError("a number of seconds is expected")  # noqa: TRY004  # pydantic reports ValueErrors
    if isinstance(value, str):
        value = float(value)
    try:
        return timedelta(seconds=value) if isinstance(value, int | float) else value
    except OverflowError:
        raise ValueError("so many seconds are more than anybody waits") from None


Seconds = Annotated[
    timedelta, BeforeValidator(_seconds), PlainSerializer(timedelta.total_seconds), Field(ge=timedelta(0))
]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]
Login = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,39}$")]
Level = Annotated[int, Field(ge=0, le=100)]
Levels = Mapping[Name, Level]
Priority = Annotated[int, Field(ge=0, le=9)]


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _windows(value: object) -> object:
    """`["08:00-12:00", "13:00-18:00"]`; an empty list is a closed day."""
    if not isinstance(value, list | tuple):
        raise ValueError("a list of windows such as `08:00-18:00` is expected")  # noqa: TRY004
    return tuple(_window(each) if isinstance(each, str) else each for each in value)


def _window(text: str) -> Window:
    opens, dash, closes = text.partition("-")
    try:
        window = Window(time.fromisoformat(opens.strip()), time() if closes.strip() == "24:00" else _end(closes))
    except ValueError:
        raise ValueError("a window is written `08:00-18:00`") from None
    if not dash or (window.closes <= window.opens and window.closes != time()):
        raise ValueError("a window ends after it begins; one past midnight is two windows")
    return window


def _end(text: str) -> time:
    return time.fromisoformat(text.strip())


Windows = Annotated[
    tuple[Window, ...],
    BeforeValidator(_windows),
    PlainSerializer(lambda windows: [f"{each.opens:%H:%M}-{each.closes:%H:%M}" for each in windows]),
]


class CalendarSettings(Section):
    """Opening hours by the wall clock of `zone`. A day that is not named is closed; `special` days go before."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    zone: str
    week: Mapping[Day, Windows]
    special: Mapping[date, Windows] = {}

    @field_validator("zone")
    @classmethod
    def _known(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (OSError, ValueError, LookupError):
            raise ValueError("there is no such time zone; give an IANA name such as Europe/Paris") from None
        return name


class TasteSettings(Section):
    """How one agent chooses among queues."""

    prefers: tuple[Name, ...] = ()
    allocation: Mapping[Name, Annotated[int, Field(ge=1, le=100)]] = {}

    @model_validator(mode="after")
    def _one_way(self) -> TasteSettings:
        if self.prefers and self.allocation:
            raise ValueError("give `prefers` or `allocation`, not both")
        if self.allocation and sum(self.allocation.values()) != 100:
            raise ValueError("the percentages must add up to 100")
        return self


class RoutingSettings(Section):
    item_choice: ItemChoice = ItemChoice.PRIORITY
    priority_worth_seconds: Annotated[float, Field(gt=0)] | None = None
    seed: int = 0
    calendars: Mapping[Name, CalendarSettings] = {}
    agents: Mapping[Login, TasteSettings] = {}


class PreferredSettings(Section):
    by: PreferredBy
    for_seconds: Seconds
    agents: tuple[Login, ...] = ()

    @model_validator(mode="after")
    def _named(self) -> PreferredSettings:
        if (self.by is PreferredBy.NAMED) != bool(self.agents):
            raise ValueError("`agents` goes with `by: named`, and only there")
        return self


class StepSettings(Section):
    after_seconds: Seconds
    levels: Levels = {}
    drop: tuple[Name, ...] = ()
    groups: tuple[Name, ...] = ()
    priority: Priority | None = None
    anyone: bool = False
    queue: Name | None = None
    at_once_if_nobody: bool = True
    if_wait_over_seconds: Seconds | None = None

    @model_validator(mode="after")
    def _does_something(self) -> StepSettings:
        if not (self.levels or self.drop or self.groups or self.anyone or self.queue or self.priority is not None):
            raise ValueError("a step changes something: levels, drop, groups, priority, anyone or queue")
        return self


class ReserveSettings(Section):
    group: Name
    call_up_waiting: Annotated[int, Field(ge=1)] | None = None
    call_up_wait_seconds: Seconds | None = None
    stand_down_waiting: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _thresholds(self) -> ReserveSettings:
        if self.call_up_waiting is None and self.call_up_wait_seconds is None:
            raise ValueError("give call_up_waiting, call_up_wait_seconds or both")
        if self.call_up_waiting is not None and self.call_up_waiting <= self.stand_down_waiting:
            raise ValueError("stand_down_waiting must be below call_up_waiting")
        return self


class OverflowSettings(Section):
    when: OverflowCause
    limit: Annotated[float, Field(gt=0)] | None = None
    queue: Name | None = None
    announcement: Mapping[Language, Annotated[str, Field(min_length=1, max_length=600)]] = {}

    @model_validator(mode="after")
    def _whole(self) -> OverflowSettings:
        needs_limit = self.when in {OverflowCause.TOO_MANY_WAITING, OverflowCause.WAIT_TOO_LONG}
        if needs_limit != (self.limit is not None):
            raise ValueError("`limit` goes with too_many_waiting (calls) and wait_too_long (seconds), and only there")
        if (self.queue is None) != bool(self.announcement):
            raise ValueError("give a queue to go to, or an announcement that ends the call")
        return self


class QueueRecordingSettings(Section):
    """`share_percent` of the calls goes with `mode: share`. `keep_days`: another time than all recordings' own."""

    mode: RecordingMode = RecordingMode.OFF
    share_percent: Annotated[float, Field(gt=0, le=100)] | None = None
    keep_days: Annotated[int, Field(ge=1, le=36500)] | None = None

    @model_validator(mode="after")
    def _whole(self) -> QueueRecordingSettings:
        if (self.mode is RecordingMode.SHARE) != (self.share_percent is not None):
            raise ValueError("`share_percent` goes with `mode: share`, and only there")
        return self


class QueueSettings(Section):
    label: str
    skills: Levels = {}
    any_of: tuple[Annotated[Levels, Field(min_length=1)], ...] = ()
    exclude: Levels = {}  # who has as much of it does not get these calls
    priority: Priority = 5  # 0 is served first
    language_is_skill: bool = False  # the caller's language becomes a required skill ("fr" >= 1)
    offer_time_seconds: Seconds
    wrap_up_time_seconds: Seconds
    service_level_seconds: Seconds
    short_abandon_seconds: Seconds
    agent_choice: AgentChoice = AgentChoice.LONGEST_IDLE
    most_in_a_row: Annotated[int, Field(ge=0)] = 0
    preferred: tuple[PreferredSettings, ...] = ()
    steps: tuple[StepSettings, ...] = ()
    reserve: ReserveSettings | None = None
    hours: Name | None = None  # of routing.calendars
    overflow: tuple[OverflowSettings, ...] = ()
    recording: QueueRecordingSettings = QueueRecordingSettings()
