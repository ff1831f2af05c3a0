"""Surveys after a talk: how content the caller is, and what becomes of the answers."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from msgspec import Struct

CSAT_VALUES = range(1, 6)
NPS_VALUES = range(11)


class SurveyStart(Struct, frozen=True, kw_only=True):
    """A caller is about to be asked. `number`: E.164."""

    linkedid: str
    number: str
    asked_at: datetime
    flow: str = ""
    queue: str = ""
    agent_id: str = ""
    language: str = ""


class Survey(SurveyStart, frozen=True, kw_only=True):
    """`csat` 1 (bad) to 5, `nps` 0 to 10, `is_resolved`: the caller says that this call settled it. `comment`: name of
    the recording; None where the question was not answered. `ticket_number`: of the call, once there is one."""

    csat: int | None = None
    nps: int | None = None
    is_resolved: bool | None = None
    comment: str | None = None
    comment_time: timedelta | None = None
    ticket_number: str | None = None


class SurveyAnswers(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is new; None leaves an answer as it is."""

    csat: int | None = None
    nps: int | None = None
    is_resolved: bool | None = None
    comment: str | None = None
    comment_time: timedelta | None = None


class SurveyFigures(Struct, frozen=True, kw_only=True):
    """Of a set of surveys. `csat`: share of answers 4 and 5 among answers 1 to 5. `nps`: share of 9 and 10 less that
    of 0 to 6, times 100: -100 to 100. `first_contact_resolution`: share of yes. None without an answer."""

    asked: int
    answered: int  # one question at least
    csat: float | None
    csat_mean: float | None
    nps: float | None
    first_contact_resolution: float | None
    comments: int


def survey_figures(surveys: Iterable[Survey]) -> SurveyFigures:
    every = tuple(surveys)
    content = [one.csat for one in every if one.csat is not None]
    loyal = [one.nps for one in every if one.nps is not None]
    resolved = [one.is_resolved for one in every if one.is_resolved is not None]
    comments = sum(one.comment is not None for one in every)
    answered = sum(
        not (one.csat is None and one.nps is None and one.is_resolved is None and one.comment is None) for one in every
    )
    promoters, detractors = sum(value >= 9 for value in loyal), sum(value <= 6 for value in loyal)
    return SurveyFigures(
        asked=len(every),
        answered=answered,
        csat=_share(sum(value >= 4 for value in content), len(content)),
        csat_mean=round(sum(content) / len(content), 2) if content else None,
        nps=round(100 * (promoters - detractors) / len(loyal), 1) if loyal else None,
        first_contact_resolution=_share(sum(resolved), len(resolved)),
        comments=comments,
    )


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None
