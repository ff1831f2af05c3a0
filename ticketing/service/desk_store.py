"""Port: where the desk keeps contacts, interactions and tickets. One contract suite runs on every implementation
(tests/port_contracts/test_desk_store.py)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime

from msgspec import Struct

from ticketing.domain.caller_context import ContextLimits, History
from ticketing.domain.contact import Contact, ContactDraft, ContactId
from ticketing.domain.disposition import DispositionKind
from ticketing.domain.interaction import Interaction, InteractionId, InteractionRecord
from ticketing.domain.ticket import Message, Ticket, TicketDraft, TicketEvent, TicketFilter, TicketRef
from ticketing.domain.ticket_number import TicketNumber


class Claim(Struct, frozen=True, kw_only=True):
    """`interaction` after the merge. `is_first`: nobody gave this interaction a disposition before."""

    interaction: Interaction
    is_first: bool


class ContactKey(Struct, frozen=True, kw_only=True):
    """What an imported contact is recognised by. `name` and `organisation` are folded."""

    id: ContactId
    external_id: str
    name: str
    organisation: str


class DeskWriter(ABC):
    """One transaction: all of it happens when the `async with` block ends well, nothing of it otherwise."""

    @abstractmethod
    async def merge_interactions(self, records: Sequence[InteractionRecord]) -> None:
        """Insert or merge (see domain.interaction.merge); several records of one linkedid merge in their order."""

    @abstractmethod
    async def claim_interaction(self, record: InteractionRecord, kind: DispositionKind) -> Claim:
        """Merge `record`, and give the interaction its disposition unless it has one. Of concurrent claims exactly
        one is first; the others wait until its transaction has ended."""

    @abstractmethod
    async def set_disposition(self, interaction_id: InteractionId, kind: DispositionKind) -> None: ...

    @abstractmethod
    async def links_of(self, interaction_id: InteractionId) -> tuple[TicketRef, ...]:
        """The tickets of an interaction, oldest first."""

    @abstractmethod
    async def ticket(self, number: TicketNumber) -> Ticket | None:
        """As `DeskStore.ticket`, and nobody else changes it until this transaction has ended."""

    @abstractmethod
    async def contact_name(self, contact_id: ContactId) -> str | None: ...

    @abstractmethod
    async def add_ticket(self, draft: TicketDraft) -> TicketNumber:
        """Takes the next number. An unknown `contact_id` leaves the ticket without contact: a call must not lose its
        ticket because a contact was deleted meanwhile."""

    @abstractmethod
    async def save_ticket(self, ticket: Ticket) -> None:
        """Writes every field but number, created_at, requested_at and source."""

    @abstractmethod
    async def link(self, number: TicketNumber, interaction_id: InteractionId, *, opened: bool) -> None:
        """Hangs the interaction on the ticket; a second time changes nothing."""

    @abstractmethod
    async def unlink(self, number: TicketNumber, interaction_id: InteractionId) -> None: ...

    @abstractmethod
    async def has_message_like(self, number: TicketNumber, message: Message) -> bool:
        """One of the same kind, author and call with the same words."""

    @abstractmethod
    async def add_message(self, number: TicketNumber, message: Message) -> None: ...

    @abstractmethod
    async def add_event(self, number: TicketNumber, event: TicketEvent) -> None: ...

    @abstractmethod
    async def add_contacts(self, drafts: Sequence[ContactDraft]) -> tuple[ContactId, ...]:
        """Ids in the order of `drafts`. Raises InvalidContactError when an external_id is taken."""

    @abstractmethod
    async def replace_contact(self, contact: Contact) -> None:
        """Raises ContactNotFoundError, or InvalidContactError when the external_id is taken."""

    @abstractmethod
    async def contact_keys(self, external_ids: Collection[str], names: Collection[str]) -> tuple[ContactKey, ...]:
        """Contacts with one of these external ids or one of these folded names."""


class DeskStore(ABC):
    @abstractmethod
    def write(self) -> AbstractAsyncContextManager[DeskWriter]:
        """Keep it short: on SQLite one writer at a time, the others wait their turn."""

    @abstractmethod
    async def contacts_with_number(self, e164: str) -> tuple[Contact, ...]:
        """Exact match, by id."""

    @abstractmethod
    async def contact(self, contact_id: ContactId) -> Contact | None: ...

    @abstractmethod
    async def search_contacts(self, name: str, limit: int, offset: int) -> tuple[Contact, ...]:
        """Contacts whose folded name or organisation contains `name` (folded; empty: all), by folded name."""

    @abstractmethod
    async def history(
        self, contact_ids: Sequence[ContactId], e164: str | None, keyed: TicketNumber | None, limits: ContextLimits
    ) -> History: ...

    @abstractmethod
    async def ticket(self, number: TicketNumber) -> Ticket | None: ...

    @abstractmethod
    async def tickets(self, wanted: TicketFilter) -> tuple[Ticket, ...]:
        """Newest first."""

    @abstractmethod
    async def messages(self, number: TicketNumber) -> tuple[Message, ...]:
        """Oldest first."""

    @abstractmethod
    async def ticket_events(self, number: TicketNumber) -> tuple[TicketEvent, ...]:
        """Oldest first."""

    @abstractmethod
    async def interaction(self, linkedid: str) -> Interaction | None: ...

    @abstractmethod
    async def interactions_of(self, number: TicketNumber) -> tuple[Interaction, ...]:
        """Oldest link first."""

    @abstractmethod
    async def unsettled_since(self, instant: datetime, limit: int) -> tuple[Interaction, ...]:
        """Answered, started at `instant` or later, and without a disposition; oldest first."""

    @abstractmethod
    async def interactions_since(self, instant: datetime, limit: int) -> tuple[Interaction, ...]:
        """Those that started at `instant` or later, oldest first, `limit` at most."""
