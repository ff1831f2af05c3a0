"""DeskError: something the desk was asked and cannot do, for the one who asked.
├── InvalidTicketNumberError   not digits, or a wrong check digit
├── TicketNotFoundError
├── ContactNotFoundError
├── InvalidContactError        a field that cannot be kept; says which and why
├── DispositionError           the wrap-up contradicts itself
├── InvalidIncidentError       a major incident that cannot be declared so; says which field and why
├── IncidentNotFoundError
├── InvalidPinError            not so many digits, or too easily guessed
└── DatabaseError
    ├── DatabaseUrlError       the address names no database we can use
    ├── DatabaseUnreachableError
    ├── DatabaseFailureError    it was reached, and then failed: connection lost, disk full, locked for too long
    └── MigrationError         the schema could not be brought up to date
        └── DatabaseNewerError     a newer Guichet has brought it further than this one knows
"""

from __future__ import annotations


class DeskError(Exception):
    error_id = "desk.error"


class InvalidTicketNumberError(DeskError):
    error_id = "ticket.invalid_number"


class TicketNotFoundError(DeskError):
    error_id = "ticket.not_found"


class ContactNotFoundError(DeskError):
    error_id = "contact.not_found"


class InvalidContactError(DeskError):
    error_id = "contact.invalid"


class DispositionError(DeskError):
    error_id = "disposition.invalid"


class InvalidIncidentError(DeskError):
    error_id = "incident.invalid"


class IncidentNotFoundError(DeskError):
    error_id = "incident.not_found"


class InvalidPinError(DeskError):
    error_id = "pin.invalid"


class DatabaseError(DeskError):
    error_id = "database.error"


class DatabaseUrlError(DatabaseError):
    error_id = "database.invalid_url"


class DatabaseUnreachableError(DatabaseError):
    error_id = "database.unreachable"


class DatabaseFailureError(DatabaseError):
    error_id = "database.failure"


class MigrationError(DatabaseError):
    error_id = "database.migration"


class DatabaseNewerError(MigrationError):
    error_id = "database.newer_version"
