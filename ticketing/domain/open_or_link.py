"""Open a ticket or link one? Pure rule, with its reason. A ticket is linked without a human's word on explicit
evidence only: its number was keyed by a caller who owns it.

| caller    | keyed ticket                      | decision |
|-----------|-----------------------------------|----------|
| known     | open or resolved, theirs          | link     |
| known     | somebody else's, or nobody's      | open new |
| uncertain | belongs to one of the candidates  | link: number and ticket together point at that contact |
| uncertain | belongs to none of them           | open new |
| unknown   | any                               | open new: numbers are in sequence, so one alone proves nothing |
| any       | closed                            | open new, as its follow-up |
| any       | none, or a number that is no ticket | open new |

What is not linked is still shown to the agent, who may link by hand.
"""

from __future__ import annotations

from collections.abc import Collection

from msgspec import Struct

from ticketing.domain.contact import ContactId
from ticketing.domain.ticket import Ticket, TicketStatus
from ticketing.domain.ticket_number import TicketNumber


class OpenNew(Struct, frozen=True, kw_only=True):
    reason: str
    contact_id: ContactId | None = None
    follows: TicketNumber | None = None


class LinkTo(Struct, frozen=True, kw_only=True):
    number: TicketNumber
    contact_id: ContactId
    reason: str


def decide_ticket(contact_ids: Collection[ContactId], keyed_ticket: Ticket | None) -> OpenNew | LinkTo:
    """`contact_ids`: everybody the caller may be (one: known, several: uncertain, none: unknown)."""
    sole = next(iter(contact_ids)) if len(contact_ids) == 1 else None
    if keyed_ticket is None:
        return OpenNew(reason="no ticket keyed", contact_id=sole)
    owner = keyed_ticket.contact_id
    if not contact_ids:
        return OpenNew(reason="ticket keyed, but the caller is unknown")
    if owner is None or owner not in contact_ids:
        return OpenNew(reason="the keyed ticket is not the caller's", contact_id=sole)
    if keyed_ticket.status is TicketStatus.CLOSED:
        return OpenNew(reason="the keyed ticket is closed", contact_id=owner, follows=keyed_ticket.number)
    return LinkTo(number=keyed_ticket.number, contact_id=owner, reason="the caller keyed their own ticket")
