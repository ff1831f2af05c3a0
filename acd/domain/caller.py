"""Who calls, and what the desk knows about them. Plain data for the screen-pop and the interaction."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from msgspec import Struct


class Certainty(StrEnum):
    KNOWN = "known"  # exactly one contact has this number
    UNCERTAIN = "uncertain"  # several have it
    UNKNOWN = "unknown"


class ContactCard(Struct, frozen=True, kw_only=True):
    contact_id: str
    name: str
    organisation: str = ""
    vip: bool = False
    contract: str = ""
    site: str = ""
    language: str = ""
    email: str = ""


class TicketCard(Struct, frozen=True, kw_only=True):
    number: str
    title: str
    status: str
    created_at: datetime
    queue: str = ""
    contact_name: str = ""
    owner_agent_id: str = ""
    priority: str = ""  # low, normal, high, urgent


class RecentCallCard(Struct, frozen=True, kw_only=True):
    started_at: datetime
    queue: str = ""
    agent_name: str = ""
    result: str = ""
    ticket_number: str = ""


class Caller(Struct, frozen=True, kw_only=True):
    """`number` and `name` are as presented by the network: hostile text, shown as text only."""

    number: str
    name: str = ""
    number_kind: str = "invalid"  # e164 | internal | short | anonymous | invalid
    e164: str | None = None
    certainty: Certainty = Certainty.UNKNOWN
    contacts: tuple[ContactCard, ...] = ()

    @property
    def is_vip(self) -> bool:
        return self.certainty is Certainty.KNOWN and self.contacts[0].vip


class CallerContext(Struct, frozen=True, kw_only=True):
    """What the agent should know before saying hello."""

    open_tickets: tuple[TicketCard, ...] = ()
    recent_tickets: tuple[TicketCard, ...] = ()
    recent_calls: tuple[RecentCallCard, ...] = ()
    linked_ticket: TicketCard | None = None  # keyed by the caller and theirs
    missing: tuple[str, ...] = ()  # what could not be looked up: shown, never guessed
