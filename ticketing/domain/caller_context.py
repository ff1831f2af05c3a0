"""What the screen-pop shows of a caller's history."""

from __future__ import annotations

from msgspec import Struct

from ticketing.domain.contact import Contact
from ticketing.domain.interaction import Interaction
from ticketing.domain.ticket import Ticket


class ContextLimits(Struct, frozen=True, kw_only=True):
    open_tickets: int = 10
    recent_tickets: int = 5
    recent_interactions: int = 5


class History(Struct, frozen=True, kw_only=True):
    """`open_tickets` and `recent_tickets` (resolved or closed) latest change first; interactions latest start first:
    those of the contacts and those from the same public number. `keyed_ticket`: whoever it belongs to."""

    open_tickets: tuple[Ticket, ...] = ()
    recent_tickets: tuple[Ticket, ...] = ()
    recent_interactions: tuple[Interaction, ...] = ()
    keyed_ticket: Ticket | None = None


class CallerContext(History, frozen=True, kw_only=True):
    """`linked_ticket` is the keyed one if the open-or-link rule links it; `decision` is the rule's reason."""

    contacts: tuple[Contact, ...] = ()
    linked_ticket: Ticket | None = None
    decision: str = ""
