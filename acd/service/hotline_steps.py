"""The steps of a menu that need no agent: incidents, surveys, requests of the catalogue."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

import structlog

from acd.domain import commands as cmd
from acd.domain.caller import Caller, Certainty, ContactCard
from acd.domain.ids import CallId
from acd.service.catalogue import CatalogueItem
from acd.service.hotline import Hotline
from acd.service.identification import Identification
from acd.service.incidents import IncidentBoard
from acd.service.ports import CallerChannel, Clock
from acd.service.survey_desk import SurveyDesk, SurveyServices
from ivr.model import CheckResult
from ivr.nodes.request import VERDICT
from ivr.self_service import (
    AttachCaller,
    CallerAttached,
    FindIncident,
    IncidentFound,
    KeepAnswer,
    OpenRequest,
    RecordVoice,
    RequestOpened,
    SelfService,
    SelfServiceReport,
)
from ticketing.api import ContactId, DatabaseError, IncidentCaller, IncidentId, PinVerdict, ServiceRequest

log = structlog.get_logger(__name__)

STORE_LIMIT = timedelta(seconds=4)  # a caller waits: then they go on without
CALLBACK = "callback"
_CALL_BACK_FIRST = "Asked for on the keypad, without a PIN. Before acting, ring back the number on file."
_PIN_GIVEN = "Asked for on the keypad, with the right PIN."
_REACHABLE = frozenset({"e164", "internal"})  # kinds of number that can be rung back


@dataclass(frozen=True, slots=True, kw_only=True)
class HotlineServices:
    """The same for all callers."""

    submit: Callable[[cmd.Command], None]
    clock: Clock
    stores: Hotline
    board: IncidentBoard
    surveys: SurveyServices
    catalogue: Callable[[], Mapping[str, CatalogueItem]]


class HotlineSteps:
    """One caller's."""

    def __init__(
        self, channel: CallerChannel, services: HotlineServices, call_id: CallId, identification: Identification
    ) -> None:
        self._services = services
        self._call_id = call_id
        self._linkedid = channel.facts.linkedid
        self._identification = identification
        self._survey = SurveyDesk(channel, services.surveys, call_id)

    async def perform(self, step: SelfService, language: str, identified: asyncio.Task[None]) -> SelfServiceReport:
        match step:
            case FindIncident():
                if self._services.board.needs_site:
                    await identified
                return self._find_incident(step, language)
            case AttachCaller():
                return await self._attach(step, language)
            case KeepAnswer():
                return self._survey.keep(step)
            case RecordVoice():
                return await self._survey.record(step)
            case OpenRequest():
                await identified
                return await self._open_request(step)

    # incidents -------------------------------------------------------------------------------------------------

    def has_active_incident(self, services: tuple[str, ...]) -> bool:
        return self._services.board.foremost(site_of(self._identification.caller), services) is not None

    def _find_incident(self, step: FindIncident, language: str) -> IncidentFound:
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

    async def _attach(self, step: AttachCaller, language: str) -> CallerAttached:
        caller = self._incident_caller(language, wants_word=True)
        is_noted = await self._services.board.attach(IncidentId(step.incident_id), caller)
        if is_noted:
            self._services.submit(cmd.DeflectCall(call_id=self._call_id, incident_id=step.incident_id))
        return CallerAttached(is_noted)

    def _incident_caller(self, language: str, *, wants_word: bool = False) -> IncidentCaller:
        caller = self._identification.caller
        contact = sole_contact(caller)
        return IncidentCaller(
            linkedid=self._linkedid,
            rang_at=self._services.clock.now(),
            number=caller.e164 or caller.number,
            name=contact.name if contact else caller.name,
            contact_id=contact.contact_id if contact else None,
            language=language,
            wants_word=wants_word,
        )

    # requests --------------------------------------------------------------------------------------------------

    async def check_pin(self, pin: str) -> CheckResult:
        """Of the one contact who has this number; nobody else has a PIN."""
        contact = sole_contact(self._identification.caller)
        verdict = PinVerdict.NONE
        if contact is not None:
            try:
                async with asyncio.timeout(STORE_LIMIT.total_seconds()):
                    now = self._services.clock.now()
                    verdict = await self._services.stores.pins.check(ContactId(contact.contact_id), pin, now)
            except (DatabaseError, TimeoutError) as error:
                log.warning("pin_not_checked", call_id=self._call_id, error=type(error).__name__)
        return CheckResult(verdict is PinVerdict.RIGHT, attributes={VERDICT: verdict})

    async def _open_request(self, step: OpenRequest) -> RequestOpened:
        item = self._services.catalogue().get(step.item)
        contact = sole_contact(self._identification.caller)
        if item is None or contact is None:
            return RequestOpened(False)
        caller = {"contact": contact.name, "organisation": contact.organisation, "site": contact.site}
        request = ServiceRequest(
            linkedid=self._linkedid,
            item=item.name,
            title=item.title_for({**step.attributes, **caller}),
            contact_id=ContactId(contact.contact_id),
            requested_at=self._services.clock.now(),
            queue=item.queue,
            service=item.service,
            answers={name: step.attributes[name] for name in item.fields if step.attributes.get(name)},
            proof=step.proof,
            text=_CALL_BACK_FIRST if step.proof == CALLBACK else _PIN_GIVEN,
        )
        try:
            async with asyncio.timeout(STORE_LIMIT.total_seconds()):
                number = await self._services.stores.requests.open(request)
        except (DatabaseError, TimeoutError) as error:
            log.warning("request_not_opened", call_id=self._call_id, error=type(error).__name__)
            return RequestOpened(False)
        return RequestOpened(True, number)


def sole_contact(caller: Caller) -> ContactCard | None:
    return caller.contacts[0] if caller.certainty is Certainty.KNOWN else None


def site_of(caller: Caller) -> str:
    contact = sole_contact(caller)
    return contact.site if contact else ""
