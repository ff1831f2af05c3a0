"""Port: where surveys are kept. One contract suite for all (tests/port_contracts/test_hotline.py)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import datetime

from msgspec.structs import asdict

from ticketing.domain.survey import CSAT_VALUES, NPS_VALUES, Survey, SurveyAnswers, SurveyStart


class Surveys(ABC):
    """Every method raises DatabaseError when the database cannot be asked."""

    @abstractmethod
    async def begin(self, start: SurveyStart, *, not_since: datetime) -> bool:
        """Note that this caller is asked now, unless the number was asked at `not_since` or later: then False. Of two
        calls of one number at once one is asked. The same call again is asked again."""

    @abstractmethod
    async def answer(self, linkedid: str, answers: SurveyAnswers) -> None:
        """Answers out of range, and those of a call that was not asked, are left out: a phone may send any key."""

    @abstractmethod
    async def surveys_since(self, instant: datetime, limit: int) -> tuple[Survey, ...]:
        """Asked at `instant` or later, latest first."""

    @abstractmethod
    async def survey(self, linkedid: str) -> Survey | None: ...


def fitting(answers: SurveyAnswers) -> dict[str, object]:
    """The answers given, without those out of range."""
    given = {name: value for name, value in asdict(answers).items() if value is not None}
    for name, values in (("csat", CSAT_VALUES), ("nps", NPS_VALUES)):
        if name in given and given[name] not in values:
            del given[name]
    return given
