"""Incidents, surveys, PINs and requests in memory. They pass the same contract suite as the real ones."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from msgspec.structs import asdict, replace

from acd.service.hotline import Hotline
from ticketing.api import (
    ContactId,
    ContactNotFoundError,
    ContactPins,
    DatabaseFailureError,
    IncidentCaller,
    IncidentDraft,
    IncidentId,
    IncidentNotFoundError,
    IncidentTally,
    MajorIncident,
    MajorIncidents,
    PinVerdict,
    ServiceRequest,
    ServiceRequests,
    Survey,
    SurveyAnswers,
    Surveys,
    SurveyStart,
    TicketNumber,
)
from ticketing.domain.major_incident import check_incident
from ticketing.domain.pin import PinState, after_failure, check_pin
from ticketing.domain.ticket_number import number_of_serial
from ticketing.service.surveys import fitting


class _MayBeDown:
    is_down = False

    def _check(self) -> None:
        if self.is_down:
            raise DatabaseFailureError("the database is down")


class FakeMajorIncidents(_MayBeDown, MajorIncidents):
    def __init__(self) -> None:
        self.incidents: dict[IncidentId, MajorIncident] = {}
        self.noted: dict[IncidentId, dict[str, IncidentCaller]] = {}

    async def declare(self, draft: IncidentDraft, at: datetime) -> MajorIncident:
        self._check()
        incident_id = IncidentId(f"incident_{len(self.incidents) + 1}")
        incident = MajorIncident(id=incident_id, declared_at=at, **asdict(check_incident(draft)))
        self.incidents[incident_id] = incident
        return incident

    async def close(self, incident_id: IncidentId, *, by: str, at: datetime) -> MajorIncident:
        self._check()
        known = self.incidents.get(incident_id)
        if known is None:
            raise IncidentNotFoundError("there is no major incident of this id")
        if known.closed_at is None:
            self.incidents[incident_id] = replace(known, closed_at=at, closed_by=by)
        return self.incidents[incident_id]

    async def incident(self, incident_id: IncidentId) -> MajorIncident | None:
        self._check()
        return self.incidents.get(incident_id)

    async def open_ones(self) -> tuple[MajorIncident, ...]:
        self._check()
        return tuple(incident for incident in self.incidents.values() if incident.closed_at is None)

    async def latest(self, limit: int) -> tuple[MajorIncident, ...]:
        self._check()
        return tuple(reversed(self.incidents.values()))[:limit]

    async def note_caller(self, incident_id: IncidentId, caller: IncidentCaller) -> None:
        self._check()
        if incident_id not in self.incidents:
            raise IncidentNotFoundError("there is no major incident of this id")
        callers = self.noted.setdefault(incident_id, {})
        known = callers.get(caller.linkedid)
        wishes = caller.wants_word or (known is not None and known.wants_word)
        callers[caller.linkedid] = replace(known or caller, wants_word=wishes)

    async def callers(self, incident_id: IncidentId, *, want_word: bool = False) -> tuple[IncidentCaller, ...]:
        self._check()
        found = [one for one in self.noted.get(incident_id, {}).values() if one.wants_word or not want_word]
        return tuple(sorted(found, key=lambda one: (one.rang_at, one.linkedid)))

    async def tallies(self) -> Mapping[IncidentId, IncidentTally]:
        self._check()
        return {
            incident_id: IncidentTally(
                rang=len(callers),
                want_word=sum(one.wants_word for one in callers.values()),
                told=sum(one.told_at is not None for one in callers.values()),
            )
            for incident_id, callers in self.noted.items()
        }

    async def mark_told(self, incident_id: IncidentId, linkedid: str, *, by: str, at: datetime) -> bool:
        self._check()
        known = self.noted.get(incident_id, {}).get(linkedid)
        if known is None or not known.wants_word:
            return False
        if known.told_at is None:
            self.noted[incident_id][linkedid] = replace(known, told_at=at, told_by=by)
        return True


class FakeSurveys(_MayBeDown, Surveys):
    def __init__(self) -> None:
        self.kept: dict[str, Survey] = {}

    async def begin(self, start: SurveyStart, *, not_since: datetime) -> bool:
        self._check()
        if start.linkedid in self.kept:
            return True
        if any(one.number == start.number and one.asked_at >= not_since for one in self.kept.values()):
            return False
        self.kept[start.linkedid] = Survey(**asdict(start))
        return True

    async def answer(self, linkedid: str, answers: SurveyAnswers) -> None:
        self._check()
        if linkedid in self.kept:
            self.kept[linkedid] = replace(self.kept[linkedid], **fitting(answers))

    async def surveys_since(self, instant: datetime, limit: int) -> tuple[Survey, ...]:
        self._check()
        found = [one for one in self.kept.values() if one.asked_at >= instant]
        return tuple(sorted(found, key=lambda one: one.asked_at, reverse=True)[:limit])

    async def survey(self, linkedid: str) -> Survey | None:
        self._check()
        return self.kept.get(linkedid)


class FakeContactPins(_MayBeDown, ContactPins):
    """`contacts`: those there are; None: any."""

    def __init__(self, contacts: set[ContactId] | None = None) -> None:
        self._contacts = contacts
        self._states: dict[ContactId, PinState] = {}

    async def set_pin(self, contact_id: ContactId, pin: str | None) -> None:
        self._check()
        if pin is None:
            self._states.pop(contact_id, None)
            return
        check_pin(pin)
        if self._contacts is not None and contact_id not in self._contacts:
            raise ContactNotFoundError("there is no contact of this id")
        self._states[contact_id] = PinState(hashed=pin)

    async def check(self, contact_id: ContactId, pin: str, at: datetime) -> PinVerdict:
        self._check()
        state = self._states.get(contact_id)
        if state is None:
            return PinVerdict.NONE
        if state.is_locked(at):
            return PinVerdict.LOCKED
        if state.hashed == pin:
            self._states[contact_id] = PinState(hashed=state.hashed)
            return PinVerdict.RIGHT
        failures, locked_until = after_failure(state.failures, at)
        self._states[contact_id] = PinState(hashed=state.hashed, failures=failures, locked_until=locked_until)
        return PinVerdict.WRONG


class FakeServiceRequests(_MayBeDown, ServiceRequests):
    def __init__(self) -> None:
        self.opened: dict[tuple[str, str], tuple[TicketNumber, ServiceRequest]] = {}

    async def open(self, request: ServiceRequest) -> TicketNumber:
        self._check()
        key = (request.linkedid, request.item)
        self.opened.setdefault(key, (number_of_serial(len(self.opened) + 1), request))
        return self.opened[key][0]

    async def request_of(self, number: TicketNumber) -> ServiceRequest | None:
        self._check()
        return next((request for known, request in self.opened.values() if known == number), None)


def fake_hotline() -> Hotline:
    return Hotline(
        incidents=FakeMajorIncidents(),
        surveys=FakeSurveys(),
        pins=FakeContactPins(),
        requests=FakeServiceRequests(),
    )
