"""The word on a call at its end: what it was, and what becomes of its ticket."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from ticketing.domain.contact import ContactId
from ticketing.domain.errors import DispositionError
from ticketing.domain.text import LINE_LENGTH, NOTE_LENGTH, clean_text


class DispositionKind(StrEnum):
    NEW = "new"  # opens a ticket
    LINKED = "linked"  # belongs to `link_to`; a resolved ticket is opened again
    STATUS_REQUEST = "status_request"  # asks about `link_to`, whose status stays
    WRONG_NUMBER = "wrong_number"  # no ticket
    SPAM = "spam"  # no ticket
    TO_QUALIFY = "to_qualify"  # nobody said: the open-or-link rule decides, the ticket is flagged

    @property
    def needs_ticket_number(self) -> bool:
        return self in (DispositionKind.LINKED, DispositionKind.STATUS_REQUEST)

    @property
    def leaves_no_ticket(self) -> bool:
        return self in (DispositionKind.WRONG_NUMBER, DispositionKind.SPAM)


class Disposition(Struct, frozen=True, kw_only=True):
    """`contact_id` is the agent's choice among several contacts on one number; `link_to` a ticket number."""

    kind: DispositionKind
    title: str = ""
    note: str = ""
    code: str = ""
    link_to: str | None = None
    contact_id: ContactId | None = None
    service: str = ""
    category: str = ""
    one_of_several: str = ""  # the agent whose words these are, where the call had several: each one's note is kept


def check_disposition(disposition: Disposition) -> Disposition:
    """`disposition` cleaned. Raises DispositionError where kind and `link_to` contradict each other."""
    kind = disposition.kind
    if kind.needs_ticket_number and disposition.link_to is None:
        raise DispositionError(f"link_to: a call of kind {kind} needs the ticket it belongs to")
    if disposition.link_to is not None and (kind is DispositionKind.NEW or kind.leaves_no_ticket):
        raise DispositionError(f"link_to: a call of kind {kind} links no ticket")
    return replace(
        disposition,
        title=clean_text(disposition.title, LINE_LENGTH),
        note=clean_text(disposition.note, NOTE_LENGTH, multiline=True),
        code=clean_text(disposition.code, LINE_LENGTH),
        service=clean_text(disposition.service, LINE_LENGTH),
        category=clean_text(disposition.category, LINE_LENGTH),
    )
