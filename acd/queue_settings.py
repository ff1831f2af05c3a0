"""What YAML says of queues and routing. `acd.routing_site` checks it for sense and makes policies of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from acd.callback_settings import AnnounceSettings, CallbackSettings, PresentedNumber
from acd.domain.people import OfferMode
from acd.domain.queue import OverflowCause, PreferredBy, RecordingMode
from acd.hotline_settings import SurveySettings
from acd.people_settings import WrapUpSettings
from acd.setting_types import Language, Levels, Login, MenuName, Name, Priority, Seconds, Section, Sentence
from routing import AgentChoice, ItemChoice


def _listed(value: object) -> object:
    """One value needs no brackets."""
    return (value,) if isinstance(value, str) else value


Value = Annotated[str, Field(min_length=1, max_length=100)]
OneOf = Annotated[tuple[Value, ...], BeforeValidator(_listed)]


class PrioritySettings(Section):
    """A class of calls and its priority. All that is given must hold; of a list one."""

    name: Annotated[str, Field(min_length=1, max_length=60)]
    priority: Priority | None = None
    vip: bool | None = None
    contract: OneOf = ()
    organisation: OneOf = ()
    ticket_priority: Annotated[tuple[Literal["low", "normal", "high", "urgent"], ...], BeforeValidator(_listed)] = ()
    menu: Mapping[MenuName, OneOf] = {}  # attributes that the menu has set
    impact_urgency: Mapping[Value, Mapping[Value, Priority]] = {}  # priority by the attributes `impact` and `urgency`

    @model_validator(mode="after")
    def _decides(self) -> PrioritySettings:
        if (self.priority is None) != bool(self.impact_urgency):
            raise ValueError("give `priority`, or `impact_urgency` with the priorities by impact and urgency")
        is_asked = self.vip is not None or self.contract or self.organisation or self.ticket_priority or self.menu
        if not (is_asked or self.impact_urgency):
            raise ValueError("say whose it is: vip, contract, organisation, ticket_priority, menu or impact_urgency")
        return self


class RoutingSettings(Section):
    item_choice: ItemChoice = ItemChoice.PRIORITY
    priority_worth_seconds: Annotated[float, Field(gt=0)] | None = None
    seed: int = 0
    priorities: tuple[PrioritySettings, ...] = ()  # of all queues, after their own


class PreferredSettings(Section):
    by: PreferredBy
    for_seconds: Seconds
    agents: tuple[Login, ...] = ()

    @model_validator(mode="after")
    def _named(self) -> PreferredSettings:
        if self.by is PreferredBy.SUPERVISOR:
            raise ValueError("a supervisor gives calls by hand; choose ticket_owner, last_agent or named")
        if (self.by is PreferredBy.NAMED) != bool(self.agents):
            raise ValueError("`agents` goes with `by: named`, and only there")
        return self


class StepSettings(Section):
    after_seconds: Seconds
    levels: Levels = Field(default={})
    drop: tuple[Name, ...] = ()
    groups: tuple[Name, ...] = ()
    priority: Priority | None = None
    anyone: bool = False
    queue: Name | None = None
    flow: MenuName | None = None
    at_once_if_nobody: bool = True
    if_wait_over_seconds: Seconds | None = None

    @model_validator(mode="after")
    def _does_something(self) -> StepSettings:
        does = (self.levels, self.drop, self.groups, self.anyone, self.queue, self.flow)
        if not any(does) and self.priority is None:
            raise ValueError("a step changes something: levels, drop, groups, priority, anyone, queue or flow")
        if self.queue and self.flow:
            raise ValueError("a step sends the call to a queue or into a flow, not both")
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
    flow: MenuName | None = None
    announcement: Mapping[Language, Sentence] = {}

    @model_validator(mode="after")
    def _whole(self) -> OverflowSettings:
        needs_limit = self.when in {OverflowCause.TOO_MANY_WAITING, OverflowCause.WAIT_TOO_LONG}
        if needs_limit != (self.limit is not None):
            raise ValueError("`limit` goes with too_many_waiting (calls) and wait_too_long (seconds), and only there")
        if sum(map(bool, (self.queue, self.flow, self.announcement))) != 1:
            raise ValueError("give a queue to go to, a flow to go on in, or an announcement that ends the call")
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
    skills: Levels = Field(default={})
    any_of: tuple[Annotated[Levels, Field(min_length=1)], ...] = ()
    exclude: Levels = Field(default={})  # who has as much of it does not get these calls
    priority: Priority = 5  # 0 is served first
    priorities: tuple[PrioritySettings, ...] = ()
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
    hours: Name | None = None  # of `calendars`
    overflow: tuple[OverflowSettings, ...] = ()
    callback: CallbackSettings | None = None
    announce: AnnounceSettings | None = None
    ring_back_seconds: Seconds = timedelta(0)
    caller_number: PresentedNumber | None = None
    pick_up: bool = False  # agents may take a waiting call by hand
    survey: SurveySettings | None = None  # after the talk
    recording: QueueRecordingSettings = QueueRecordingSettings()
    wrap_up: WrapUpSettings = WrapUpSettings()
    offer_mode: OfferMode = OfferMode.RING
    whisper: Mapping[Language, Annotated[str, Field(min_length=1, max_length=100)]] = {}  # to the agent alone
