"""The desk's store on SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from ticketing.adapters import rows, statements
from ticketing.adapters.database import Database
from ticketing.adapters.sql_desk_writer import SqlDeskWriter
from ticketing.adapters.tables import contacts, interactions, messages, ticket_events, ticket_interactions, tickets
from ticketing.domain.caller_context import ContextLimits, History
from ticketing.domain.contact import Contact, ContactId
from ticketing.domain.interaction import Interaction
from ticketing.domain.ticket import Message, Ticket, TicketEvent, TicketFilter
from ticketing.domain.ticket_number import TicketNumber, is_ticket_number, serial_of_number
from ticketing.service.desk_store import DeskStore


class SqlDeskStore(DeskStore):
    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def write(self) -> AsyncIterator[SqlDeskWriter]:
        async with self._database.write() as connection:
            yield SqlDeskWriter(connection)

    async def contacts_with_number(self, e164: str) -> tuple[Contact, ...]:
        async with self._database.read() as connection:
            result = await connection.execute(statements.CONTACTS_WITH_NUMBER, {"e164": e164})
            return rows.contacts_of(result.mappings())

    async def contact(self, contact_id: ContactId) -> Contact | None:
        statement = statements.CONTACT_WITH_POINTS.where(contacts.c.id == rows.contact_key(contact_id))
        async with self._database.read() as connection:
            found = rows.contacts_of((await connection.execute(statement)).mappings())
        return found[0] if found else None

    async def search_contacts(self, name: str, limit: int, offset: int) -> tuple[Contact, ...]:
        async with self._database.read() as connection:
            result = await connection.execute(statements.contacts_named(name, limit, offset))
            return rows.contacts_of(result.mappings())

    async def history(
        self, contact_ids: Sequence[ContactId], e164: str | None, keyed: TicketNumber | None, limits: ContextLimits
    ) -> History:
        keys = [rows.contact_key(contact_id) for contact_id in contact_ids]
        serial = rows.NO_ROW if keyed is None else serial_of_number(keyed)
        if not keys and e164 is None and keyed is None:
            return History()
        parts: dict[str, list[Ticket]] = {"open": [], "recent": [], "keyed": []}
        recent_interactions: tuple[Interaction, ...] = ()
        async with self._database.read() as connection:
            if keys or keyed is not None:
                values = {"contacts": keys, "keyed": serial}
                values |= {"open_limit": limits.open_tickets, "recent_limit": limits.recent_tickets}
                for row in (await connection.execute(statements.TICKETS_FOR_POP, values)).mappings():
                    parts[row["part"]].append(rows.ticket_of(row))
            if keys or e164 is not None:
                recent_interactions = await _interactions(
                    connection,
                    statements.interactions_for_pop(min(len(keys), statements.MOST_RANGES + 1)),
                    statements.interactions_for_pop_values(keys, e164, limits.recent_interactions),
                )
        return History(
            open_tickets=tuple(parts["open"]),
            recent_tickets=tuple(parts["recent"]),
            keyed_ticket=parts["keyed"][0] if parts["keyed"] else None,
            recent_interactions=recent_interactions,
        )

    async def ticket(self, number: TicketNumber) -> Ticket | None:
        if not is_ticket_number(number):
            return None
        values = {"wanted": serial_of_number(number)}
        async with self._database.read() as connection:
            row = (await connection.execute(statements.TICKET_BY_SERIAL, values)).mappings().first()
        return None if row is None else rows.ticket_of(row)

    async def tickets(self, wanted: TicketFilter) -> tuple[Ticket, ...]:
        statement = statements.TICKET
        if wanted.statuses:
            statement = statement.where(tickets.c.status.in_(sorted(wanted.statuses)))
        if wanted.queue is not None:
            statement = statement.where(tickets.c.queue == wanted.queue)
        if wanted.contact_id is not None:
            statement = statement.where(tickets.c.contact_id == rows.contact_key(wanted.contact_id))
        if wanted.owner_agent_id is not None:
            statement = statement.where(tickets.c.owner_agent_id == wanted.owner_agent_id)
        if wanted.to_qualify is not None:
            statement = statement.where(tickets.c.to_qualify.is_(wanted.to_qualify))
        if wanted.before is not None:
            statement = statement.where(tickets.c.serial < serial_of_number(wanted.before))
        statement = statement.order_by(tickets.c.serial.desc()).limit(wanted.limit)
        async with self._database.read() as connection:
            return tuple(rows.ticket_of(row) for row in (await connection.execute(statement)).mappings())

    async def messages(self, number: TicketNumber) -> tuple[Message, ...]:
        statement = select(messages).where(messages.c.ticket_serial == serial_of_number(number))
        async with self._database.read() as connection:
            result = await connection.execute(statement.order_by(messages.c.id))
            return rows.messages_of(result.mappings().all())

    async def ticket_events(self, number: TicketNumber) -> tuple[TicketEvent, ...]:
        statement = select(ticket_events).where(ticket_events.c.ticket_serial == serial_of_number(number))
        async with self._database.read() as connection:
            result = await connection.execute(statement.order_by(ticket_events.c.id))
            return rows.events_of(result.mappings().all())

    async def interaction(self, linkedid: str) -> Interaction | None:
        async with self._database.read() as connection:
            result = await connection.execute(statements.INTERACTION_BY_LINKEDID, {"wanted": linkedid})
            row = result.mappings().first()
        return None if row is None else rows.interaction_of(row)

    async def interactions_of(self, number: TicketNumber) -> tuple[Interaction, ...]:
        statement = (
            statements.INTERACTION.join(ticket_interactions, ticket_interactions.c.interaction_id == interactions.c.id)
            .where(ticket_interactions.c.ticket_serial == serial_of_number(number))
            .order_by(interactions.c.id)
        )
        async with self._database.read() as connection:
            return await _interactions(connection, statement)

    async def unsettled_since(self, instant: datetime, limit: int) -> tuple[Interaction, ...]:
        statement = (
            statements.INTERACTION.where(
                interactions.c.started_at >= instant,
                interactions.c.answered_at.is_not(None),
                interactions.c.disposition.is_(None),
            )
            .order_by(interactions.c.started_at, interactions.c.id)
            .limit(limit)
        )
        async with self._database.read() as connection:
            return await _interactions(connection, statement)

    async def interactions_since(self, instant: datetime, limit: int) -> tuple[Interaction, ...]:
        statement = (
            statements.INTERACTION.where(interactions.c.started_at >= instant)
            .order_by(interactions.c.started_at, interactions.c.id)
            .limit(limit)
        )
        async with self._database.read() as connection:
            return await _interactions(connection, statement)


async def _interactions(
    connection: AsyncConnection, statement: Select[Any], values: dict[str, Any] | None = None
) -> tuple[Interaction, ...]:
    return tuple(rows.interaction_of(row) for row in (await connection.execute(statement, values or {})).mappings())
