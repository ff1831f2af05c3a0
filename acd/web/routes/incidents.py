"""Major incidents: declared and closed by supervisors, seen by everybody; who has to be told of the end."""

from __future__ import annotations

from datetime import datetime

import msgspec

from acd.web.endpoint import ANYBODY, SUPERVISORS, Exchange, Input, NoBody, Parameter, endpoint
from acd.web.errors import ApiError
from ticketing.api import (
    IncidentDraft,
    IncidentId,
    IncidentNotFoundError,
    IncidentTally,
    MajorIncident,
)

MOST_SHOWN = 50


class DeclareIncident(Input, frozen=True, kw_only=True):
    """`service`, `site`: whom it concerns; empty: everybody. `sentences`: what callers hear, by language, at most 200
    characters each. Without `active_from` it is told from now on."""

    title: str
    service: str = ""
    site: str = ""
    sentences: dict[str, str] = msgspec.field(default_factory=dict)
    expected_at: datetime | None = None
    active_from: datetime | None = None
    active_until: datetime | None = None
    ticket_number: str | None = None


class IncidentView(msgspec.Struct, frozen=True, kw_only=True):
    """`rang`: calls that heard of it; `want_word`: callers who pressed the key; `told`: those of them who had word."""

    incident_id: str
    title: str
    service: str
    site: str
    sentences: dict[str, str]
    expected_at: datetime | None
    active_from: datetime
    active_until: datetime | None
    is_active: bool
    ticket_number: str | None
    declared_by: str
    declared_at: datetime
    closed_at: datetime | None
    closed_by: str
    rang: int
    want_word: int
    told: int


class IncidentCallerView(msgspec.Struct, frozen=True, kw_only=True):
    linkedid: str
    number: str
    name: str
    contact_id: str | None
    language: str
    rang_at: datetime
    wants_word: bool
    told_at: datetime | None
    told_by: str


class ClosedIncident(msgspec.Struct, frozen=True, kw_only=True):
    """The incident, and who has to be told that it is over."""

    incident: IncidentView
    to_be_told: list[IncidentCallerView]


_INCIDENT = Parameter("incident_id", "path", "The incident's id", r"^incident_[0-9]{1,18}$")
_GONE = {404: "There is no such major incident"}


@endpoint(
    "GET",
    "/api/v1/incidents",
    summary="Major incidents, latest first, with who rang about them",
    body=NoBody,
    answer=list[IncidentView],
    access=ANYBODY,
)
async def list_incidents(exchange: Exchange[NoBody]) -> list[IncidentView]:
    store, now = exchange.services.hotline.incidents, exchange.services.clock.now()
    tallies = await store.tallies()
    return [_view(one, tallies.get(one.id, IncidentTally()), now) for one in await store.latest(MOST_SHOWN)]


@endpoint(
    "POST",
    "/api/v1/incidents",
    summary="Declare a major incident: callers it concerns hear of it",
    body=DeclareIncident,
    answer=IncidentView,
    access=SUPERVISORS,
)
async def declare_incident(exchange: Exchange[DeclareIncident]) -> IncidentView:
    wish, now = exchange.body, exchange.services.clock.now()
    draft = IncidentDraft(
        title=wish.title,
        service=wish.service,
        site=wish.site,
        sentences=wish.sentences,
        expected_at=wish.expected_at,
        active_from=wish.active_from or now,
        active_until=wish.active_until,
        ticket_number=wish.ticket_number or None,
        declared_by=exchange.session.user.login,
    )
    incident = await exchange.services.incidents.declare(draft)
    return _view(incident, IncidentTally(), now)


@endpoint(
    "POST",
    "/api/v1/incidents/{incident_id}/close",
    summary="It is over: callers hear of it no more; who has to be told",
    body=NoBody,
    answer=ClosedIncident,
    access=SUPERVISORS,
    parameters=(_INCIDENT,),
    errors=_GONE,
)
async def close_incident(exchange: Exchange[NoBody]) -> ClosedIncident:
    incident_id = _id_of(exchange)
    incident = await exchange.services.incidents.close(incident_id, by=exchange.session.user.login)
    store = exchange.services.hotline.incidents
    tally = (await store.tallies()).get(incident_id, IncidentTally())
    waiting = [_caller_view(one) for one in await store.callers(incident_id, want_word=True) if one.told_at is None]
    return ClosedIncident(incident=_view(incident, tally, exchange.services.clock.now()), to_be_told=waiting)


@endpoint(
    "GET",
    "/api/v1/incidents/{incident_id}/callers",
    summary="Who rang about it, and who wants to be told",
    body=NoBody,
    answer=list[IncidentCallerView],
    access=SUPERVISORS,
    parameters=(_INCIDENT,),
    errors=_GONE,
)
async def list_callers(exchange: Exchange[NoBody]) -> list[IncidentCallerView]:
    store = exchange.services.hotline.incidents
    if await store.incident(_id_of(exchange)) is None:
        raise IncidentNotFoundError("there is no major incident of this id")
    return [_caller_view(one) for one in await store.callers(_id_of(exchange))]


@endpoint(
    "POST",
    "/api/v1/incidents/{incident_id}/callers/{linkedid}/told",
    summary="This caller has been told",
    body=NoBody,
    answer=None,
    access=SUPERVISORS,
    parameters=(_INCIDENT, Parameter("linkedid", "path", "Of their call", r"^[A-Za-z0-9_.:-]{1,200}$")),
    errors={404: "Nobody of that call wants to be told"},
)
async def mark_told(exchange: Exchange[NoBody]) -> None:
    linkedid, services = exchange.request.match_info["linkedid"], exchange.services
    told = await services.hotline.incidents.mark_told(
        _id_of(exchange), linkedid, by=exchange.session.user.login, at=services.clock.now()
    )
    if not told:
        raise ApiError(404, "incident.caller_not_found", "Nobody of that call wants to be told.")


def _id_of(exchange: Exchange[NoBody]) -> IncidentId:
    return IncidentId(exchange.request.match_info["incident_id"])


def _view(incident: MajorIncident, tally: IncidentTally, now: datetime) -> IncidentView:
    return IncidentView(
        incident_id=incident.id,
        title=incident.title,
        service=incident.service,
        site=incident.site,
        sentences=incident.sentences,
        expected_at=incident.expected_at,
        active_from=incident.active_from,
        active_until=incident.active_until,
        is_active=incident.is_active(now),
        ticket_number=incident.ticket_number,
        declared_by=incident.declared_by,
        declared_at=incident.declared_at,
        closed_at=incident.closed_at,
        closed_by=incident.closed_by,
        rang=tally.rang,
        want_word=tally.want_word,
        told=tally.told,
    )


def _caller_view(caller: object) -> IncidentCallerView:
    return msgspec.convert(caller, IncidentCallerView, from_attributes=True)


ENDPOINTS = (list_incidents, declare_incident, close_incident, list_callers, mark_told)
