"""One writing transaction of the desk. Locks are taken in one order, interactions before tickets, so that two
transactions on PostgreSQL do not wait for each other."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from operator import attrgetter
from typing import Any
from uuid import uuid4

from sqlalchemy import delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from ticketing.adapters import rows, statements
from ticketing.adapters.tables import (
    contact_points,
    contacts,
    interactions,
    messages,
    ticket_events,
    ticket_interactions,
    tickets,
)
from ticketing.domain.contact import Contact, ContactDraft, ContactId
from ticketing.domain.disposition import DispositionKind
from ticketing.domain.errors import ContactNotFoundError, InvalidContactError
from ticketing.domain.interaction import InteractionId, InteractionRecord
from ticketing.domain.ticket import Message, Ticket, TicketDraft, TicketEvent, TicketRef
from ticketing.domain.ticket_number import TicketNumber, number_of_serial, serial_of_number
from ticketing.service.desk_store import Claim, ContactKey, DeskWriter

_MERGE = {name: statements.merge_statement(name) for name in ("sqlite", "postgresql")}
_CLAIM = {name: statement.returning(*interactions.c) for name, statement in _MERGE.items()}
_ADD_MESSAGE = insert(messages)
_ADD_EVENT = insert(ticket_events)


class SqlDeskWriter(DeskWriter):
    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self._dialect = connection.dialect.name

    async def merge_interactions(self, records: Sequence[InteractionRecord]) -> None:
        if records:  # sorted: the order of locks; the sort is stable, so records of one call keep their order
            batch = [rows.record_row(record) for record in sorted(records, key=attrgetter("linkedid"))]
            await self._connection.execute(_MERGE[self._dialect], batch)

    async def claim_interaction(self, record: InteractionRecord, kind: DispositionKind) -> Claim:
        claim = uuid4().hex
        row = rows.record_row(record) | {"disposition": kind.value, "claim": claim}
        result = await self._connection.execute(_CLAIM[self._dialect], row)
        stored = result.mappings().one()
        return Claim(interaction=rows.interaction_of(stored), is_first=stored["claim"] == claim)

    async def set_disposition(self, interaction_id: InteractionId, kind: DispositionKind) -> None:
        key = rows.interaction_key(interaction_id)
        statement = update(interactions).where(interactions.c.id == key).values(disposition=kind.value)
        await self._connection.execute(statement)

    async def links_of(self, interaction_id: InteractionId) -> tuple[TicketRef, ...]:
        statement = (
            select(tickets.c.serial, tickets.c.title, tickets.c.to_qualify, ticket_interactions.c.opened)
            .join(tickets, tickets.c.serial == ticket_interactions.c.ticket_serial)
            .where(ticket_interactions.c.interaction_id == rows.interaction_key(interaction_id))
            .order_by(tickets.c.serial)
        )
        return tuple(
            TicketRef(
                number=number_of_serial(row.serial), title=row.title, opened=row.opened, to_qualify=row.to_qualify
            )
            for row in await self._connection.execute(statement)
        )

    async def ticket(self, number: TicketNumber) -> Ticket | None:
        values = {"wanted": serial_of_number(number)}
        row = (await self._connection.execute(statements.TICKET_FOR_UPDATE, values)).mappings().first()
        return None if row is None else rows.ticket_of(row)

    async def contact_name(self, contact_id: ContactId) -> str | None:
        statement = select(contacts.c.name).where(contacts.c.id == rows.contact_key(contact_id))
        name: str | None = await self._connection.scalar(statement)
        return name

    async def add_ticket(self, draft: TicketDraft) -> TicketNumber:
        row = _ticket_row(draft) | {
            "source": draft.source,
            "created_at": draft.created_at,
            "requested_at": draft.requested_at,
            "updated_at": draft.created_at,
            "resolved_at": None,
            "closed_at": None,
        }
        serial: int | None = await self._connection.scalar(statements.ADD_TICKET, row)
        if serial is None:
            raise RuntimeError("the database gave no serial to a new ticket")
        return number_of_serial(serial)

    async def save_ticket(self, ticket: Ticket) -> None:
        row = _ticket_row(ticket) | {
            "wanted": serial_of_number(ticket.number),
            "updated_at": ticket.updated_at,
            "resolved_at": ticket.resolved_at,
            "closed_at": ticket.closed_at,
        }
        await self._connection.execute(statements.SAVE_TICKET, row)

    async def link(self, number: TicketNumber, interaction_id: InteractionId, *, opened: bool) -> None:
        values = {"interaction": rows.interaction_key(interaction_id), "ticket": serial_of_number(number)}
        await self._connection.execute(statements.ADD_LINK, values | {"is_opened": opened})

    async def unlink(self, number: TicketNumber, interaction_id: InteractionId) -> None:
        statement = delete(ticket_interactions).where(
            ticket_interactions.c.ticket_serial == serial_of_number(number),
            ticket_interactions.c.interaction_id == rows.interaction_key(interaction_id),
        )
        await self._connection.execute(statement)

    async def has_message_like(self, number: TicketNumber, message: Message) -> bool:
        like = select(messages.c.id).where(
            messages.c.ticket_serial == serial_of_number(number),
            messages.c.kind == message.kind.value,
            messages.c.author == message.author,
            messages.c.linkedid == message.linkedid,
            messages.c.body == message.body,
        )
        return (await self._connection.execute(like.limit(1))).first() is not None

    async def add_message(self, number: TicketNumber, message: Message) -> None:
        row = {
            "ticket_serial": serial_of_number(number),
            "kind": message.kind.value,
            "author": message.author,
            "body": message.body,
            "at": message.at,
            "linkedid": message.linkedid,
        }
        await self._connection.execute(_ADD_MESSAGE, row)

    async def add_event(self, number: TicketNumber, event: TicketEvent) -> None:
        row = {
            "ticket_serial": serial_of_number(number),
            "kind": event.kind.value,
            "at": event.at,
            "actor": event.actor,
            "data": event.data,
        }
        await self._connection.execute(_ADD_EVENT, row)

    async def add_contacts(self, drafts: Sequence[ContactDraft]) -> tuple[ContactId, ...]:
        if not drafts:
            return ()
        statement = insert(contacts).returning(contacts.c.id, sort_by_parameter_order=True)
        try:
            result = await self._connection.execute(statement, [rows.contact_row(draft) for draft in drafts])
        except IntegrityError as error:
            raise InvalidContactError("external_id: another contact has it") from error
        keys = [row.id for row in result]
        await self._add_points(
            [row for key, draft in zip(keys, drafts, strict=True) for row in rows.point_rows(key, draft)]
        )
        return tuple(rows.contact_id_of(key) for key in keys)

    async def replace_contact(self, contact: Contact) -> None:
        key = rows.contact_key(contact.id)
        statement = update(contacts).where(contacts.c.id == key).values(rows.contact_row(contact))
        try:
            result = await self._connection.execute(statement)
        except IntegrityError as error:
            raise InvalidContactError("external_id: another contact has it") from error
        if result.rowcount == 0:
            raise ContactNotFoundError("there is no contact of this id")
        await self._connection.execute(delete(contact_points).where(contact_points.c.contact_id == key))
        await self._add_points(rows.point_rows(key, contact))

    async def _add_points(self, points: list[dict[str, Any]]) -> None:
        if points:
            await self._connection.execute(insert(contact_points), points)

    async def contact_keys(self, external_ids: Collection[str], names: Collection[str]) -> tuple[ContactKey, ...]:
        statement = select(
            contacts.c.id, contacts.c.external_id, contacts.c.name_folded, contacts.c.organisation_folded
        ).where(or_(contacts.c.external_id.in_(external_ids), contacts.c.name_folded.in_(names)))
        return tuple(
            ContactKey(
                id=rows.contact_id_of(row.id),
                external_id=row.external_id or "",
                name=row.name_folded,
                organisation=row.organisation_folded,
            )
            for row in await self._connection.execute(statement.order_by(contacts.c.id))
        )


def _ticket_row(draft: TicketDraft) -> dict[str, Any]:
    """The fields that may change."""
    return {
        "title": draft.title,
        "status": draft.status.value,
        "priority": int(draft.priority),
        "wanted_contact": rows.NO_ROW if draft.contact_id is None else rows.contact_key(draft.contact_id),
        "queue": draft.queue,
        "service": draft.service,
        "category": draft.category,
        "owner_agent_id": draft.owner_agent_id,
        "to_qualify": draft.to_qualify,
        "booked_time": draft.booked_time,
        "first_response_at": draft.first_response_at,
    }
