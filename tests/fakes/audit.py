"""An AuditLog in memory."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from acd.service.audit import ASKED, AuditEntry, AuditLog, AuditUnavailableError, Deed


class FakeAuditLog(AuditLog):
    """`is_down` makes every call fail as a lost database does."""

    def __init__(self) -> None:
        self._entries: dict[int, AuditEntry] = {}
        self.is_down = False

    async def begin(self, deed: Deed, at: datetime) -> int:
        self._reach()
        entry_id = len(self._entries) + 1
        self._entries[entry_id] = AuditEntry(entry_id=entry_id, at=at, deed=deed, outcome=ASKED)
        return entry_id

    async def settle(self, entry_id: int, outcome: str) -> None:
        self._reach()
        self._entries[entry_id] = replace(self._entries[entry_id], outcome=outcome)

    async def entries(self, *, before: int | None = None, who: str = "", limit: int = 100) -> list[AuditEntry]:
        self._reach()
        wanted = [
            entry
            for entry in reversed(self._entries.values())
            if (before is None or entry.entry_id < before) and who in {"", entry.deed.who}
        ]
        return wanted[:limit]

    def _reach(self) -> None:
        if self.is_down:
            raise AuditUnavailableError("the audit log cannot be reached: made so by the test")
