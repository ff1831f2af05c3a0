"""Port: where major incidents are kept. One contract suite for all (tests/port_contracts/test_hotline.py)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import datetime

from ticketing.domain.major_incident import IncidentCaller, IncidentDraft, IncidentId, IncidentTally, MajorIncident


class MajorIncidents(ABC):
    """Every method raises DatabaseError when the database cannot be asked."""

    @abstractmethod
    async def declare(self, draft: IncidentDraft, at: datetime) -> MajorIncident:
        """Raises InvalidIncidentError."""

    @abstractmethod
    async def close(self, incident_id: IncidentId, *, by: str, at: datetime) -> MajorIncident:
        """A second time changes nothing. Raises IncidentNotFoundError."""

    @abstractmethod
    async def incident(self, incident_id: IncidentId) -> MajorIncident | None: ...

    @abstractmethod
    async def open_ones(self) -> tuple[MajorIncident, ...]:
        """Those not closed, oldest first."""

    @abstractmethod
    async def latest(self, limit: int) -> tuple[MajorIncident, ...]:
        """Latest declared first, open or closed."""

    @abstractmethod
    async def note_caller(self, incident_id: IncidentId, caller: IncidentCaller) -> None:
        """Somebody rang about it; one entry per call. A wish to be told stays once it is noted. Raises
        IncidentNotFoundError."""

    @abstractmethod
    async def callers(self, incident_id: IncidentId, *, want_word: bool = False) -> tuple[IncidentCaller, ...]:
        """In the order they rang; `want_word`: only those who want to be told."""

    @abstractmethod
    async def tallies(self) -> Mapping[IncidentId, IncidentTally]:
        """Of those that somebody rang about."""

    @abstractmethod
    async def mark_told(self, incident_id: IncidentId, linkedid: str, *, by: str, at: datetime) -> bool:
        """False: nobody of that call wants word. A second time changes nothing and is true."""
