"""A desk store in memory. It passes the same contract suite as the real ones."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from copy import copy
from datetime import datetime
from typing import Any

from msgspec import Struct, field
from msgspec.structs import asdict, replace

from ticketing.domain.caller_context import ContextLimits, History
from ticketing.domain.contact import Certainty, Contact, ContactDraft, ContactId
from ticketing.domain.disposition import DispositionKind
from ticketing.domain.errors import ContactNotFoundError, InvalidContactError
from ticketing.domain.interaction import Interaction, InteractionId, InteractionRecord, merge
from ticketing.domain.text import fold
from ticketing.domain.ticket import Message, Ticket, TicketDraft, TicketEvent, TicketFilter, TicketRef
from ticketing.domain.ticket_number import TicketNumber, number_of_serial, serial_of_number
from ticketing.service.desk_store import Claim, ContactKey, DeskStore, DeskWriter


class _Tables(Struct):
    contacts: dict[ContactId, Contact] = field(default_factory=dict)
    tickets: dict[TicketNumber, Ticket] = field(default_factory=dict)
    interactions: dict[str, Interaction] = field(default_factory=dict)
    links: dict[tuple[InteractionId, TicketNumber], bool] = field(default_factory=dict)
    messages: tuple[tuple[TicketNumber, Message], ...] = ()
    events: tuple[tuple[TicketNumber, TicketEvent], ...] = ()
    contacts_given: int = 0

    def copied(self) -> _Tables:
        """The values are frozen, so copying the containers is enough."""
        return _Tables(**{name: copy(value) for name, value in asdict(self).items()})

    def shown_ticket(self, ticket: Ticket) -> Ticket:
        contact = None if ticket.contact_id is None else self.contacts.get(ticket.contact_id)
        return replace(
            ticket,
            contact_id=contact.id if contact else None,
            contact_name=contact.name if contact else "",
        )

    def shown_interaction(self, interaction: Interaction) -> Interaction:
        numbers = [number for (owner, number) in self.links if owner == interaction.id]
        return replace(interaction, ticket_number=max(numbers, key=serial_of_number, default=None))


class FakeDeskWriter(DeskWriter):
    def __init__(self, tables: _Tables) -> None:
        self._tables = tables

    async def merge_interactions(self, records: Sequence[InteractionRecord]) -> None:
        for record in records:
            self._merge(record)

    def _merge(self, record: InteractionRecord) -> Interaction:
        old = self._tables.interactions.get(record.linkedid)
        merged = record if old is None else merge(old, record)
        number = len(self._tables.interactions) + 1
        stored = Interaction(
            id=old.id if old else InteractionId(f"interaction_{number}"),
            disposition=old.disposition if old else None,
            **_fields(merged),
        )
        self._tables.interactions[record.linkedid] = stored
        return stored

    async def claim_interaction(self, record: InteractionRecord, kind: DispositionKind) -> Claim:
        merged = self._merge(record)
        if merged.disposition is not None:
            return Claim(interaction=merged, is_first=False)
        claimed = replace(merged, disposition=kind)
        self._tables.interactions[record.linkedid] = claimed
        return Claim(interaction=claimed, is_first=True)

    async def set_disposition(self, interaction_id: InteractionId, kind: DispositionKind) -> None:
        for linkedid, interaction in self._tables.interactions.items():
            if interaction.id == interaction_id:
                self._tables.interactions[linkedid] = replace(interaction, disposition=kind)

    async def links_of(self, interaction_id: InteractionId) -> tuple[TicketRef, ...]:
        found = [
            (self._tables.tickets[number], opened)
            for (owner, number), opened in self._tables.links.items()
            if owner == interaction_id
        ]
        return tuple(
            TicketRef(number=ticket.number, title=ticket.title, opened=opened, to_qualify=ticket.to_qualify)
            for ticket, opened in sorted(found, key=lambda pair: serial_of_number(pair[0].number))
        )

    async def ticket(self, number: TicketNumber) -> Ticket | None:
        ticket = self._tables.tickets.get(number)
        return None if ticket is None else self._tables.shown_ticket(ticket)

    async def contact_name(self, contact_id: ContactId) -> str | None:
        contact = self._tables.contacts.get(contact_id)
        return None if contact is None else contact.name

    async def add_ticket(self, draft: TicketDraft) -> TicketNumber:
        number = number_of_serial(len(self._tables.tickets) + 1)
        self._tables.tickets[number] = Ticket(number=number, updated_at=draft.created_at, **asdict(draft))
        return number

    async def save_ticket(self, ticket: Ticket) -> None:
        old = self._tables.tickets[ticket.number]
        self._tables.tickets[ticket.number] = replace(
            ticket, created_at=old.created_at, requested_at=old.requested_at, source=old.source
        )

    async def link(self, number: TicketNumber, interaction_id: InteractionId, *, opened: bool) -> None:
        self._tables.links.setdefault((interaction_id, number), opened)

    async def unlink(self, number: TicketNumber, interaction_id: InteractionId) -> None:
        self._tables.links.pop((interaction_id, number), None)

    async def has_message_like(self, number: TicketNumber, message: Message) -> bool:
        wanted = (number, message.kind, message.author, message.linkedid, message.body)
        return any((of, m.kind, m.author, m.linkedid, m.body) == wanted for of, m in self._tables.messages)

    async def add_message(self, number: TicketNumber, message: Message) -> None:
        self._tables.messages += ((number, message),)

    async def add_event(self, number: TicketNumber, event: TicketEvent) -> None:
        self._tables.events += ((number, event),)

    async def add_contacts(self, drafts: Sequence[ContactDraft]) -> tuple[ContactId, ...]:
        given = []
        for draft in drafts:
            self._tables.contacts_given += 1
            contact = Contact(id=ContactId(f"contact_{self._tables.contacts_given}"), **asdict(draft))
            self._put_contact(contact)
            given.append(contact.id)
        return tuple(given)

    async def replace_contact(self, contact: Contact) -> None:
        if contact.id not in self._tables.contacts:
            raise ContactNotFoundError("there is no contact of this id")
        self._put_contact(contact)

    def _put_contact(self, contact: Contact) -> None:
        for other in self._tables.contacts.values():
            if contact.external_id and other.external_id == contact.external_id and other.id != contact.id:
                raise InvalidContactError("external_id: another contact has it")
        self._tables.contacts[contact.id] = contact

    async def contact_keys(self, external_ids: Collection[str], names: Collection[str]) -> tuple[ContactKey, ...]:
        return tuple(
            ContactKey(
                id=contact.id,
                external_id=contact.external_id,
                name=fold(contact.name),
                organisation=fold(contact.organisation),
            )
            for contact in self._tables.contacts.values()
            if contact.external_id in external_ids or fold(contact.name) in names
        )


class FakeDeskStore(DeskStore):
    def __init__(self) -> None:
        self._tables = _Tables()
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def write(self) -> AsyncIterator[FakeDeskWriter]:
        async with self._turn:
            attempt = self._tables.copied()
            yield FakeDeskWriter(attempt)
            self._tables = attempt

    async def contacts_with_number(self, e164: str) -> tuple[Contact, ...]:
        return tuple(contact for contact in self._tables.contacts.values() if e164 in contact.phone_numbers)

    async def contact(self, contact_id: ContactId) -> Contact | None:
        return self._tables.contacts.get(contact_id)

    async def search_contacts(self, name: str, limit: int, offset: int) -> tuple[Contact, ...]:
        found = [
            contact
            for contact in self._tables.contacts.values()
            if name in fold(contact.name) or name in fold(contact.organisation)
        ]
        return tuple(sorted(found, key=lambda contact: fold(contact.name))[offset : offset + limit])

    async def history(
        self, contact_ids: Sequence[ContactId], e164: str | None, keyed: TicketNumber | None, limits: ContextLimits
    ) -> History:
        def is_theirs(interaction: Interaction) -> bool:
            by_number = e164 is not None and interaction.caller_e164 == e164
            settled = interaction.certainty is Certainty.KNOWN and len(interaction.contact_ids) == 1
            return by_number or (settled and interaction.contact_ids[0] in contact_ids)

        theirs = self._shown_tickets(lambda ticket: ticket.contact_id in contact_ids)
        theirs.sort(key=lambda ticket: (ticket.updated_at, serial_of_number(ticket.number)), reverse=True)
        started: list[tuple[datetime, Interaction]] = [
            (interaction.started_at, self._tables.shown_interaction(interaction))
            for interaction in self._tables.interactions.values()
            if interaction.started_at is not None and is_theirs(interaction)
        ]
        started.sort(key=lambda pair: pair[0], reverse=True)
        return History(
            open_tickets=tuple(ticket for ticket in theirs if ticket.status.is_open)[: limits.open_tickets],
            recent_tickets=tuple(ticket for ticket in theirs if not ticket.status.is_open)[: limits.recent_tickets],
            recent_interactions=tuple(interaction for _, interaction in started[: limits.recent_interactions]),
            keyed_ticket=None if keyed is None else await self.ticket(keyed),
        )

    def _shown_tickets(self, is_wanted: Callable[[Ticket], bool]) -> list[Ticket]:
        shown = (self._tables.shown_ticket(ticket) for ticket in self._tables.tickets.values())
        return [ticket for ticket in shown if is_wanted(ticket)]

    async def ticket(self, number: TicketNumber) -> Ticket | None:
        ticket = self._tables.tickets.get(number)
        return None if ticket is None else self._tables.shown_ticket(ticket)

    async def tickets(self, wanted: TicketFilter) -> tuple[Ticket, ...]:
        def is_wanted(ticket: Ticket) -> bool:
            return (
                (not wanted.statuses or ticket.status in wanted.statuses)
                and wanted.queue in (None, ticket.queue)
                and wanted.contact_id in (None, ticket.contact_id)
                and wanted.owner_agent_id in (None, ticket.owner_agent_id)
                and wanted.to_qualify in (None, ticket.to_qualify)
                and (wanted.before is None or serial_of_number(ticket.number) < serial_of_number(wanted.before))
            )

        found = self._shown_tickets(is_wanted)
        return tuple(sorted(found, key=lambda ticket: serial_of_number(ticket.number), reverse=True)[: wanted.limit])

    async def messages(self, number: TicketNumber) -> tuple[Message, ...]:
        return tuple(message for owner, message in self._tables.messages if owner == number)

    async def ticket_events(self, number: TicketNumber) -> tuple[TicketEvent, ...]:
        return tuple(event for owner, event in self._tables.events if owner == number)

    async def interaction(self, linkedid: str) -> Interaction | None:
        interaction = self._tables.interactions.get(linkedid)
        return None if interaction is None else self._tables.shown_interaction(interaction)

    async def interactions_of(self, number: TicketNumber) -> tuple[Interaction, ...]:
        owners = {owner for (owner, linked) in self._tables.links if linked == number}
        return tuple(
            self._tables.shown_interaction(interaction)
            for interaction in self._tables.interactions.values()
            if interaction.id in owners
        )

    async def unsettled_since(self, instant: datetime, limit: int) -> tuple[Interaction, ...]:
        started = await self.interactions_since(instant, len(self._tables.interactions))
        return tuple(item for item in started if item.answered_at is not None and item.disposition is None)[:limit]

    async def interactions_since(self, instant: datetime, limit: int) -> tuple[Interaction, ...]:
        found = [
            interaction
            for interaction in self._tables.interactions.values()
            if interaction.started_at is not None and interaction.started_at >= instant
        ]
        found.sort(key=lambda interaction: (interaction.started_at or instant, interaction.id))
        return tuple(self._tables.shown_interaction(interaction) for interaction in found[:limit])


def _fields(record: InteractionRecord) -> dict[str, Any]:
    return {name: getattr(record, name) for name in InteractionRecord.__struct_fields__}
