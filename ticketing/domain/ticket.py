"""Tickets, their messages, and the trail of changes that SLA clocks will be computed from.

new --> open <--> pending --> resolved --> closed        resolved --> open when the caller comes back
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import IntEnum, StrEnum

from msgspec import Struct
from msgspec.structs import asdict, replace

from ticketing.domain.contact import ContactId
from ticketing.domain.ticket_number import TicketNumber


class TicketStatus(StrEnum):
    NEW = "new"  # nobody has taken it
    OPEN = "open"
    PENDING = "pending"  # waits for somebody else
    RESOLVED = "resolved"  # may be opened again
    CLOSED = "closed"  # for good: what follows is a new ticket

    @property
    def is_open(self) -> bool:
        return self in OPEN_STATUSES


OPEN_STATUSES = frozenset({TicketStatus.NEW, TicketStatus.OPEN, TicketStatus.PENDING})


class Priority(IntEnum):
    LOW = 1
    NORMAL = 2
    HIGH = 3
    URGENT = 4


class TicketDraft(Struct, frozen=True, kw_only=True):
    """`requested_at`: when the customer asked (queue entry of a call); SLA clocks start here, not at `created_at`.
    `first_response_at`: when an agent first spoke to them; None while nobody has."""

    title: str
    created_at: datetime
    requested_at: datetime
    first_response_at: datetime | None = None
    status: TicketStatus = TicketStatus.OPEN
    priority: Priority = Priority.NORMAL
    contact_id: ContactId | None = None
    queue: str = ""
    service: str = ""
    category: str = ""
    owner_agent_id: str | None = None
    to_qualify: bool = False
    source: str = "phone"
    booked_time: timedelta = timedelta()  # agents' conversation time on all linked interactions


class Ticket(TicketDraft, frozen=True, kw_only=True):
    """The number is the ticket's identity: there is no second id."""

    number: TicketNumber
    updated_at: datetime
    contact_name: str = ""
    resolved_at: datetime | None = None
    closed_at: datetime | None = None


class TicketChange(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Fields to set; None leaves a field as it is."""

    title: str | None = None
    status: TicketStatus | None = None
    priority: Priority | None = None
    contact_id: ContactId | None = None
    queue: str | None = None
    service: str | None = None
    category: str | None = None
    owner_agent_id: str | None = None
    to_qualify: bool | None = None


class TicketRef(Struct, frozen=True, kw_only=True):
    """What committing a call left. `opened`: by this interaction, as opposed to linked."""

    number: TicketNumber
    title: str
    opened: bool
    to_qualify: bool


class MessageKind(StrEnum):
    NOTE = "note"  # inside the desk
    CALL = "call"
    CUSTOMER = "customer"


class Message(Struct, frozen=True, kw_only=True):
    """`author`: an agent id, a contact id, or "system". `linkedid`: the interaction it came from."""

    kind: MessageKind
    author: str
    body: str
    at: datetime
    linkedid: str | None = None


class TicketEventKind(StrEnum):
    OPENED = "opened"
    INTERACTION_LINKED = "interaction_linked"
    CHANGED = "changed"


class TicketEvent(Struct, frozen=True, kw_only=True):
    """One fact in a ticket's life, never altered: `data` holds the fields set, as JSON values."""

    kind: TicketEventKind
    at: datetime
    actor: str
    data: dict[str, str | int | bool | None]


class TicketFilter(Struct, frozen=True, kw_only=True):
    """All given conditions hold. `before`: only tickets with a lower number (paging; newest first)."""

    statuses: frozenset[TicketStatus] = frozenset()
    queue: str | None = None
    contact_id: ContactId | None = None
    owner_agent_id: str | None = None
    to_qualify: bool | None = None
    before: TicketNumber | None = None
    limit: int = 50


def apply_change(ticket: Ticket, change: TicketChange, at: datetime) -> Ticket:
    """`ticket` with the fields of `change` set. Any status may follow any other (people mend mistakes); the instants
    of resolving and closing follow the status, and opening again forgets them."""
    fields = asdict(change)
    changed = replace(ticket, updated_at=at, **{name: value for name, value in fields.items() if value is not None})
    if changed.status is ticket.status:
        return changed
    if changed.status.is_open:
        return replace(changed, resolved_at=None, closed_at=None)
    if changed.status is TicketStatus.RESOLVED:
        return replace(changed, resolved_at=at, closed_at=None)
    return replace(changed, resolved_at=changed.resolved_at or at, closed_at=at)


def change_event(change: TicketChange, actor: str, at: datetime) -> TicketEvent:
    fields = {name: value for name, value in asdict(change).items() if value is not None}
    return TicketEvent(kind=TicketEventKind.CHANGED, at=at, actor=actor, data=fields)
