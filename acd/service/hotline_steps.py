"""The steps of a menu that deal with what the hotline keeps: incidents, and those who want word of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from acd.domain import commands as cmd
from acd.domain.caller import Caller, Certainty
from acd.domain.ids import CallId
from acd.service.hotline import Hotline
from acd.service.identification import Identification
from acd.service.incidents import IncidentBoard
from acd.service.ports import Clock
from ivr.model import AttachCaller, CallerAttached, FindIncident, IncidentFound
from ticketing.api import IncidentCaller, IncidentId

_REACHABLE = frozenset({"e164", "internal"})  # kinds of number that can be rung back


@dataclass(frozen=True, slots=True, kw_only=True)
class HotlineServices:
    """The same for all callers."""

    submit: Callable[[cmd.Command], None]
    clock: Clock
    stores: Hotline
    board: IncidentBoard


class HotlineSteps:
    """One caller's."""

    def __init__(
        self, services: HotlineServices, call_id: CallId, linkedid: str, identification: Identification
    ) -> None:
        self._services = services
        self._call_id = call_id
        self._linkedid = linkedid
        self._identification = identification

    def find_incident(self, step: FindIncident, language: str) -> IncidentFound:
        """Who calls has been asked before, where a site has to be known."""
        board = self._services.board
        incident = board.foremost(site_of(self._identification.caller), step.services)
        if incident is None:
            return IncidentFound()
        board.heard_by(incident.id, self._incident_caller(language))
        return IncidentFound(
            incident_id=incident.id,
            title=incident.title,
            sentences=incident.sentences,
            expected=board.expected(incident),
            can_be_told=self._identification.caller.number_kind in _REACHABLE,
        )

    async def attach(self, step: AttachCaller, language: str) -> CallerAttached:
        caller = self._incident_caller(language, wants_word=True)
        is_noted = await self._services.board.attach(IncidentId(step.incident_id), caller)
        if is_noted:
            self._services.submit(cmd.DeflectCall(call_id=self._call_id, incident_id=step.incident_id))
        return CallerAttached(is_noted)

    def has_active_incident(self, services: tuple[str, ...]) -> bool:
        return self._services.board.foremost(site_of(self._identification.caller), services) is not None

    def _incident_caller(self, language: str, *, wants_word: bool = False) -> IncidentCaller:
        caller = self._identification.caller
        contact = caller.contacts[0] if caller.certainty is Certainty.KNOWN else None
        return IncidentCaller(
            linkedid=self._linkedid,
            rang_at=self._services.clock.now(),
            number=caller.e164 or caller.number,
            name=contact.name if contact else caller.name,
            contact_id=contact.contact_id if contact else None,
            language=language,
            wants_word=wants_word,
        )


def site_of(caller: Caller) -> str:
    return caller.contacts[0].site if caller.certainty is Certainty.KNOWN else ""
