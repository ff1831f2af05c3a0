"""Major incidents in SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from msgspec.structs import asdict
from sqlalchemy import RowMapping, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError

from ticketing.adapters.database import Database
from ticketing.adapters.hotline_tables import incident_callers, incidents
from ticketing.domain.errors import IncidentNotFoundError
from ticketing.domain.major_incident import (
    IncidentCaller,
    IncidentDraft,
    IncidentId,
    IncidentTally,
    MajorIncident,
    check_incident,
)
from ticketing.domain.text import LINE_LENGTH, NAME_LENGTH, clean_text
from ticketing.service.incidents import MajorIncidents

_PREFIX: Final = "incident_"
_UNKNOWN: Final = 0  # serials begin at 1
_INSERT: Final = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


class SqlMajorIncidents(MajorIncidents):
    def __init__(self, database: Database) -> None:
        self._database = database

    async def declare(self, draft: IncidentDraft, at: datetime) -> MajorIncident:
        checked = check_incident(draft)
        row = asdict(checked) | {"declared_at": at, "closed_at": None, "closed_by": ""}
        async with self._database.write() as connection:
            key = await connection.scalar(insert(incidents).returning(incidents.c.id), row)
        return MajorIncident(id=IncidentId(f"{_PREFIX}{key}"), declared_at=at, **asdict(checked))

    async def close(self, incident_id: IncidentId, *, by: str, at: datetime) -> MajorIncident:
        key = _key(incident_id)
        statement = update(incidents).where(incidents.c.id == key, incidents.c.closed_at.is_(None))
        async with self._database.write() as connection:
            await connection.execute(statement.values(closed_at=at, closed_by=by))
            row = (await connection.execute(select(incidents).where(incidents.c.id == key))).mappings().first()
        if row is None:
            raise IncidentNotFoundError("there is no major incident of this id")
        return _incident(row)

    async def incident(self, incident_id: IncidentId) -> MajorIncident | None:
        async with self._database.read() as connection:
            statement = select(incidents).where(incidents.c.id == _key(incident_id))
            row = (await connection.execute(statement)).mappings().first()
        return None if row is None else _incident(row)

    async def open_ones(self) -> tuple[MajorIncident, ...]:
        return await self._incidents(select(incidents).where(incidents.c.closed_at.is_(None)).order_by(incidents.c.id))

    async def latest(self, limit: int) -> tuple[MajorIncident, ...]:
        return await self._incidents(select(incidents).order_by(incidents.c.id.desc()).limit(limit))

    async def _incidents(self, statement: Any) -> tuple[MajorIncident, ...]:
        async with self._database.read() as connection:
            return tuple(_incident(row) for row in (await connection.execute(statement)).mappings())

    async def note_caller(self, incident_id: IncidentId, caller: IncidentCaller) -> None:
        statement: Any = _INSERT["sqlite" if self._database.is_sqlite else "postgresql"](incident_callers)
        wishes = incident_callers.c.wants_word | statement.excluded.wants_word
        statement = statement.on_conflict_do_update(
            index_elements=["incident_id", "linkedid"], set_={"wants_word": wishes}
        )
        row = asdict(caller) | {
            "incident_id": _key(incident_id),
            "number": clean_text(caller.number, LINE_LENGTH),
            "name": clean_text(caller.name, LINE_LENGTH),
            "language": caller.language[:35],
            "linkedid": clean_text(caller.linkedid, NAME_LENGTH),
        }
        try:
            async with self._database.write() as connection:
                await connection.execute(statement, row)
        except IntegrityError as error:
            raise IncidentNotFoundError("there is no major incident of this id") from error

    async def callers(self, incident_id: IncidentId, *, want_word: bool = False) -> tuple[IncidentCaller, ...]:
        statement = select(incident_callers).where(incident_callers.c.incident_id == _key(incident_id))
        if want_word:
            statement = statement.where(incident_callers.c.wants_word)
        statement = statement.order_by(incident_callers.c.rang_at, incident_callers.c.linkedid)
        async with self._database.read() as connection:
            return tuple(_caller(row) for row in (await connection.execute(statement)).mappings())

    async def tallies(self) -> Mapping[IncidentId, IncidentTally]:
        wanted = func.count().filter(incident_callers.c.wants_word)
        told = func.count(incident_callers.c.told_at)
        statement = select(incident_callers.c.incident_id, func.count(), wanted, told)
        async with self._database.read() as connection:
            rows = await connection.execute(statement.group_by(incident_callers.c.incident_id))
            return {
                IncidentId(f"{_PREFIX}{key}"): IncidentTally(rang=rang, want_word=want_word, told=had)
                for key, rang, want_word, had in rows
            }

    async def mark_told(self, incident_id: IncidentId, linkedid: str, *, by: str, at: datetime) -> bool:
        mine = (incident_callers.c.incident_id == _key(incident_id)) & (incident_callers.c.linkedid == linkedid)
        mine &= incident_callers.c.wants_word
        async with self._database.write() as connection:
            statement = update(incident_callers).where(mine, incident_callers.c.told_at.is_(None))
            await connection.execute(statement.values(told_at=at, told_by=by))
            return await connection.scalar(select(func.count()).where(mine)) == 1


def _key(incident_id: IncidentId) -> int:
    """No row for text that is no id: ids come back from browsers."""
    digits = incident_id.removeprefix(_PREFIX)
    is_id = digits != incident_id and digits.isascii() and digits.isdigit() and len(digits) <= 18
    return int(digits) if is_id else _UNKNOWN


def _incident(row: RowMapping) -> MajorIncident:
    facts = {name: row[name] for name in MajorIncident.__struct_fields__ if name not in ("id", "sentences")}
    return MajorIncident(id=IncidentId(f"{_PREFIX}{row['id']}"), sentences=row["sentences"] or {}, **facts)


def _caller(row: RowMapping) -> IncidentCaller:
    return IncidentCaller(**{name: row[name] for name in IncidentCaller.__struct_fields__})
