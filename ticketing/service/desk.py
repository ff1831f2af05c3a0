"""The desk: what the rest of Guichet asks of contacts, tickets and interactions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import islice

from msgspec import Struct
from msgspec.structs import asdict, replace

from ticketing.domain import ticket_number
from ticketing.domain.caller_context import CallerContext, ContextLimits
from ticketing.domain.contact import (
    Certainty,
    Contact,
    ContactDraft,
    ContactId,
    Identification,
    check_contact,
    identify,
)
from ticketing.domain.disposition import Disposition, check_disposition
from ticketing.domain.errors import InvalidContactError, TicketNotFoundError
from ticketing.domain.interaction import Interaction, InteractionRecord, clean_record
from ticketing.domain.open_or_link import LinkTo, decide_ticket
from ticketing.domain.phone_number import CallerNumber
from ticketing.domain.text import LINE_LENGTH, NAME_LENGTH, NOTE_LENGTH, clean_text, fold
from ticketing.domain.ticket import (
    Message,
    MessageKind,
    Ticket,
    TicketChange,
    TicketEvent,
    TicketFilter,
    TicketRef,
    apply_change,
    change_event,
)
from ticketing.domain.ticket_number import TicketNumber
from ticketing.service.call_commit import commit_call
from ticketing.service.desk_store import DeskStore, DeskWriter

_IMPORT_BATCH = 500  # contacts per transaction: other writers get their turn in between
_MOST_ROWS = 1000


class RejectedContact(Struct, frozen=True):
    """`position` counts from 0 in the list given."""

    position: int
    reason: str


class ImportReport(Struct, frozen=True, kw_only=True):
    created: int
    updated: int
    rejected: tuple[RejectedContact, ...]


class Desk:
    """Every method is one transaction or one consistent read, safe to call from many tasks at once."""

    def __init__(self, store: DeskStore, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock

    # ---- callers

    async def identify(self, number: CallerNumber) -> Identification:
        """No query at all for numbers that identify nobody (anonymous, internal, short, invalid)."""
        if number.e164 is None:
            return identify(number, ())
        return identify(number, await self._store.contacts_with_number(number.e164))

    async def caller_context(
        self,
        identification: Identification,
        keyed_ticket: str | None = None,
        *,
        limits: ContextLimits | None = None,
    ) -> CallerContext:
        """At most two queries, all on indexes."""
        keyed = TicketNumber(keyed_ticket) if keyed_ticket and self.is_ticket_number(keyed_ticket) else None
        history = await self._store.history(
            identification.contact_ids, identification.number.e164, keyed, limits or ContextLimits()
        )
        decision = decide_ticket(identification.contact_ids, history.keyed_ticket)
        return CallerContext(
            contacts=identification.contacts,
            open_tickets=history.open_tickets,
            recent_tickets=history.recent_tickets,
            recent_interactions=history.recent_interactions,
            keyed_ticket=history.keyed_ticket,
            linked_ticket=history.keyed_ticket if isinstance(decision, LinkTo) else None,
            decision=decision.reason,
        )

    # ---- calls

    async def record_interactions(self, records: Sequence[InteractionRecord]) -> None:
        """One transaction for all. Idempotent and monotone: see ticketing.domain.interaction. Raises ValueError for a
        record that is malformed (naive instant, empty linkedid); none of the batch is written then."""
        if not records:
            return
        cleaned = [clean_record(record) for record in records]
        async with self._store.write() as writer:
            await writer.merge_interactions(cleaned)

    async def commit_call(self, record: InteractionRecord, disposition: Disposition) -> TicketRef | None:
        """The interaction's one disposition, with its ticket opened or linked exactly once, however often and
        concurrently this is called. None: the call leaves no ticket. After TO_QUALIFY a definite disposition still
        counts (the agent came back) and completes or moves the ticket.

        Raises DispositionError, TicketNotFoundError (nothing is written), ValueError for a malformed record.
        """
        cleaned, checked = clean_record(record), check_disposition(disposition)
        facts = replace(cleaned, note=checked.note or cleaned.note, wrap_up_code=checked.code or cleaned.wrap_up_code)
        if checked.contact_id is not None:  # the agent spoke to them: that settles who it was
            facts = replace(facts, certainty=Certainty.KNOWN, contact_ids=(checked.contact_id,))
        async with self._store.write() as writer:
            return await commit_call(writer, facts, checked, self._clock())

    async def interaction(self, linkedid: str) -> Interaction | None:
        return await self._store.interaction(linkedid)

    # ---- tickets

    @staticmethod
    def is_ticket_number(digits: str) -> bool:
        """Right form and check digit; costs no query."""
        return ticket_number.is_ticket_number(digits)

    async def find_ticket(self, number: str) -> Ticket | None:
        return await self._store.ticket(TicketNumber(number)) if self.is_ticket_number(number) else None

    async def tickets(self, wanted: TicketFilter) -> tuple[Ticket, ...]:
        """Newest first, at most 1,000."""
        return await self._store.tickets(replace(wanted, limit=max(1, min(wanted.limit, _MOST_ROWS))))

    async def messages(self, number: TicketNumber) -> tuple[Message, ...]:
        return await self._store.messages(number)

    async def ticket_events(self, number: TicketNumber) -> tuple[TicketEvent, ...]:
        return await self._store.ticket_events(number)

    async def interactions_of(self, number: TicketNumber) -> tuple[Interaction, ...]:
        return await self._store.interactions_of(number)

    async def unsettled_since(self, instant: datetime, *, limit: int = _MOST_ROWS) -> tuple[Interaction, ...]:
        """Answered calls that started at `instant` or later and have no disposition (yet), oldest first."""
        return await self._store.unsettled_since(instant, limit)

    async def interactions_since(self, instant: datetime, *, limit: int = _MOST_ROWS) -> tuple[Interaction, ...]:
        """What started at `instant` or later, oldest first."""
        return await self._store.interactions_since(instant, limit)

    async def change_ticket(self, number: TicketNumber, change: TicketChange, *, actor: str) -> Ticket:
        """Raises TicketNotFoundError."""
        if change.title is not None:
            change = replace(change, title=clean_text(change.title, LINE_LENGTH) or None)
        now = self._clock()
        async with self._store.write() as writer:
            ticket = await _ticket_to_change(writer, number)
            changed = apply_change(ticket, change, now)
            await writer.save_ticket(changed)
            await writer.add_event(number, change_event(change, actor, now))
        return changed

    async def add_message(self, number: TicketNumber, kind: MessageKind, body: str, *, author: str) -> Message:
        """Raises TicketNotFoundError."""
        text = clean_text(body, NOTE_LENGTH, multiline=True)
        message = Message(kind=kind, author=author, body=text, at=self._clock())
        async with self._store.write() as writer:
            ticket = await _ticket_to_change(writer, number)
            await writer.add_message(number, message)
            await writer.save_ticket(replace(ticket, updated_at=message.at))
        return message

    # ---- contacts

    async def contact(self, contact_id: ContactId) -> Contact | None:
        return await self._store.contact(contact_id)

    async def create_contact(self, draft: ContactDraft) -> Contact:
        """Raises InvalidContactError."""
        checked = check_contact(draft)
        async with self._store.write() as writer:
            (contact_id,) = await writer.add_contacts([checked])
        return Contact(id=contact_id, **asdict(checked))

    async def update_contact(self, contact_id: ContactId, draft: ContactDraft) -> Contact:
        """Replaces every field. Raises InvalidContactError, ContactNotFoundError."""
        contact = Contact(id=contact_id, **asdict(check_contact(draft)))
        async with self._store.write() as writer:
            await writer.replace_contact(contact)
        return contact

    async def search_contacts(self, text: str = "", *, limit: int = 50, offset: int = 0) -> tuple[Contact, ...]:
        """`text` is a number in E.164 (exact) or part of a name or organisation, in any case and accents."""
        wanted = clean_text(text, NAME_LENGTH)
        if wanted.startswith("+"):
            return (await self._store.contacts_with_number(wanted))[offset : offset + limit]
        return await self._store.search_contacts(fold(wanted), max(1, min(limit, _MOST_ROWS)), max(0, offset))

    async def import_contacts(self, drafts: Sequence[ContactDraft]) -> ImportReport:
        """Creates or updates. A contact is recognised by its external_id, without one by name and organisation
        (folded). A bad one is rejected with its position; the others are kept. The same list twice changes nothing."""
        accepted: list[ContactDraft] = []
        rejected: list[RejectedContact] = []
        for position, draft in enumerate(drafts):
            try:
                accepted.append(check_contact(draft))
            except InvalidContactError as error:
                rejected.append(RejectedContact(position, str(error)))
        created = updated = 0
        remaining = iter(accepted)
        while batch := list(islice(remaining, _IMPORT_BATCH)):
            async with self._store.write() as writer:
                batch_created, batch_updated = await _import_batch(writer, batch)
            created, updated = created + batch_created, updated + batch_updated
        return ImportReport(created=created, updated=updated, rejected=tuple(rejected))


async def _ticket_to_change(writer: DeskWriter, number: TicketNumber) -> Ticket:
    ticket = await writer.ticket(number) if ticket_number.is_ticket_number(number) else None
    if ticket is None:
        raise TicketNotFoundError("there is no ticket of this number")
    return ticket


_ContactKey = tuple[str, ...]


def _key(external_id: str, name: str, organisation: str) -> _ContactKey:
    return (external_id,) if external_id else (name, organisation)


async def _import_batch(writer: DeskWriter, drafts: Sequence[ContactDraft]) -> tuple[int, int]:
    wanted = {_key(draft.external_id, fold(draft.name), fold(draft.organisation)): draft for draft in drafts}
    known = await writer.contact_keys(
        {draft.external_id for draft in wanted.values() if draft.external_id},
        {fold(draft.name) for draft in wanted.values() if not draft.external_id},
    )
    owners = {_key(key.external_id, key.name, key.organisation): key.id for key in known}
    new = [draft for key, draft in wanted.items() if key not in owners]
    await writer.add_contacts(new)
    for key, draft in wanted.items():
        if key in owners:
            await writer.replace_contact(Contact(id=owners[key], **asdict(draft)))
    return len(new), len(wanted) - len(new)
