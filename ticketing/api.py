"""The only door of ticketing: everything other packages may import stands here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime

from ticketing.adapters.columns import Duration, JsonText, Serial, UtcInstant
from ticketing.adapters.database import Database, open_database
from ticketing.adapters.migrate import migrate
from ticketing.adapters.sql_desk_store import SqlDeskStore
from ticketing.domain.caller_context import CallerContext, ContextLimits
from ticketing.domain.contact import Certainty, Contact, ContactDraft, ContactId, Identification
from ticketing.domain.disposition import Disposition, DispositionKind
from ticketing.domain.errors import (
    ContactNotFoundError,
    DatabaseError,
    DatabaseFailureError,
    DatabaseUnreachableError,
    DatabaseUrlError,
    DeskError,
    DispositionError,
    InvalidContactError,
    InvalidTicketNumberError,
    MigrationError,
    TicketNotFoundError,
)
from ticketing.domain.interaction import Direction, Interaction, InteractionId, InteractionRecord
from ticketing.domain.phone_number import CallerNumber, NumberKind, normalise
from ticketing.domain.ticket import (
    Message,
    MessageKind,
    Priority,
    Ticket,
    TicketChange,
    TicketEvent,
    TicketEventKind,
    TicketFilter,
    TicketRef,
    TicketStatus,
)
from ticketing.domain.ticket_number import TicketNumber, is_ticket_number
from ticketing.service.desk import Desk, ImportReport, RejectedContact


@asynccontextmanager
async def open_desk(database: Database, clock: Callable[[], datetime]) -> AsyncIterator[Desk]:
    """The desk on `database`, its tables brought up to date first. `clock` gives aware instants. The database stays
    open: it belongs to the caller. Raises MigrationError."""
    await migrate(database)
    yield Desk(SqlDeskStore(database), clock)


__all__ = [
    "CallerContext",
    "CallerNumber",
    "Certainty",
    "Contact",
    "ContactDraft",
    "ContactId",
    "ContactNotFoundError",
    "ContextLimits",
    "Database",
    "DatabaseError",
    "DatabaseFailureError",
    "DatabaseUnreachableError",
    "DatabaseUrlError",
    "Desk",
    "DeskError",
    "Direction",
    "Disposition",
    "DispositionError",
    "DispositionKind",
    "Duration",
    "Identification",
    "ImportReport",
    "Interaction",
    "InteractionId",
    "InteractionRecord",
    "InvalidContactError",
    "InvalidTicketNumberError",
    "JsonText",
    "Message",
    "MessageKind",
    "MigrationError",
    "NumberKind",
    "Priority",
    "RejectedContact",
    "Serial",
    "Ticket",
    "TicketChange",
    "TicketEvent",
    "TicketEventKind",
    "TicketFilter",
    "TicketNotFoundError",
    "TicketNumber",
    "TicketRef",
    "TicketStatus",
    "UtcInstant",
    "is_ticket_number",
    "migrate",
    "normalise",
    "open_database",
    "open_desk",
]
