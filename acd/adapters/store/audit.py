"""AuditLog in the database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime

from sqlalchemy import insert, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from acd.adapters.store.tables import audit_log
from acd.service.audit import ASKED, AuditEntry, AuditLog, AuditUnavailableError, Deed
from ticketing.api import Database, DatabaseError


class SqlAuditLog(AuditLog):
    """On the tables that SqlUserDirectory.open brings up to date."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, deed: Deed, at: datetime) -> int:
        values = {
            "at": at,
            "who": deed.who,
            "action": deed.action,
            "subject": _text(deed.subject),
            "reason": _text(deed.reason),
            "outcome": ASKED,
            "details": {name: _text(value) for name, value in deed.details.items()},
        }
        async with self._reach(self._database.write()) as connection:
            written = await connection.execute(insert(audit_log).values(values).returning(audit_log.c.id))
            return int(written.scalar_one())

    async def settle(self, entry_id: int, outcome: str) -> None:
        async with self._reach(self._database.write()) as connection:
            await connection.execute(update(audit_log).where(audit_log.c.id == entry_id).values(outcome=outcome))

    async def entries(self, *, before: int | None = None, who: str = "", limit: int = 100) -> list[AuditEntry]:
        query = select(audit_log).order_by(audit_log.c.id.desc()).limit(limit)
        if before is not None:
            query = query.where(audit_log.c.id < before)
        if who:
            query = query.where(audit_log.c.who == who)
        async with self._reach(self._database.read()) as connection:
            return [
                AuditEntry(
                    entry_id=row.id,
                    at=row.at,
                    deed=Deed(
                        who=row.who,
                        action=row.action,
                        subject=row.subject,
                        reason=row.reason,
                        details=row.details or {},
                    ),
                    outcome=row.outcome,
                )
                for row in await connection.execute(query)
            ]

    @asynccontextmanager
    async def _reach(self, opening: AbstractAsyncContextManager[AsyncConnection]) -> AsyncIterator[AsyncConnection]:
        try:
            async with opening as connection:
                yield connection
        except (DatabaseError, SQLAlchemyError, OSError) as error:
            raise AuditUnavailableError(f"the audit log cannot be reached: {type(error).__name__}") from error


def _text(value: str) -> str:
    """PostgreSQL takes no NUL and no lone surrogate."""
    return value.replace("\0", "").encode("utf-8", "replace").decode()
