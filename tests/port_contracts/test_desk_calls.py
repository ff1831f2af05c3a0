"""Committing calls: what becomes of their tickets, on a store in memory, on SQLite and on PostgreSQL."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from msgspec.structs import replace

from tests.port_contracts.desk_samples import NEW, SHARED, UNSAID, after, answered, committed
from ticketing.api import (
    Certainty,
    Contact,
    ContactDraft,
    ContactId,
    Desk,
    Disposition,
    DispositionError,
    DispositionKind,
    InteractionRecord,
    MessageKind,
    Priority,
    TicketChange,
    TicketEventKind,
    TicketFilter,
    TicketNotFoundError,
    TicketRef,
    TicketStatus,
    is_ticket_number,
)

# ---- committing calls


async def test_a_new_ticket_holds_caller_queue_times_and_agent(desk: Desk, jeanne: Contact) -> None:
    reference = await committed(desk, answered(contact=jeanne))
    assert is_ticket_number(reference.number)
    assert (reference.opened, reference.to_qualify) == (True, False)
    ticket = await desk.find_ticket(reference.number)
    assert ticket is not None
    assert (ticket.title, ticket.status, ticket.priority) == (NEW.title, TicketStatus.OPEN, Priority.NORMAL)
    assert (ticket.contact_id, ticket.contact_name) == (jeanne.id, jeanne.name)
    assert (ticket.queue, ticket.owner_agent_id, ticket.source) == ("network", "agent_alice", "phone")
    assert (ticket.requested_at, ticket.first_response_at) == (after(10), after(40))
    assert ticket.created_at == ticket.updated_at == after(1001)
    assert ticket.booked_time == timedelta(seconds=120)
    (message,) = await desk.messages(reference.number)
    assert (message.kind, message.author, message.linkedid) == (MessageKind.CALL, "agent_alice", "1.1")
    for part in ("Rebooted the switch.", "welcome > choose", "2026-11-20 09:00:40+00:00", "Talked: 2 min 00 s"):
        assert part in message.body
    (opened,) = await desk.ticket_events(reference.number)
    assert (opened.kind, opened.actor, opened.data["status"]) == (TicketEventKind.OPENED, "agent_alice", "open")
    (interaction,) = await desk.interactions_of(reference.number)
    assert (interaction.linkedid, interaction.ticket_number) == ("1.1", reference.number)
    assert (interaction.disposition, interaction.wrap_up_code) == (DispositionKind.NEW, "net")


async def test_committing_again_changes_nothing(desk: Desk, jeanne: Contact) -> None:
    first = await committed(desk, answered(contact=jeanne))
    again = await committed(desk, answered(contact=jeanne), replace(NEW, title="Another title"))
    spam = await committed(desk, answered(contact=jeanne), Disposition(kind=DispositionKind.SPAM))
    assert first == again == spam
    assert len(await desk.tickets(TicketFilter())) == 1
    assert len(await desk.messages(first.number)) == 1
    ticket = await desk.find_ticket(first.number)
    assert ticket is not None and ticket.booked_time == timedelta(seconds=120)


async def test_each_agents_note_of_a_call_in_several_hands_is_kept_once(desk: Desk, jeanne: Contact) -> None:
    first = await committed(desk, answered(contact=jeanne), replace(NEW, one_of_several="agent_alice"))
    next_one = replace(NEW, note="The tray was it.", one_of_several="agent_bob")
    for _ in range(2):  # a commit that comes again adds nothing
        assert await committed(desk, answered(contact=jeanne), next_one) == first
    words = [(message.kind, message.author) for message in await desk.messages(first.number)]
    assert words[1:] == [(MessageKind.NOTE, "agent_bob")]
    assert len(await desk.tickets(TicketFilter())) == 1


async def test_an_answered_call_is_unsettled_until_somebody_said_what_becomes_of_it(
    desk: Desk, jeanne: Contact
) -> None:
    call = answered(contact=jeanne)
    assert call.started_at is not None
    await desk.record_interactions([call])
    assert [item.linkedid for item in await desk.unsettled_since(call.started_at)] == [call.linkedid]
    assert [item.linkedid for item in await desk.interactions_since(call.started_at)] == [call.linkedid]
    assert await desk.unsettled_since(call.started_at + timedelta(seconds=1)) == ()
    assert await desk.interactions_since(call.started_at + timedelta(seconds=1)) == ()
    await committed(desk, call)
    assert await desk.unsettled_since(call.started_at) == ()
    assert len(await desk.interactions_since(call.started_at)) == 1


async def test_concurrent_commits_of_one_call_open_one_ticket(desk: Desk, jeanne: Contact) -> None:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(committed(desk, answered(contact=jeanne))) for _ in range(12)]
    assert len({task.result().number for task in tasks}) == 1
    assert len(await desk.tickets(TicketFilter())) == 1
    assert len(await desk.messages(tasks[0].result().number)) == 1


async def test_concurrent_calls_get_numbers_of_their_own(desk: Desk) -> None:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(committed(desk, answered(f"20.{n}"))) for n in range(60)]
    numbers = {task.result().number for task in tasks}
    assert len(numbers) == 60
    assert all(desk.is_ticket_number(number) for number in numbers)


async def test_concurrent_links_to_one_ticket_book_every_talk(desk: Desk, jeanne: Contact) -> None:
    ticket = await committed(desk, answered(contact=jeanne))
    linking = Disposition(kind=DispositionKind.LINKED, link_to=ticket.number)
    async with asyncio.TaskGroup() as group:
        for n in range(10):
            group.create_task(committed(desk, answered(f"21.{n}", jeanne), linking))
    stored = await desk.find_ticket(ticket.number)
    assert stored is not None and stored.booked_time == timedelta(seconds=11 * 120)
    assert len(await desk.interactions_of(ticket.number)) == 11
    assert len(await desk.messages(ticket.number)) == 11


async def test_facts_recorded_before_the_commit_are_used_by_it(desk: Desk, jeanne: Contact) -> None:
    await desk.record_interactions([answered(contact=jeanne)])
    partial = InteractionRecord(linkedid="1.1", as_of=after(180), wrap_up_ended_at=after(180))
    reference = await committed(desk, partial)
    ticket = await desk.find_ticket(reference.number)
    assert ticket is not None
    assert (ticket.contact_id, ticket.booked_time) == (jeanne.id, timedelta(seconds=120))


async def test_nobody_said_opens_a_ticket_to_qualify(desk: Desk, jeanne: Contact) -> None:
    reference = await committed(desk, answered(contact=jeanne), UNSAID)
    assert (reference.opened, reference.to_qualify) == (True, True)
    assert reference.title == "Call from Jeanne Éloïse Dupont (network)"
    assert [ticket.number for ticket in await desk.tickets(TicketFilter(to_qualify=True))] == [reference.number]
    assert await committed(desk, answered(contact=jeanne), UNSAID) == reference


async def test_nobody_said_links_a_keyed_ticket_that_is_the_callers(desk: Desk, jeanne: Contact) -> None:
    earlier = await committed(desk, answered("1.0", jeanne))
    reference = await committed(desk, answered("1.1", jeanne, keyed_ticket=earlier.number), UNSAID)
    assert (reference.number, reference.opened, reference.to_qualify) == (earlier.number, False, True)


async def test_nobody_said_leaves_a_keyed_ticket_of_somebody_else_alone(desk: Desk, jeanne: Contact) -> None:
    earlier = await committed(desk, answered("1.0", jeanne))
    reference = await committed(desk, answered("1.1", keyed_ticket=earlier.number), UNSAID)
    assert reference.opened
    assert len(await desk.interactions_of(earlier.number)) == 1


async def test_an_agent_who_comes_back_completes_the_ticket(desk: Desk, jeanne: Contact) -> None:
    provisional = await committed(desk, answered(contact=jeanne), UNSAID)
    definite = await committed(desk, answered(contact=jeanne), NEW)
    assert definite == TicketRef(number=provisional.number, title=NEW.title, opened=True, to_qualify=False)
    ticket = await desk.find_ticket(provisional.number)
    assert ticket is not None
    assert (ticket.title, ticket.to_qualify, ticket.booked_time) == (NEW.title, False, timedelta(seconds=120))
    bodies = [message.body for message in await desk.messages(provisional.number)]
    assert bodies[1:] == ["Rebooted the switch."]
    assert await committed(desk, answered(contact=jeanne), replace(NEW, title="Too late")) == definite


async def test_an_agent_who_comes_back_moves_the_call_to_its_ticket(desk: Desk, jeanne: Contact) -> None:
    earlier = await committed(desk, answered("1.0", jeanne))
    provisional = await committed(desk, answered("1.1", jeanne), UNSAID)
    linking = Disposition(kind=DispositionKind.LINKED, link_to=earlier.number)
    definite = await committed(desk, answered("1.1", jeanne), linking)
    assert (definite.number, definite.opened) == (earlier.number, False)
    left, target = await desk.find_ticket(provisional.number), await desk.find_ticket(earlier.number)
    assert left is not None and target is not None
    assert (left.status, left.to_qualify, left.booked_time) == (TicketStatus.CLOSED, False, timedelta())
    assert target.booked_time == timedelta(seconds=240)
    interaction = await desk.interaction("1.1")
    assert interaction is not None and interaction.ticket_number == earlier.number
    assert earlier.number in (await desk.messages(provisional.number))[-1].body


async def test_an_agent_who_comes_back_says_it_was_spam(desk: Desk) -> None:
    provisional = await committed(desk, answered(), UNSAID)
    assert await desk.commit_call(answered(), Disposition(kind=DispositionKind.SPAM)) is None
    left = await desk.find_ticket(provisional.number)
    assert left is not None and left.status is TicketStatus.CLOSED


async def test_linking_opens_a_resolved_ticket_again_and_a_status_request_does_not(desk: Desk, jeanne: Contact) -> None:
    ticket = await committed(desk, answered("1.0", jeanne))
    resolved = await desk.change_ticket(ticket.number, TicketChange(status=TicketStatus.RESOLVED), actor="agent_alice")
    assert resolved.resolved_at is not None
    asking = Disposition(kind=DispositionKind.STATUS_REQUEST, link_to=ticket.number)
    await committed(desk, answered("1.1", jeanne), asking)
    still = await desk.find_ticket(ticket.number)
    assert still is not None and still.status is TicketStatus.RESOLVED
    await committed(desk, answered("1.2", jeanne), Disposition(kind=DispositionKind.LINKED, link_to=ticket.number))
    reopened = await desk.find_ticket(ticket.number)
    assert reopened is not None
    assert (reopened.status, reopened.resolved_at) == (TicketStatus.OPEN, None)
    kinds = [event.kind for event in await desk.ticket_events(ticket.number)]
    assert kinds == [
        TicketEventKind.OPENED,
        TicketEventKind.CHANGED,
        TicketEventKind.INTERACTION_LINKED,
        TicketEventKind.INTERACTION_LINKED,
    ]


@pytest.mark.parametrize("kind", [DispositionKind.WRONG_NUMBER, DispositionKind.SPAM])
async def test_some_calls_leave_no_ticket(desk: Desk, kind: DispositionKind) -> None:
    assert await desk.commit_call(answered(), Disposition(kind=kind)) is None
    assert await desk.commit_call(answered(), NEW) is None
    assert await desk.tickets(TicketFilter()) == ()
    interaction = await desk.interaction("1.1")
    assert interaction is not None and interaction.disposition is kind


@pytest.mark.parametrize("number", ["1000012", "1000013", "", "0", "٣٣٣٣٣٣٣", "9" * 40])
async def test_linking_to_no_ticket_is_refused_and_writes_nothing(desk: Desk, number: str) -> None:
    with pytest.raises(TicketNotFoundError):
        await desk.commit_call(answered(), Disposition(kind=DispositionKind.LINKED, link_to=number))
    assert await desk.interaction("1.1") is None
    assert (await committed(desk, answered())).opened


async def test_a_disposition_that_contradicts_itself_is_refused(desk: Desk) -> None:
    for disposition in (
        Disposition(kind=DispositionKind.LINKED),
        Disposition(kind=DispositionKind.NEW, link_to="1000012"),
        Disposition(kind=DispositionKind.SPAM, link_to="1000012"),
    ):
        with pytest.raises(DispositionError, match="link_to"):
            await desk.commit_call(answered(), disposition)


async def test_the_agent_settles_who_called(desk: Desk, jeanne: Contact) -> None:
    paul = await desk.create_contact(ContactDraft(name="Paul", phone_numbers=(SHARED,)))
    uncertain = answered(certainty=Certainty.UNCERTAIN, contact_ids=(jeanne.id, paul.id))
    reference = await committed(desk, uncertain, replace(NEW, contact_id=paul.id))
    ticket = await desk.find_ticket(reference.number)
    assert ticket is not None and ticket.contact_id == paul.id
    interaction = await desk.interaction("1.1")
    assert interaction is not None
    assert (interaction.certainty, interaction.contact_ids) == (Certainty.KNOWN, (paul.id,))


async def test_a_contact_that_does_not_exist_costs_no_ticket(desk: Desk) -> None:
    gone = ContactId("contact_4711")
    reference = await committed(desk, answered(certainty=Certainty.KNOWN, contact_ids=(gone,)))
    ticket = await desk.find_ticket(reference.number)
    assert ticket is not None and ticket.contact_id is None
