"""Major incidents as callers meet them: known without asking the database, with their sentences already made.

board.foremost(site, services)      in a menu, at once
board.declare(draft), close(...)    by a supervisor; the sentences are synthesised then, not when somebody calls
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import structlog

from acd.service.ports import Clock, Prompts
from acd.service.tasks import BackgroundTasks
from ivr.model import PromptRef
from ivr.spoken.values import say
from ticketing.api import (
    DatabaseError,
    IncidentCaller,
    IncidentDraft,
    IncidentId,
    IncidentNotFoundError,
    MajorIncident,
    MajorIncidents,
    foremost,
)

log = structlog.get_logger(__name__)

REFRESH = timedelta(seconds=20)  # another node may declare or close one
SYNTHESIS_LIMIT = timedelta(seconds=15)  # of the sentences, at declaration
ATTACH_LIMIT = timedelta(seconds=3)  # the caller waits for it


class IncidentBoard:
    """The incidents that are open, in memory. `zone`: whose hours are told."""

    def __init__(
        self, store: MajorIncidents, prompts: Prompts, clock: Clock, tasks: BackgroundTasks, zone: ZoneInfo
    ) -> None:
        self._store = store
        self._prompts = prompts
        self._clock = clock
        self._tasks = tasks
        self._zone = zone
        self._open: tuple[MajorIncident, ...] = ()

    # in menus --------------------------------------------------------------------------------------------------

    @property
    def active(self) -> tuple[MajorIncident, ...]:
        now = self._clock.now()
        return tuple(incident for incident in self._open if incident.is_active(now))

    @property
    def needs_site(self) -> bool:
        """Whether it has to be known where a caller is: nobody else need wait for the desk."""
        return any(incident.site for incident in self.active)

    def foremost(self, site: str, services: Collection[str]) -> MajorIncident | None:
        return foremost(self._open, site, services, self._clock.now())

    def expected(self, incident: MajorIncident) -> str:
        """When it should be over, as menus have instants; empty where that is not known, or was wrong."""
        at = incident.expected_at
        if at is None or at <= self._clock.now():
            return ""
        return at.astimezone(self._zone).isoformat(timespec="minutes")

    def heard_by(self, incident_id: IncidentId, caller: IncidentCaller) -> None:
        """They rang about it. Written behind the call."""
        self._tasks.start(self._note(incident_id, caller), "note_incident_caller")

    async def attach(self, incident_id: IncidentId, caller: IncidentCaller) -> bool:
        """They want to be told; False where that cannot be promised."""
        return await self._note(incident_id, caller)

    async def _note(self, incident_id: IncidentId, caller: IncidentCaller) -> bool:
        try:
            async with asyncio.timeout(ATTACH_LIMIT.total_seconds()):
                await self._store.note_caller(incident_id, caller)
        except (DatabaseError, IncidentNotFoundError, TimeoutError) as error:
            log.warning("incident_caller_not_noted", incident_id=incident_id, error=type(error).__name__)
            return False
        return True

    # by people -------------------------------------------------------------------------------------------------

    async def declare(self, draft: IncidentDraft) -> MajorIncident:
        """Callers hear it from now on, or from its `active_from`. Raises InvalidIncidentError, DatabaseError."""
        incident = await self._store.declare(draft, self._clock.now())
        await self._prepare((incident,))
        self._open = (*self._open, incident)
        log.info("incident_declared", incident_id=incident.id)
        return incident

    async def close(self, incident_id: IncidentId, *, by: str) -> MajorIncident:
        """Raises IncidentNotFoundError, DatabaseError."""
        incident = await self._store.close(incident_id, by=by, at=self._clock.now())
        self._open = tuple(other for other in self._open if other.id != incident_id)
        log.info("incident_closed", incident_id=incident.id)
        return incident

    async def refresh(self) -> None:
        """Read them again; what cannot be read stays as it was known."""
        try:
            found = await self._store.open_ones()
        except DatabaseError as error:
            log.warning("incidents_not_read", error=type(error).__name__)
            return
        known = {incident.id for incident in self._open}
        await self._prepare([incident for incident in found if incident.id not in known])
        self._open = found

    async def keep_fresh(self) -> None:
        while True:
            await asyncio.sleep(REFRESH.total_seconds())
            await self.refresh()

    async def _prepare(self, incidents: Collection[MajorIncident]) -> None:
        prompts = [prompt for incident in incidents for prompt in self._sentences(incident)]
        if prompts:
            await self._prompts.speak(prompts, within=SYNTHESIS_LIMIT)

    def _sentences(self, incident: MajorIncident) -> Iterator[PromptRef]:
        """As `ivr.nodes.base` makes them of values: what is not ready in time is tried once more when it is needed."""
        now: datetime = self._clock.now().astimezone(self._zone)
        for language, sentence in incident.sentences.items():
            yield _spoken(language, sentence)
        for language in incident.sentences:
            for words in say(self.expected(incident), "when", language, now) or ():
                yield _spoken(language, words)


def _spoken(language: str, words: str) -> PromptRef:
    return PromptRef(language, words, pieces=(PromptRef(language, words, spoken_now=True),))
