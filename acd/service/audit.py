"""The audit log: who did what, when, to whom, and why. Written before the deed, settled after it.

An entry that stays `asked` is one whose deed was cut off by a crash; it says at least what was wanted.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime

ASKED = "asked"
DONE = "done"


class AuditUnavailableError(Exception):
    """The audit log cannot be read or written: nothing that belongs into it is done."""

    error_id = "audit.unavailable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """`who`: a login. `action`: a stable word such as `agent.log_out`. `subject`: the agent, call, queue or recording
    it was done to. `reason`: why, in the doer's words. `details`: what else is needed to understand it; no secrets."""

    who: str
    action: str
    subject: str = ""
    reason: str = ""
    details: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """`outcome`: `asked`, `done`, or the error id it was refused with."""

    entry_id: int
    at: datetime
    deed: Deed
    outcome: str


class AuditLog(ABC):
    """Every method raises AuditUnavailableError when it must."""

    @abstractmethod
    async def begin(self, deed: Deed, at: datetime) -> int:
        """Write it as `asked`; the entry's id."""

    @abstractmethod
    async def settle(self, entry_id: int, outcome: str) -> None: ...

    @abstractmethod
    async def entries(self, *, before: int | None = None, who: str = "", limit: int = 100) -> list[AuditEntry]:
        """Newest first; `before`: an entry's id, to page on. `who`: this login's alone."""


@asynccontextmanager
async def audited(log: AuditLog, deed: Deed, at: datetime) -> AsyncIterator[None]:
    """The deed is done inside the block; an error with an `error_id` is its outcome, and goes on."""
    entry_id = await log.begin(deed, at)
    try:
        yield
    except Exception as error:
        await log.settle(entry_id, str(getattr(error, "error_id", "failed")))
        raise
    await log.settle(entry_id, DONE)
