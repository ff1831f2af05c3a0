"""Rows to domain values and back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import RowMapping

from ticketing.domain.contact import Certainty, Contact, ContactDraft, ContactId
from ticketing.domain.disposition import DispositionKind
from ticketing.domain.interaction import FACT_FIELDS, Direction, Interaction, InteractionId, InteractionRecord
from ticketing.domain.phone_number import NumberKind
from ticketing.domain.text import fold
from ticketing.domain.ticket import Message, MessageKind, Priority, Ticket, TicketEvent, TicketEventKind, TicketStatus
from ticketing.domain.ticket_number import number_of_serial

_CONTACT_PREFIX = "contact_"
_INTERACTION_PREFIX = "interaction_"
NO_ROW = 0  # serials begin at 1
_PHONE, _EMAIL = "phone", "email"


def contact_key(contact_id: ContactId) -> int:
    """The row's key, or NO_ROW for text that is no contact id (ids come back from browsers)."""
    digits = contact_id.removeprefix(_CONTACT_PREFIX)
    is_id = digits != contact_id and digits.isascii() and digits.isdigit() and len(digits) <= 18
    return int(digits) if is_id else NO_ROW


def contact_id_of(key: int) -> ContactId:
    return ContactId(f"{_CONTACT_PREFIX}{key}")


def interaction_key(interaction_id: InteractionId) -> int:
    return int(interaction_id.removeprefix(_INTERACTION_PREFIX))


def contact_row(draft: ContactDraft) -> dict[str, Any]:
    return {
        "external_id": draft.external_id or None,
        "name": draft.name,
        "name_folded": fold(draft.name),
        "organisation": draft.organisation,
        "organisation_folded": fold(draft.organisation),
        "vip": draft.vip,
        "contract": draft.contract,
        "language": draft.language,
        "site": draft.site,
    }


def point_rows(key: int, draft: ContactDraft) -> list[dict[str, Any]]:
    return [
        {"contact_id": key, "kind": kind, "position": position, "value": value}
        for kind, values in ((_PHONE, draft.phone_numbers), (_EMAIL, draft.emails))
        for position, value in enumerate(values)
    ]


def contacts_of(rows: Iterable[RowMapping]) -> tuple[Contact, ...]:
    """Contacts from rows of contacts joined with their points, one row a point, in the order of first appearance."""
    heads: dict[int, RowMapping] = {}
    points: dict[tuple[int, str], list[tuple[int, str]]] = {}
    for row in rows:
        heads.setdefault(row["id"], row)
        if row["kind"] is not None:
            points.setdefault((row["id"], row["kind"]), []).append((row["position"], row["value"]))

    def values(key: int, kind: str) -> tuple[str, ...]:
        return tuple(value for _, value in sorted(points.get((key, kind), ())))

    return tuple(
        Contact(
            id=contact_id_of(key),
            name=head["name"],
            organisation=head["organisation"],
            emails=values(key, _EMAIL),
            phone_numbers=values(key, _PHONE),
            vip=head["vip"],
            contract=head["contract"],
            language=head["language"],
            site=head["site"],
            external_id=head["external_id"] or "",
        )
        for key, head in heads.items()
    )


def record_row(record: InteractionRecord) -> dict[str, Any]:
    row: dict[str, Any] = {name: getattr(record, name) or None for name in FACT_FIELDS}
    # A zero duration is a fact; `or` above would have lost it.
    row["hold_time"] = record.hold_time
    settled = record.certainty is Certainty.KNOWN and len(record.contact_ids) == 1
    row["contact_id"] = contact_key(record.contact_ids[0]) if settled else None
    return {"linkedid": record.linkedid, "as_of": record.as_of, **row, "disposition": None, "claim": None}


def interaction_of(row: RowMapping) -> Interaction:
    """`ticket_serial` may be absent from the row."""
    serial = row.get("ticket_serial")
    certainty, kind, disposition = row["certainty"], row["caller_kind"], row["disposition"]
    facts = {name: row[name] for name in FACT_FIELDS}
    facts |= {
        "direction": Direction(row["direction"]),
        "caller_kind": None if kind is None else NumberKind(kind),
        "certainty": None if certainty is None else Certainty(certainty),
        "contact_ids": tuple(row["contact_ids"] or ()),
        "ivr_path": tuple(row["ivr_path"] or ()),
        "ivr_times": tuple(row["ivr_times"] or ()),
        "keyed_digits": row["keyed_digits"] or {},
    }
    return Interaction(
        id=InteractionId(f"{_INTERACTION_PREFIX}{row['id']}"),
        linkedid=row["linkedid"],
        as_of=row["as_of"],
        disposition=None if disposition is None else DispositionKind(disposition),
        ticket_number=None if serial is None else number_of_serial(serial),
        **facts,
    )


def ticket_of(row: RowMapping) -> Ticket:
    contact_id: int | None = row["contact_id"]
    booked_time: timedelta = row["booked_time"]
    return Ticket(
        number=number_of_serial(row["serial"]),
        title=row["title"],
        status=TicketStatus(row["status"]),
        priority=Priority(row["priority"]),
        contact_id=None if contact_id is None else contact_id_of(contact_id),
        contact_name=row["contact_name"] or "",
        queue=row["queue"],
        service=row["service"],
        category=row["category"],
        source=row["source"],
        owner_agent_id=row["owner_agent_id"],
        to_qualify=row["to_qualify"],
        booked_time=booked_time,
        created_at=row["created_at"],
        requested_at=row["requested_at"],
        first_response_at=row["first_response_at"],
        updated_at=row["updated_at"],
        resolved_at=row["resolved_at"],
        closed_at=row["closed_at"],
    )


def messages_of(rows: Sequence[RowMapping]) -> tuple[Message, ...]:
    return tuple(
        Message(
            kind=MessageKind(row["kind"]),
            author=row["author"],
            body=row["body"],
            at=row["at"],
            linkedid=row["linkedid"],
        )
        for row in rows
    )


def events_of(rows: Sequence[RowMapping]) -> tuple[TicketEvent, ...]:
    return tuple(
        TicketEvent(kind=TicketEventKind(row["kind"]), at=row["at"], actor=row["actor"], data=row["data"] or {})
        for row in rows
    )
