"""What the desk promises, on a store in memory, on SQLite and on PostgreSQL."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from itertools import permutations

import pytest
from msgspec.structs import asdict, replace

from tests.port_contracts.desk_samples import JEANNE, NEW, SHARED, START, UNSAID, after, answered, committed
from ticketing.api import (
    Certainty,
    Contact,
    ContactDraft,
    ContactId,
    ContactNotFoundError,
    ContextLimits,
    Desk,
    Direction,
    InteractionRecord,
    InvalidContactError,
    MessageKind,
    NumberKind,
    Priority,
    TicketChange,
    TicketFilter,
    TicketNotFoundError,
    TicketNumber,
    TicketStatus,
    normalise,
)
from ticketing.domain.interaction import merge
from ticketing.service.desk_store import DeskStore

# ---- contacts and identity


async def test_a_contact_comes_back_as_it_was_kept(desk: Desk, jeanne: Contact) -> None:
    assert await desk.contact(jeanne.id) == jeanne
    changed = await desk.update_contact(jeanne.id, ContactDraft(name="Jeanne Martin", phone_numbers=(SHARED,)))
    assert await desk.contact(jeanne.id) == changed
    assert changed.emails == () and not changed.vip
    assert (await desk.identify(normalise(JEANNE, "FR"))).certainty is Certainty.UNKNOWN


@pytest.mark.parametrize("contact_id", ["contact_999", "contact_", "x", "contact_١", "contact_" + "9" * 30, ""])
async def test_an_unknown_contact_is_none_and_cannot_be_changed(desk: Desk, contact_id: str) -> None:
    assert await desk.contact(ContactId(contact_id)) is None
    with pytest.raises(ContactNotFoundError):
        await desk.update_contact(ContactId(contact_id), ContactDraft(name="Nobody"))


async def test_identity_is_known_uncertain_or_unknown(desk: Desk, jeanne: Contact) -> None:
    other = await desk.create_contact(ContactDraft(name="Paul", phone_numbers=(SHARED,)))
    known = await desk.identify(normalise("06 12 34 56 78", "FR"))
    assert (known.certainty, known.contacts) == (Certainty.KNOWN, (jeanne,))
    shared = await desk.identify(normalise("01.40.00.00.00", "FR"))
    assert (shared.certainty, shared.contacts) == (Certainty.UNCERTAIN, (jeanne, other))
    for raw in ("+33612345679", "612345678", "anonymous", "112", ""):
        assert (await desk.identify(normalise(raw, "GB"))).certainty is Certainty.UNKNOWN


async def test_search_by_exact_number_or_part_of_a_name(desk: Desk, jeanne: Contact) -> None:
    percent = await desk.create_contact(ContactDraft(name="100% Bio_Market"))
    assert await desk.search_contacts("ELOISE dup") == (jeanne,)
    assert await desk.search_contacts("brest") == (jeanne,)
    assert await desk.search_contacts(JEANNE) == (jeanne,)
    assert await desk.search_contacts(JEANNE[:-1]) == ()
    assert await desk.search_contacts("0%") == (percent,)
    assert await desk.search_contacts("o_m") == (percent,)
    assert await desk.search_contacts("_") == (percent,)
    assert await desk.search_contacts() == (percent, jeanne)
    assert await desk.search_contacts(limit=1, offset=1) == (jeanne,)
    assert await desk.search_contacts("' OR 1=1 --\x00\ud800") == ()


async def test_hostile_text_is_kept_readable(desk: Desk) -> None:
    draft = ContactDraft(name="Bobby'); DROP TABLE contacts;--\x00 \ud800 <b>", site="a\r\nb")
    contact = await desk.create_contact(draft)
    kept = await desk.contact(contact.id)
    assert kept == contact
    assert contact.name == "Bobby'); DROP TABLE contacts;-- � <b>"
    assert contact.site == "a b"


async def test_an_external_id_belongs_to_one_contact(desk: Desk, jeanne: Contact) -> None:
    await desk.create_contact(ContactDraft(name="Paul", external_id="crm-1"))
    with pytest.raises(InvalidContactError, match="external_id"):
        await desk.create_contact(ContactDraft(name="Pierre", external_id="crm-1"))
    with pytest.raises(InvalidContactError, match="external_id"):
        await desk.update_contact(jeanne.id, ContactDraft(name="Jeanne", external_id="crm-1"))
    assert await desk.contact(jeanne.id) == jeanne


async def test_import_creates_updates_and_rejects(desk: Desk, jeanne: Contact) -> None:
    several = [ContactDraft(name=f"Contact {n:04}", external_id=f"crm-{n}") for n in range(1100)]
    first = await desk.import_contacts(
        [*several, ContactDraft(name=" "), ContactDraft(name="X", phone_numbers=("06",))]
    )
    assert (first.created, first.updated) == (1100, 0)
    assert [(rejected.position, rejected.reason.partition(":")[0]) for rejected in first.rejected] == [
        (1100, "name"),
        (1101, "phone_numbers[0]"),
    ]
    renamed = [
        replace(several[7], name="Seventh"),
        ContactDraft(name="JEANNE Eloise DUPONT", organisation="mairie de brest"),
    ]
    second = await desk.import_contacts([*renamed, *several[8:10]])
    assert (second.created, second.updated) == (0, 4)
    (seventh,) = await desk.search_contacts("seventh")
    assert seventh.external_id == "crm-7"
    updated = await desk.contact(jeanne.id)
    assert updated is not None and updated.phone_numbers == ()


# ---- interactions


async def test_an_interaction_comes_back_as_it_was_recorded(desk: Desk, jeanne: Contact) -> None:
    record = answered(
        contact=jeanne,
        direction=Direction.OUTBOUND,
        called_number="+33199000001",
        caller_name="JEANNE",
        keyed_ticket="1000012",
        hold_time=timedelta(seconds=3.25),
        wrap_up_code="net",
        note="two\nlines",
        wrap_up_ended_at=after(165),
    )
    await desk.record_interactions([record])
    stored = await desk.interaction("1.1")
    assert stored is not None
    assert {name: getattr(stored, name) for name in asdict(record)} == asdict(record)
    assert stored.disposition is None and stored.ticket_number is None
    assert await desk.interaction("1.2") is None


SNAPSHOTS = (
    InteractionRecord(linkedid="7.1", as_of=after(0), started_at=START, caller_kind=NumberKind.ANONYMOUS),
    InteractionRecord(
        linkedid="7.1",
        as_of=after(5),
        started_at=START,
        caller_kind=NumberKind.E164,
        caller_e164=JEANNE,
        ivr_path=("welcome",),
        language="fr",
    ),
    InteractionRecord(
        linkedid="7.1",
        as_of=after(20),
        started_at=START,
        caller_kind=NumberKind.E164,
        caller_e164=JEANNE,
        ivr_path=("welcome", "choose"),
        language="en",
        queue="network",
        queued_at=after(20),
        hold_time=timedelta(0),
    ),
)


async def test_snapshots_end_in_the_same_row_in_every_order_and_number(desk: Desk) -> None:
    expected = asdict(SNAPSHOTS[-1])
    for position, order in enumerate(permutations((*SNAPSHOTS, SNAPSHOTS[0]))):
        linkedid = f"7.{position}"
        for snapshot in order:
            await desk.record_interactions([replace(snapshot, linkedid=linkedid)])
        stored = await desk.interaction(linkedid)
        assert stored is not None
        assert {name: getattr(stored, name) for name in expected} == {**expected, "linkedid": linkedid}, order


async def test_facts_are_never_erased_and_older_ones_only_fill_gaps(desk: Desk) -> None:
    late = InteractionRecord(linkedid="8.1", as_of=after(9), queue="network", termination_result="abandoned")
    early = InteractionRecord(
        linkedid="8.1",
        as_of=after(3),
        queue="billing",
        agent_id="agent_bob",
        termination_result="failed",
        termination_reason="service_error",
    )
    knows_less = InteractionRecord(linkedid="8.1", as_of=after(20))
    await desk.record_interactions([late])
    await desk.record_interactions([early, knows_less])
    stored = await desk.interaction("8.1")
    assert stored is not None
    assert (stored.queue, stored.agent_id, stored.as_of) == ("network", "agent_bob", after(20))
    # The reason belongs to a result that was replaced: it must not stand beside another result.
    assert (stored.termination_result, stored.termination_reason) == ("abandoned", None)
    merged = merge(merge(late, early), knows_less)
    assert {name: getattr(stored, name) for name in asdict(merged)} == asdict(merged)


async def test_a_batch_is_all_or_nothing(desk: Desk) -> None:
    with pytest.raises(ValueError, match="time zone"):
        await desk.record_interactions([answered("9.1"), answered("9.2", as_of=datetime(2026, 1, 1))])  # noqa: DTZ001
    assert await desk.interaction("9.1") is None


async def test_many_concurrent_batches_over_the_same_calls(desk: Desk) -> None:
    records = [answered(f"10.{n}", as_of=after(n)) for n in range(30)]
    async with asyncio.TaskGroup() as group:
        for turn in range(8):
            batch = records if turn % 2 else records[::-1]
            group.create_task(desk.record_interactions(batch))
    for record in records:
        stored = await desk.interaction(record.linkedid)
        assert stored is not None and stored.answered_at == after(40)


async def test_hostile_records_are_kept_as_text(desk: Desk) -> None:
    hostile = "\x00\ud800'; DROP TABLE interactions; --" + "x" * 5000
    record = answered(
        "11.1",
        caller_given=hostile,
        caller_name=hostile,
        caller_e164=hostile,
        queue=hostile,
        note=hostile * 100,
        ivr_path=(hostile,) * 1000,
        keyed_digits={hostile: hostile},
        keyed_ticket=hostile,
        agent_id=hostile,
    )
    reference = await committed(desk, record, replace(NEW, title=hostile, note=hostile, code=hostile))
    stored = await desk.interaction("11.1")
    assert stored is not None and stored.caller_given is not None
    assert stored.caller_given.startswith("�'; DROP TABLE interactions")
    assert len(stored.caller_given) == 300
    (message,) = await desk.messages(reference.number)
    assert "DROP TABLE" in message.body


# ---- tickets and the caller's context


async def test_tickets_are_filtered_and_paged(desk: Desk, jeanne: Contact) -> None:
    first = await committed(desk, answered("1.0", jeanne))
    second = await committed(desk, answered("1.1", queue="billing", agent_id="agent_bob"))
    third = await committed(desk, answered("1.2"), UNSAID)
    await desk.change_ticket(first.number, TicketChange(status=TicketStatus.CLOSED), actor="agent_alice")

    async def numbers(wanted: TicketFilter) -> list[TicketNumber]:
        return [ticket.number for ticket in await desk.tickets(wanted)]

    assert await numbers(TicketFilter()) == [third.number, second.number, first.number]
    assert await numbers(TicketFilter(queue="billing")) == [second.number]
    assert await numbers(TicketFilter(contact_id=jeanne.id)) == [first.number]
    assert await numbers(TicketFilter(contact_id=ContactId("x'"))) == []
    assert await numbers(TicketFilter(owner_agent_id="agent_bob")) == [second.number]
    assert await numbers(TicketFilter(to_qualify=False, statuses=frozenset({TicketStatus.OPEN}))) == [second.number]
    assert await numbers(TicketFilter(limit=2)) == [third.number, second.number]
    assert await numbers(TicketFilter(before=second.number)) == [first.number]


async def test_messages_and_changes_move_the_ticket_up(desk: Desk) -> None:
    reference = await committed(desk, answered())
    before = await desk.find_ticket(reference.number)
    message = await desk.add_message(reference.number, MessageKind.NOTE, "Called the supplier\x00.", author="agent_bob")
    after_message = await desk.find_ticket(reference.number)
    assert before is not None and after_message is not None
    assert after_message.updated_at == message.at > before.updated_at
    assert (await desk.messages(reference.number))[-1] == message
    assert message.body == "Called the supplier."
    change = TicketChange(priority=Priority.URGENT, title="  Fire  ", owner_agent_id="agent_bob")
    changed = await desk.change_ticket(reference.number, change, actor="agent_bob")
    assert changed == await desk.find_ticket(reference.number)
    assert (changed.priority, changed.title, changed.queue) == (Priority.URGENT, "Fire", "network")
    last = (await desk.ticket_events(reference.number))[-1]
    assert last.data == {"priority": 4, "title": "Fire", "owner_agent_id": "agent_bob"}
    for number in ("1000026", "nonsense"):
        with pytest.raises(TicketNotFoundError):
            await desk.change_ticket(TicketNumber(number), change, actor="agent_bob")
        with pytest.raises(TicketNotFoundError):
            await desk.add_message(TicketNumber(number), MessageKind.NOTE, "x", author="agent_bob")


async def test_the_context_shows_what_the_agent_needs(desk: Desk, jeanne: Contact) -> None:
    opened = [await committed(desk, answered(f"1.{n}", jeanne, started_at=after(n))) for n in range(4)]
    shut = opened.pop(0)
    await desk.change_ticket(shut.number, TicketChange(status=TicketStatus.CLOSED), actor="agent_alice")
    await committed(desk, answered("2.1", caller_e164="+33700000001"))  # somebody else's
    desk_phone = answered("2.2", jeanne, caller_e164="+33298000000", started_at=after(50))
    await desk.record_interactions([desk_phone])
    who = await desk.identify(normalise(JEANNE, "FR"))

    context = await desk.caller_context(who, opened[1].number)
    assert context.contacts == (jeanne,)
    assert [ticket.number for ticket in context.open_tickets] == [ref.number for ref in reversed(opened)]
    assert [ticket.number for ticket in context.recent_tickets] == [shut.number]
    calls = [(call.linkedid, call.ticket_number) for call in context.recent_interactions]
    expected = [("1.3", opened[2].number), ("1.2", opened[1].number), ("1.1", opened[0].number), ("1.0", shut.number)]
    assert calls == [("2.2", None), *expected]
    assert context.linked_ticket is not None and context.linked_ticket.number == opened[1].number

    few = await desk.caller_context(who, limits=ContextLimits(open_tickets=1, recent_tickets=0, recent_interactions=2))
    assert [ticket.number for ticket in few.open_tickets] == [opened[2].number]
    assert (few.recent_tickets, few.linked_ticket, few.keyed_ticket) == ((), None, None)
    assert [call.linkedid for call in few.recent_interactions] == ["2.2", "1.3"]


async def test_an_uncertain_caller_who_keys_a_candidates_ticket_is_linked(desk: Desk, jeanne: Contact) -> None:
    paul = await desk.create_contact(ContactDraft(name="Paul", phone_numbers=(SHARED,)))
    ticket = await committed(desk, answered("1.0", paul, caller_e164="+33700000001"))
    who = await desk.identify(normalise(SHARED, "FR"))
    assert who.contacts == (jeanne, paul)
    context = await desk.caller_context(who, ticket.number)
    assert context.linked_ticket is not None and context.linked_ticket.contact_id == paul.id
    assert [open_ticket.number for open_ticket in context.open_tickets] == [ticket.number]
    record = answered("1.1", certainty=who.certainty, contact_ids=who.contact_ids, keyed_ticket=ticket.number)
    assert (await committed(desk, record, UNSAID)).number == ticket.number


@pytest.mark.parametrize("raw", ["anonymous", "+33755555555", "112", "1001", "\x00"])
async def test_an_unknown_caller_gets_no_ticket_by_guessing_its_number(desk: Desk, jeanne: Contact, raw: str) -> None:
    ticket = await committed(desk, answered("1.0", jeanne))
    context = await desk.caller_context(await desk.identify(normalise(raw, "FR")), ticket.number)
    assert context.linked_ticket is None
    assert context.keyed_ticket is not None and context.keyed_ticket.number == ticket.number
    assert "unknown" in context.decision
    nothing = await desk.caller_context(await desk.identify(normalise(raw, "FR")), "not a number")
    assert (nothing.contacts, nothing.open_tickets, nothing.recent_interactions) == ((), (), ())


async def test_an_unknown_number_still_shows_its_earlier_calls(desk: Desk) -> None:
    reference = await committed(desk, answered(caller_e164="+33755555555"))
    context = await desk.caller_context(await desk.identify(normalise("0755555555", "FR")))
    assert [call.ticket_number for call in context.recent_interactions] == [reference.number]


async def test_a_number_shared_by_hundreds(desk: Desk) -> None:
    """A hospital's switchboard: SQLite takes no more than 500 parts in one statement."""
    staff = [ContactDraft(name=f"Nurse {n:03}", phone_numbers=(SHARED,)) for n in range(600)]
    await desk.import_contacts(staff)
    who = await desk.identify(normalise(SHARED, "FR"))
    assert len(who.contacts) == 600
    last = who.contacts[-1]
    reference = await committed(desk, answered(contact=last, caller_e164=SHARED))
    at_home = await committed(desk, answered("1.2", last, caller_e164="+33700000001", started_at=after(1)))
    context = await desk.caller_context(who)
    assert [ticket.number for ticket in context.open_tickets] == [at_home.number, reference.number]
    assert [call.linkedid for call in context.recent_interactions] == ["1.2", "1.1"]


async def test_a_transaction_that_fails_leaves_nothing(store: DeskStore) -> None:
    with pytest.raises(RuntimeError, match="midway"):
        async with store.write() as writer:
            await writer.merge_interactions([answered()])
            await writer.add_contacts([ContactDraft(name="Paul")])
            raise RuntimeError("midway")
    assert await store.interaction("1.1") is None
    assert await store.search_contacts("", 10, 0) == ()
