"""Committing a call: exactly one disposition per interaction, and the ticket that follows from it.

The first commit claims the interaction in the same statement that merges its facts, so two at once cannot both open a
ticket. A commit that comes again changes nothing and returns what is there, with two exceptions: after TO_QUALIFY
(the wrap-up ran out) a definite word still counts, and moves the call to where it belongs; and of a call that went
through several hands each agent's note is added.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec.structs import replace

from ticketing.domain.call_message import SYSTEM, call_message, call_title
from ticketing.domain.disposition import Disposition, DispositionKind
from ticketing.domain.errors import TicketNotFoundError
from ticketing.domain.interaction import Interaction, InteractionRecord
from ticketing.domain.open_or_link import OpenNew, decide_ticket
from ticketing.domain.ticket import (
    Message,
    MessageKind,
    Ticket,
    TicketChange,
    TicketDraft,
    TicketEvent,
    TicketEventKind,
    TicketRef,
    TicketStatus,
    apply_change,
    change_event,
)
from ticketing.domain.ticket_number import TicketNumber, is_ticket_number
from ticketing.service.desk_store import DeskWriter


async def commit_call(
    writer: DeskWriter, record: InteractionRecord, disposition: Disposition, now: datetime
) -> TicketRef | None:
    """Raises TicketNotFoundError when a human's `link_to` names no ticket; nothing is written then."""
    claim = await writer.claim_interaction(record, disposition.kind)
    if claim.is_first:
        return await _dispose(writer, claim.interaction, disposition, now)
    interaction = claim.interaction
    links = await writer.links_of(interaction.id)
    was_provisional = interaction.disposition is DispositionKind.TO_QUALIFY
    if was_provisional and disposition.kind is not DispositionKind.TO_QUALIFY:
        await writer.set_disposition(interaction.id, disposition.kind)
        return await _qualify(writer, interaction, links[-1], disposition, now)
    if links and disposition.one_of_several and disposition.note:
        await _add_words(writer, interaction, links[-1].number, disposition, now)
    return links[-1] if links else None


async def _add_words(
    writer: DeskWriter, interaction: Interaction, number: TicketNumber, disposition: Disposition, now: datetime
) -> None:
    """Of the next agent of a call that was handed on; once."""
    note = Message(
        kind=MessageKind.NOTE,
        author=disposition.one_of_several,
        body=disposition.note,
        at=now,
        linkedid=interaction.linkedid,
    )
    if not await writer.has_message_like(number, note):
        await writer.add_message(number, note)


async def _dispose(
    writer: DeskWriter, interaction: Interaction, disposition: Disposition, now: datetime
) -> TicketRef | None:
    if disposition.kind.leaves_no_ticket:
        return None
    target = await _target(writer, interaction, disposition)
    if isinstance(target, OpenNew):
        return await _open(writer, interaction, disposition, target, now)
    return await _link(writer, interaction, disposition, target, now)


async def _target(writer: DeskWriter, interaction: Interaction, disposition: Disposition) -> Ticket | OpenNew:
    """The ticket to link, or the way to open one. A human's word stands above the rule."""
    wanted = disposition.link_to
    if disposition.kind.needs_ticket_number and wanted is not None:
        ticket = await _find(writer, wanted)
        if ticket is None:
            raise TicketNotFoundError("link_to: there is no ticket of this number")
        return ticket
    if disposition.kind is DispositionKind.NEW:
        decision = decide_ticket(interaction.contact_ids, None)
    else:
        linked = await _find(writer, wanted)
        if linked is not None and linked.status is not TicketStatus.CLOSED:
            return linked
        keyed = await _find(writer, interaction.keyed_ticket)
        decision = decide_ticket(interaction.contact_ids, keyed)
        if keyed is not None and not isinstance(decision, OpenNew):
            return keyed
    contact_id = disposition.contact_id or decision.contact_id
    follows = decision.follows if isinstance(decision, OpenNew) else None
    return OpenNew(reason=decision.reason, contact_id=contact_id, follows=follows)


async def _find(writer: DeskWriter, number: str | None) -> Ticket | None:
    if number is None or not is_ticket_number(number):
        return None
    return await writer.ticket(TicketNumber(number))


