"""The statements of the desk, built once and run with parameters: what is built anew at each call costs SQLAlchemy
more time than the database takes to answer."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Insert,
    Select,
    and_,
    bindparam,
    case,
    insert,
    literal,
    literal_column,
    or_,
    select,
    union_all,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from ticketing.adapters.columns import Serial
from ticketing.adapters.tables import (
    contact_points,
    contacts,
    interactions,
    ticket_interactions,
    tickets,
)
from ticketing.domain.interaction import FACT_FIELDS, WITNESSES
from ticketing.domain.ticket import OPEN_STATUSES, TicketStatus

_OPEN: Final = [status.value for status in TicketStatus if status in OPEN_STATUSES]
_SHUT: Final = [status.value for status in TicketStatus if status not in OPEN_STATUSES]

# ---- contacts

CONTACT_WITH_POINTS: Final = select(
    contacts, contact_points.c.kind, contact_points.c.position, contact_points.c.value
).join_from(contacts, contact_points, contact_points.c.contact_id == contacts.c.id, isouter=True)

CONTACTS_WITH_NUMBER: Final = CONTACT_WITH_POINTS.where(
    contacts.c.id.in_(
        select(contact_points.c.contact_id).where(
            contact_points.c.value == bindparam("e164"), contact_points.c.kind == "phone"
        )
    )
).order_by(contacts.c.id)


def contacts_named(name: str, limit: int, offset: int) -> Select[Any]:
    matching = select(contacts.c.id)
    if name:
        matching = matching.where(
            or_(
                contacts.c.name_folded.contains(name, autoescape=True),
                contacts.c.organisation_folded.contains(name, autoescape=True),
            )
        )
    page = matching.order_by(contacts.c.name_folded, contacts.c.id).limit(limit).offset(offset).subquery()
    return CONTACT_WITH_POINTS.where(contacts.c.id.in_(select(page.c.id))).order_by(
        contacts.c.name_folded, contacts.c.id
    )


# ---- tickets

TICKET: Final = select(tickets, contacts.c.name.label("contact_name")).join_from(
    tickets, contacts, tickets.c.contact_id == contacts.c.id, isouter=True
)


TICKET_BY_SERIAL: Final = TICKET.where(tickets.c.serial == bindparam("wanted"))
TICKET_FOR_UPDATE: Final = TICKET_BY_SERIAL.with_for_update(of=tickets)


def _latest_tickets(part: str, statuses: Sequence[str]) -> Select[Any]:
    # The statuses stand in the text, not as parameters: else SQLite cannot use the partial index.
    status_in = tickets.c.status.in_([literal(status, literal_execute=True) for status in statuses])
    latest = (
        select(tickets.c.serial, literal_column(f"'{part}'").label("part"))
        .where(tickets.c.contact_id.in_(bindparam("contacts", expanding=True)), status_in)
        .order_by(tickets.c.updated_at.desc(), tickets.c.serial.desc())
        .limit(bindparam(f"{part}_limit"))
        .subquery()
    )
    return select(latest)


def _tickets_for_pop() -> Select[Any]:
    keyed = select(tickets.c.serial, literal_column("'keyed'").label("part")).where(
        tickets.c.serial == bindparam("keyed")
    )
    found = union_all(_latest_tickets("open", _OPEN), _latest_tickets("recent", _SHUT), keyed).subquery()
    return (
        TICKET.add_columns(found.c.part)
        .join(found, found.c.serial == tickets.c.serial)
        .order_by(tickets.c.updated_at.desc(), tickets.c.serial.desc())
    )


TICKETS_FOR_POP: Final = _tickets_for_pop()
"""Parameters contacts, open_limit, recent_limit, keyed. Open, recent and keyed tickets in one statement; the column
`part` tells which is which."""


# ---- interactions

_TICKET_OF_INTERACTION: Final = (
    select(ticket_interactions.c.ticket_serial)
    .where(ticket_interactions.c.interaction_id == interactions.c.id)
    .order_by(ticket_interactions.c.ticket_serial.desc())
    .limit(1)
    .correlate(interactions)
    .scalar_subquery()
)
INTERACTION: Final = select(interactions, _TICKET_OF_INTERACTION.label("ticket_serial"))


INTERACTION_BY_LINKEDID: Final = INTERACTION.where(interactions.c.linkedid == bindparam("wanted"))

MOST_RANGES: Final = 8  # above, one range over all contacts: SQLite takes at most 500 parts


@lru_cache(maxsize=MOST_RANGES + 2)
def interactions_for_pop(contact_count: int) -> Select[Any]:
    """Parameters e164, most, and contact_0, contact_1 ... or, above MOST_RANGES, the list `contacts`. The latest of
    each way to belong to the caller, then the latest of all: each way is one range of an index."""
    ways: list[ColumnElement[bool]] = [interactions.c.caller_e164 == bindparam("e164")]
    if contact_count <= MOST_RANGES:
        ways.extend(interactions.c.contact_id == bindparam(f"contact_{n}") for n in range(contact_count))
    else:
        ways.append(interactions.c.contact_id.in_(bindparam("contacts", expanding=True)))
    latest = [
        select(interactions.c.id)
        .where(way, interactions.c.started_at.is_not(None))
        .order_by(interactions.c.started_at.desc())
        .limit(bindparam("most"))
        .subquery()
        for way in ways
    ]
    found = union_all(*(select(part.c.id) for part in latest)).subquery()
    return (
        INTERACTION.where(interactions.c.id.in_(select(found.c.id)))
        .order_by(interactions.c.started_at.desc(), interactions.c.id.desc())
        .limit(bindparam("most"))
    )


def interactions_for_pop_values(contact_keys: Sequence[int], e164: str | None, most: int) -> dict[str, Any]:
    values: dict[str, Any] = {"e164": e164, "most": most}
    if len(contact_keys) > MOST_RANGES:
        return values | {"contacts": contact_keys}
    return values | {f"contact_{n}": key for n, key in enumerate(contact_keys)}


def merge_statement(dialect: str) -> sqlite.Insert | postgresql.Insert:
    """The merge rule of ticketing.domain.interaction as one INSERT ... ON CONFLICT. The disposition and its claim
    follow a rule of their own: the first one stays."""
    upsert = sqlite.insert(interactions) if dialect == "sqlite" else postgresql.insert(interactions)
    new, old = upsert.excluded, interactions.c
    is_later = new.as_of >= old.as_of
    facts: dict[str, ColumnElement[Any]] = {}
    for name in (*FACT_FIELDS, "contact_id"):
        witness = WITNESSES.get(name, "certainty" if name == "contact_id" else name)
        new_counts = or_(and_(is_later, new[witness].is_not(None)), old[witness].is_(None))
        facts[name] = case((new_counts, new[name]), else_=old[name])
    for name in ("disposition", "claim"):
        facts[name] = case((old.claim.is_(None), new[name]), else_=old[name])
    facts["as_of"] = case((is_later, new.as_of), else_=old.as_of)
    return upsert.on_conflict_do_update(index_elements=["linkedid"], set_=facts)


# ---- writing

_KNOWN_CONTACT: Final = (
    select(contacts.c.id).where(contacts.c.id == bindparam("wanted_contact")).scalar_subquery()
)  # a contact that is gone becomes NULL
ADD_TICKET: Final = insert(tickets).values(contact_id=_KNOWN_CONTACT).returning(tickets.c.serial)
SAVE_TICKET: Final = update(tickets).where(tickets.c.serial == bindparam("wanted")).values(contact_id=_KNOWN_CONTACT)


def _add_link() -> Insert:
    """INSERT ... SELECT: "on conflict do nothing" in both dialects. The interaction's row is locked: no race."""
    link = ticket_interactions.c
    interaction, ticket = bindparam("interaction", type_=Serial), bindparam("ticket", type_=Serial)
    is_there = select(link.ticket_serial).where(link.interaction_id == interaction, link.ticket_serial == ticket)
    new = select(interaction, ticket, bindparam("is_opened", type_=Boolean())).where(~is_there.exists())
    return insert(ticket_interactions).from_select(["interaction_id", "ticket_serial", "opened"], new)


ADD_LINK: Final = _add_link()
