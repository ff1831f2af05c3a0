"""The only door of ticketing: everything other packages may import stands here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime

from ticketing.adapters.columns import Duration, JsonText, Serial, UtcInstant
from ticketing.adapters.database import Database, open_database
from ticketing.adapters.migrate import migrate
from ticketing.adapters.sql_desk_store import SqlDeskStore
from ticketing.adapters.sql_incidents import SqlMajorIncidents
from ticketing.adapters.sql_pins import SqlContactPins
from ticketing.adapters.sql_requests import SqlServiceRequests
from ticketing.adapters.sql_surveys import SqlSurveys
from ticketing.domain.caller_context import CallerContext, ContextLimits
from ticketing.domain.contact import Certainty, Contact, ContactDraft, ContactId, Identification
from ticketing.domain.disposition import Disposition, DispositionKind
from ticketing.domain.errors import (
    ContactNotFoundError,
    DatabaseError,
    DatabaseFailureError,
    DatabaseNewerError,
    DatabaseUnreachableError,
    DatabaseUrlError,
    DeskError,
    DispositionError,
    IncidentNotFoundError,
    InvalidContactError,
    InvalidIncidentError,
    InvalidPinError,
    InvalidTicketNumberError,
    MigrationError,
    TicketNotFoundError,
)
from ticketing.domain.interaction import Direction, Interaction, InteractionId, InteractionRecord
from ticketing.domain.major_incident import (
    IncidentCaller,
    IncidentDraft,
    IncidentId,
    IncidentTally,
    MajorIncident,
    foremost,
)
from ticketing.domain.phone_number import CallerNumber, NumberKind, normalise
from ticketing.domain.pin import PinVerdict
from ticketing.domain.service_request import ServiceRequest
from ticketing.domain.survey import Survey, SurveyAnswers, SurveyFigures, SurveyStart, survey_figures
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
from ticketing.service.incidents import MajorIncidents
from ticketing.service.pins import ContactPins
from ticketing.service.requests import ServiceRequests
from ticketing.service.surveys import Surveys


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
    "ContactPins",
    "ContextLimits",
    "Database",
    "DatabaseError",
    "DatabaseFailureError",
    "DatabaseNewerError",
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
    "IncidentCaller",
    "IncidentDraft",
    "IncidentId",
    "IncidentNotFoundError",
    "IncidentTally",
    "Interaction",
    "InteractionId",
    "InteractionRecord",
    "InvalidContactError",
    "InvalidIncidentError",
    "InvalidPinError",
    "InvalidTicketNumberError",
    "JsonText",
    "MajorIncident",
    "MajorIncidents",
    "Message",
    "MessageKind",
    "MigrationError",
    "NumberKind",
    "PinVerdict",
    "Priority",
    "RejectedContact",
    "Serial",
    "ServiceRequest",
    "ServiceRequests",
    "SqlContactPins",
    "SqlMajorIncidents",
    "SqlServiceRequests",
    "SqlSurveys",
    "Survey",
    "SurveyAnswers",
    "SurveyFigures",
    "SurveyStart",
    "Surveys",
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
    "foremost",
    "is_ticket_number",
    "migrate",
    "normalise",
    "open_database",
    "open_desk",
    "survey_figures",
]
