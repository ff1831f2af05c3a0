"""What YAML says of people at work: reasons, how calls are offered to them, what they and closed-out callers hear."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated

from pydantic import Field, field_validator, model_validator

from acd.domain.people import OfferMode, PeopleRules, ReasonPolicy
from acd.setting_types import Language, Login, Name, Seconds, Section, Sentence

ReasonName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]


class ReasonSettings(Section):
    label: Annotated[str, Field(min_length=1, max_length=60)]
    limit_seconds: Seconds | None = None  # each time
    shift_limit_seconds: Seconds | None = None  # all times since log-in together

    @model_validator(mode="after")
    def _possible(self) -> ReasonSettings:
        if any(limit is not None and not limit for limit in (self.limit_seconds, self.shift_limit_seconds)):
            raise ValueError("a limit of 0 seconds would be passed at once; leave it out for none")
        return self


class OfferModesSettings(Section):
    """`groups` by skill, in this order; `agents` go before them, a queue's own mode after them."""

    groups: Mapping[Name, OfferMode] = {}
    agents: Mapping[Login, OfferMode] = {}


Code = Annotated[str, Field(pattern=r"^[a-z0-9_]{1,40}$")]


class WrapUpSettings(Section):
    """`wrong_number` and `spam` leave no ticket; all other codes are the site's own."""

    codes: Mapping[Code, Annotated[str, Field(min_length=1, max_length=60)]] = {
        "solved": "Solved",
        "follow_up": "To be followed up",
        "information": "Information given",
        "wrong_number": "Wrong number (no ticket)",
        "spam": "Spam (no ticket)",
    }
    required: bool = False
    extension_seconds: Seconds = timedelta(seconds=60)
    most_extension_seconds: Seconds = timedelta(seconds=300)

    @model_validator(mode="after")
    def _possible(self) -> WrapUpSettings:
        if self.required and not self.codes:
            raise ValueError("a code is required, but there is none")
        return self


class PeopleSettings(Section):
    reasons: Mapping[ReasonName, ReasonSettings] = {}
    reject_reasons: Mapping[ReasonName, Annotated[str, Field(min_length=1, max_length=60)]] = {}
    offer_modes: OfferModesSettings = OfferModesSettings()
    vip_whisper: Mapping[Language, Sentence] = {}
    closed_announcement: Mapping[Language, Sentence] = {}

    @field_validator("reasons", "reject_reasons", mode="before")
    @classmethod
    def _without_the_dropped(cls, value: object) -> object:
        """`lunch: null` in a site file takes a shipped reason away."""
        return {key: item for key, item in value.items() if item is not None} if isinstance(value, dict) else value


def people_rules_of(people: PeopleSettings) -> PeopleRules:
    return PeopleRules(
        reasons=tuple(
            ReasonPolicy(
                name=name,
                label=reason.label,
                limit=reason.limit_seconds,
                shift_limit=reason.shift_limit_seconds,
            )
            for name, reason in people.reasons.items()
        ),
        reject_reasons=tuple(people.reject_reasons.items()),
        group_modes=tuple(people.offer_modes.groups.items()),
        agent_modes=tuple(people.offer_modes.agents.items()),
        vip_whisper=tuple(people.vip_whisper.items()),
        closed_announcement=tuple(people.closed_announcement.items()),
    )
