"""Surveys in SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from msgspec.structs import asdict
from sqlalchemy import RowMapping, Select, func, insert, select, text, update

from ticketing.adapters.database import Database
from ticketing.adapters.hotline_tables import surveys
from ticketing.adapters.tables import interactions, ticket_interactions
from ticketing.domain.survey import Survey, SurveyAnswers, SurveyStart
from ticketing.domain.ticket_number import number_of_serial
from ticketing.service.surveys import Surveys, fitting


class SqlSurveys(Surveys):
    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, start: SurveyStart, *, not_since: datetime) -> bool:
        lately = select(func.count()).where(surveys.c.number == start.number, surveys.c.asked_at >= not_since)
        known = select(func.count()).where(surveys.c.linkedid == start.linkedid)
        async with self._database.write() as connection:
            if not self._database.is_sqlite:  # two calls of one number at once: one after the other
                await connection.execute(
                    text("SELECT pg_advisory_xact_lock(hashtext(:number))"), {"number": start.number}
                )
            if await connection.scalar(known):
                return True
            if await connection.scalar(lately):
                return False
            await connection.execute(insert(surveys), asdict(start))
            return True

    async def answer(self, linkedid: str, answers: SurveyAnswers) -> None:
        values = fitting(answers)
        if not values:
            return
        async with self._database.write() as connection:
            await connection.execute(update(surveys).where(surveys.c.linkedid == linkedid).values(values))

    async def surveys_since(self, instant: datetime, limit: int) -> tuple[Survey, ...]:
        statement = _SURVEY.where(surveys.c.asked_at >= instant).order_by(
            surveys.c.asked_at.desc(), surveys.c.id.desc()
        )
        async with self._database.read() as connection:
            return tuple(_survey(row) for row in (await connection.execute(statement.limit(limit))).mappings())

    async def survey(self, linkedid: str) -> Survey | None:
        async with self._database.read() as connection:
            row = (await connection.execute(_SURVEY.where(surveys.c.linkedid == linkedid))).mappings().first()
        return None if row is None else _survey(row)


_TICKET = (
    select(func.max(ticket_interactions.c.ticket_serial))
    .join(interactions, interactions.c.id == ticket_interactions.c.interaction_id)
    .where(interactions.c.linkedid == surveys.c.linkedid)
    .scalar_subquery()
)
_SURVEY: Select[Any] = select(*surveys.c, _TICKET.label("ticket_serial"))


def _survey(row: RowMapping) -> Survey:
    facts = {name: row[name] for name in Survey.__struct_fields__ if name != "ticket_number"}
    serial = row["ticket_serial"]
    return Survey(ticket_number=number_of_serial(serial) if serial is not None else None, **facts)
