"""What YAML says of surveys after the talk."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

MenuName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]


class SurveySettings(BaseModel):
    """Of a queue or a number: which flow, and for what share of its answered calls."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    flow: MenuName
    share: Annotated[float, Field(ge=0, le=1)] = 1.0


class SurveysSettings(BaseModel):
    """Of all surveys."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    not_again_within_days: Annotated[float, Field(ge=0, le=3650)] = 30.0
