"""What YAML says of surveys after the talk, and of the catalogue."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from acd.setting_types import MenuName, Section


class SurveySettings(Section):
    """Of a queue or a number: which flow, and for what share of its answered calls."""

    flow: MenuName
    share: Annotated[float, Field(ge=0, le=1)] = 1.0


class SurveysSettings(Section):
    """Of all surveys."""

    not_again_within_days: Annotated[float, Field(ge=0, le=3650)] = 30.0


class CatalogueItemSettings(Section):
    """What callers can ask for on the keypad. `title`: of the ticket, with values in braces, such as `{contact}`; the
    label without one. `fields`: attributes that menus set, kept as the answers."""

    label: Annotated[str, Field(min_length=1, max_length=100)]
    title: Annotated[str, Field(max_length=200)] = ""
    queue: Annotated[str, Field(max_length=60)] = ""
    service: Annotated[str, Field(max_length=100)] = ""
    fields: tuple[MenuName, ...] = ()
