"""Tickets and contacts, as far as a call needs them."""

from __future__ import annotations

from datetime import datetime

import msgspec

from acd.web.endpoint import ANYBODY, Exchange, NoBody, Parameter, endpoint
from acd.web.errors import ApiError
from ticketing.api import Contact, Message, Ticket, TicketNumber, normalise


class MessageView(msgspec.Struct, frozen=True, kw_only=True):
    kind: str
    author: str
    body: str
    at: datetime


class TicketAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Times are instants; `booked_seconds` is the agents' conversation time on all linked interactions."""

    number: str
    title: str
    status: str
    priority: str
    queue: str
    contact_id: str | None
    contact_name: str
    owner_agent_id: str | None
    to_qualify: bool
    requested_at: datetime
    created_at: datetime
    updated_at: datetime
    first_response_at: datetime | None
    resolved_at: datetime | None
    closed_at: datetime | None
    booked_seconds: float
    messages: list[MessageView]


class ContactView(msgspec.Struct, frozen=True, kw_only=True):
    contact_id: str
    name: str
    organisation: str
    phone_numbers: list[str]
    emails: list[str]
    vip: bool
    contract: str
    site: str
    language: str


class ContactsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """`certainty`: known (one contact), uncertain (several share the number), unknown."""

    number_kind: str
    e164: str | None
    certainty: str
    contacts: list[ContactView]


@endpoint(
    "GET",
    "/api/v1/tickets/{number}",
    summary="A ticket with its messages",
    body=NoBody,
    answer=TicketAnswer,
    access=ANYBODY,
    parameters=(Parameter("number", "path", "The ticket's number", r"^[0-9]{1,20}$"),),
    errors={404: "There is no ticket of this number"},
)
async def show_ticket(exchange: Exchange[NoBody]) -> TicketAnswer:
    number = exchange.request.match_info["number"]
    ticket = await exchange.services.desk.find_ticket(number)
    if ticket is None:
        raise ApiError(404, "ticket.not_found", "There is no ticket of this number.")
    return _ticket_answer(ticket, await exchange.services.desk.messages(TicketNumber(number)))


@endpoint(
    "GET",
    "/api/v1/contacts",
    summary="Who has this telephone number",
    body=NoBody,
    answer=ContactsAnswer,
    access=ANYBODY,
    parameters=(
        Parameter("number", "query", "A telephone number, national or international", r"^[^\x00-\x1f]{1,64}$"),
    ),
)
async def find_contacts(exchange: Exchange[NoBody]) -> ContactsAnswer:
    settings = exchange.services.settings
    raw = exchange.request.query.get("number", "")
    extensions = settings.asterisk.agent_phones.extensions
    number = normalise(raw, settings.service.region, is_internal=lambda digits: digits in extensions)
    found = await exchange.services.desk.identify(number)
    return ContactsAnswer(
        number_kind=number.kind,
        e164=number.e164,
        certainty=found.certainty,
        contacts=[_contact_view(contact) for contact in found.contacts],
    )


def _contact_view(contact: Contact) -> ContactView:
    return ContactView(
        contact_id=contact.id,
        name=contact.name,
        organisation=contact.organisation,
        phone_numbers=list(contact.phone_numbers),
        emails=list(contact.emails),
        vip=contact.vip,
        contract=contact.contract,
        site=contact.site,
        language=contact.language,
    )


def _ticket_answer(ticket: Ticket, messages: tuple[Message, ...]) -> TicketAnswer:
    return TicketAnswer(
        number=ticket.number,
        title=ticket.title,
        status=ticket.status,
        priority=ticket.priority.name.lower(),
        queue=ticket.queue,
        contact_id=ticket.contact_id,
        contact_name=ticket.contact_name,
        owner_agent_id=ticket.owner_agent_id,
        to_qualify=ticket.to_qualify,
        requested_at=ticket.requested_at,
        created_at=ticket.created_at,
        updated_at=ticket.updated_at,
        first_response_at=ticket.first_response_at,
        resolved_at=ticket.resolved_at,
        closed_at=ticket.closed_at,
        booked_seconds=ticket.booked_time.total_seconds(),
        messages=[MessageView(kind=said.kind, author=said.author, body=said.body, at=said.at) for said in messages],
    )


ENDPOINTS = (show_ticket, find_contacts)