async def _open(
    writer: DeskWriter, interaction: Interaction, disposition: Disposition, decision: OpenNew, now: datetime
) -> TicketRef:
    contact_name = ""
    if decision.contact_id is not None and not disposition.title:
        contact_name = await writer.contact_name(decision.contact_id) or ""
    draft = TicketDraft(
        title=call_title(interaction, disposition, contact_name),
        created_at=now,
        requested_at=interaction.queued_at or interaction.started_at or now,
        first_response_at=interaction.answered_at,
        contact_id=decision.contact_id,
        queue=interaction.queue or "",
        service=disposition.service,
        category=disposition.category,
        owner_agent_id=interaction.agent_id,
        to_qualify=disposition.kind is DispositionKind.TO_QUALIFY,
        booked_time=interaction.conversation_time,
    )
    number = await writer.add_ticket(draft)
    await writer.link(number, interaction.id, opened=True)
    await writer.add_message(number, call_message(interaction, disposition, now))
    data: dict[str, str | int | bool | None] = {
        "linkedid": interaction.linkedid,
        "status": draft.status.value,
        "priority": int(draft.priority),
        "reason": decision.reason,
    }
    if decision.follows is not None:
        data["follows"] = decision.follows
    await writer.add_event(number, _event(TicketEventKind.OPENED, interaction, now, data))
    return TicketRef(number=number, title=draft.title, opened=True, to_qualify=draft.to_qualify)


async def _link(
    writer: DeskWriter, interaction: Interaction, disposition: Disposition, ticket: Ticket, now: datetime
) -> TicketRef:
    reopens = disposition.kind is DispositionKind.LINKED and ticket.status is TicketStatus.RESOLVED
    flags = disposition.kind is DispositionKind.TO_QUALIFY
    change = TicketChange(status=TicketStatus.OPEN if reopens else None, to_qualify=True if flags else None)
    changed = replace(
        apply_change(ticket, change, now),
        booked_time=ticket.booked_time + interaction.conversation_time,
        first_response_at=ticket.first_response_at or interaction.answered_at,
    )
    await writer.save_ticket(changed)
    await writer.link(ticket.number, interaction.id, opened=False)
    await writer.add_message(ticket.number, call_message(interaction, disposition, now))
    data: dict[str, str | int | bool | None] = {"linkedid": interaction.linkedid, "kind": disposition.kind.value}
    if reopens:
        data["status"] = TicketStatus.OPEN.value
    if flags:
        data["to_qualify"] = True
    await writer.add_event(ticket.number, _event(TicketEventKind.INTERACTION_LINKED, interaction, now, data))
    return TicketRef(number=ticket.number, title=ticket.title, opened=False, to_qualify=changed.to_qualify)


async def _qualify(
    writer: DeskWriter, interaction: Interaction, provisional: TicketRef, disposition: Disposition, now: datetime
) -> TicketRef | None:
    ticket = await writer.ticket(provisional.number)
    if ticket is None:
        raise TicketNotFoundError("the provisional ticket of this call is gone")
    stays = disposition.link_to == ticket.number or (disposition.kind is DispositionKind.NEW and provisional.opened)
    if stays:
        return await _confirm(writer, interaction, ticket, disposition, now, opened=provisional.opened)
    moved = await _dispose(writer, interaction, disposition, now)
    change = TicketChange(to_qualify=False, status=TicketStatus.CLOSED if provisional.opened else None)
    booked_time = max(ticket.booked_time - interaction.conversation_time, timedelta())
    await writer.save_ticket(replace(apply_change(ticket, change, now), booked_time=booked_time))
    await writer.unlink(ticket.number, interaction.id)
    where = f"moved to ticket {moved.number}" if moved else f"taken off: {disposition.kind.value}"
    note = Message(
        kind=MessageKind.NOTE,
        author=interaction.agent_id or SYSTEM,
        body=f"The call was {where}.",
        at=now,
        linkedid=interaction.linkedid,
    )
    await writer.add_message(ticket.number, note)
    await writer.add_event(ticket.number, change_event(change, interaction.agent_id or SYSTEM, now))
    return moved


async def _confirm(
    writer: DeskWriter,
    interaction: Interaction,
    ticket: Ticket,
    disposition: Disposition,
    now: datetime,
    *,
    opened: bool,
) -> TicketRef:
    """The call stays on its provisional ticket, which the agent's words now complete."""
    reopens = disposition.kind is DispositionKind.LINKED and ticket.status is TicketStatus.RESOLVED
    change = TicketChange(
        to_qualify=False,
        status=TicketStatus.OPEN if reopens else None,
        title=(disposition.title or None) if opened else None,
        service=disposition.service or None,
        category=disposition.category or None,
        contact_id=disposition.contact_id,
    )
    actor = interaction.agent_id or SYSTEM
    changed = apply_change(ticket, change, now)
    await writer.save_ticket(changed)
    if disposition.note:
        message = Message(
            kind=MessageKind.NOTE, author=actor, body=disposition.note, at=now, linkedid=interaction.linkedid
        )
        await writer.add_message(ticket.number, message)
    await writer.add_event(ticket.number, change_event(change, actor, now))
    return TicketRef(number=ticket.number, title=changed.title, opened=opened, to_qualify=False)


def _event(
    kind: TicketEventKind, interaction: Interaction, at: datetime, data: dict[str, str | int | bool | None]
) -> TicketEvent:
    return TicketEvent(kind=kind, at=at, actor=interaction.agent_id or SYSTEM, data=data)
