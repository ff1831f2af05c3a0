"""Requests from the catalogue, as tickets, in SQLite and PostgreSQL."""

from __future__ import annotations

from sqlalchemy import insert, select

from ticketing.adapters.database import Database
from ticketing.adapters.hotline_tables import requests
from ticketing.adapters.rows import contact_id_of
from ticketing.adapters.sql_desk_writer import SqlDeskWriter
from ticketing.adapters.tables import tickets
from ticketing.domain.call_message import SYSTEM
from ticketing.domain.service_request import REQUEST, ServiceRequest
from ticketing.domain.text import LINE_LENGTH, NOTE_LENGTH, clean_text
from ticketing.domain.ticket import Message, MessageKind, TicketDraft, TicketEvent, TicketEventKind, TicketStatus
from ticketing.domain.ticket_number import TicketNumber, is_ticket_number, number_of_serial, serial_of_number
from ticketing.service.requests import ServiceRequests


class SqlServiceRequests(ServiceRequests):
    def __init__(self, database: Database) -> None:
        self._database = database

    async def open(self, request: ServiceRequest) -> TicketNumber:
        known = select(requests.c.ticket_serial).where(
            requests.c.linkedid == request.linkedid, requests.c.item == request.item
        )
        async with self._database.write() as connection:
            serial = await connection.scalar(known)
            if serial is not None:
                return number_of_serial(serial)
            number = await _write_ticket(SqlDeskWriter(connection), request)
            row = {
                "linkedid": request.linkedid,
                "item": request.item,
                "ticket_serial": serial_of_number(number),
                "answers": request.answers,
                "proof": request.proof,
                "requested_at": request.requested_at,
                "text": clean_text(request.text, NOTE_LENGTH, multiline=True),
            }
            await connection.execute(insert(requests), row)
            return number

    async def request_of(self, number: TicketNumber) -> ServiceRequest | None:
        if not is_ticket_number(number):
            return None
        statement = (
            select(*requests.c, tickets.c.title, tickets.c.contact_id, tickets.c.queue, tickets.c.service)
            .join(tickets, tickets.c.serial == requests.c.ticket_serial)
            .where(requests.c.ticket_serial == serial_of_number(number))
        )
        async with self._database.read() as connection:
            row = (await connection.execute(statement)).mappings().first()
        if row is None:
            return None
        return ServiceRequest(
            linkedid=row["linkedid"],
            item=row["item"],
            title=row["title"],
            contact_id=contact_id_of(row["contact_id"]) if row["contact_id"] is not None else None,
            requested_at=row["requested_at"],
            queue=row["queue"],
            service=row["service"],
            answers=row["answers"] or {},
            proof=row["proof"],
            text=row["text"],
        )


async def _write_ticket(writer: SqlDeskWriter, request: ServiceRequest) -> TicketNumber:
    at = request.requested_at
    draft = TicketDraft(
        title=clean_text(request.title, LINE_LENGTH),
        created_at=at,
        requested_at=at,
        status=TicketStatus.NEW,
        contact_id=request.contact_id,
        queue=request.queue,
        service=request.service,
        category=REQUEST,
        source="ivr",
    )
    number = await writer.add_ticket(draft)
    answers = "\n".join(f"{field}: {answer}" for field, answer in request.answers.items())
    body = "\n\n".join(part for part in (request.text, answers, f"Proof: {request.proof}") if part)
    said = clean_text(body, NOTE_LENGTH, multiline=True)
    author = request.contact_id or SYSTEM
    await writer.add_message(
        number, Message(kind=MessageKind.CUSTOMER, author=author, body=said, at=at, linkedid=request.linkedid)
    )
    data: dict[str, str | int | bool | None] = {
        "linkedid": request.linkedid,
        "status": draft.status.value,
        "priority": int(draft.priority),
        "reason": f"catalogue: {request.item}",
    }
    await writer.add_event(number, TicketEvent(kind=TicketEventKind.OPENED, at=at, actor=author, data=data))
    return number
