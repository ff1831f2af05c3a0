"""Types that all sections of the settings share."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

Language = Literal["fr", "en"]
MenuName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]  # as menus write names


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
Sentence = Annotated[str, Field(min_length=1, max_length=600)]  # spoken


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
