"""Identity, open or link, merging of facts, dispositions, ticket changes: the pure rules."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from sqlalchemy import text

from ticketing.adapters import tables
from ticketing.domain.call_message import call_message, call_title
from ticketing.domain.contact import Certainty, Contact, ContactDraft, ContactId, check_contact, identify
from ticketing.domain.disposition import Disposition, DispositionKind
from ticketing.domain.errors import InvalidContactError
from ticketing.domain.interaction import FACT_FIELDS, WITNESSES, Direction, InteractionRecord, clean_record, merge
from ticketing.domain.open_or_link import LinkTo, OpenNew, decide_ticket
from ticketing.domain.phone_number import CallerNumber, NumberKind, normalise
from ticketing.domain.text import FOLDED_LENGTH, clean_text, fold
from ticketing.domain.ticket import OPEN_STATUSES, Ticket, TicketChange, TicketStatus, apply_change
from ticketing.domain.ticket_number import number_of_serial

START = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
A, B, C = ContactId("contact_1"), ContactId("contact_2"), ContactId("contact_3")
NUMBER = number_of_serial(1)


def contact(contact_id: ContactId, *phone_numbers: str) -> Contact:
    return Contact(id=contact_id, name=str(contact_id), phone_numbers=phone_numbers)


def ticket(owner: ContactId | None, status: TicketStatus = TicketStatus.OPEN) -> Ticket:
    return Ticket(
        number=NUMBER,
        title="t",
        status=status,
        contact_id=owner,
        created_at=START,
        requested_at=START,
        updated_at=START,
    )


# ---- identity


@pytest.mark.parametrize(
    ("owners", "certainty"),
    [
        ([], Certainty.UNKNOWN),
        ([A], Certainty.KNOWN),
        ([A, A], Certainty.KNOWN),
        ([A, B], Certainty.UNCERTAIN),
        ([A, B, C], Certainty.UNCERTAIN),
    ],
)
def test_the_number_of_owners_decides(owners: list[ContactId], certainty: Certainty) -> None:
    number = normalise("+33612345678", "FR")
    found = identify(number, [contact(owner, "+33612345678", "+33140000000") for owner in owners])
    assert found.certainty is certainty
    assert found.contact_ids == tuple(dict.fromkeys(owners))


def test_a_contact_with_another_number_is_not_the_caller() -> None:
    assert identify(normalise("+33612345678", "FR"), [contact(A, "+33612345679")]).contacts == ()


@pytest.mark.parametrize("kind", [kind for kind in NumberKind if kind is not NumberKind.E164])
def test_only_public_numbers_identify(kind: NumberKind) -> None:
    number = CallerNumber(kind=kind, display="112")
    assert identify(number, [contact(A, "+33612345678")]).certainty is Certainty.UNKNOWN


@pytest.mark.parametrize(
    ("field", "draft"),
    [
        ("name", ContactDraft(name=" \x00\n")),
        ("phone_numbers[1]", ContactDraft(name="x", phone_numbers=("+33612345678", "0612345678"))),
        ("phone_numbers[0]", ContactDraft(name="x", phone_numbers=("+33612345678\n",))),
        ("phone_numbers[0]", ContactDraft(name="x", phone_numbers=("+٣٣٦١٢٣٤٥٦٧٨",))),
        ("emails[0]", ContactDraft(name="x", emails=("nobody",))),
        ("emails[0]", ContactDraft(name="x", emails=("a@b@c",))),
    ],
)
def test_a_bad_contact_is_refused_with_its_field(field: str, draft: ContactDraft) -> None:
    with pytest.raises(InvalidContactError) as caught:
        check_contact(draft)
    assert str(caught.value).startswith(f"{field}:")


def test_repeated_addresses_are_kept_once() -> None:
    draft = ContactDraft(name="x", phone_numbers=("+33612345678",) * 2, emails=("a@b.c", " a@b.c "))
    checked = check_contact(draft)
    assert (checked.phone_numbers, checked.emails) == (("+33612345678",), ("a@b.c",))


# ---- open or link


@pytest.mark.parametrize(
    ("contact_ids", "keyed", "expected"),
    [
        ((A,), None, OpenNew(reason="no ticket keyed", contact_id=A)),
        ((A, B), None, OpenNew(reason="no ticket keyed")),
        ((), None, OpenNew(reason="no ticket keyed")),
        ((A,), ticket(A), "link"),
        ((A,), ticket(A, TicketStatus.RESOLVED), "link"),
        ((A, B), ticket(B), "link"),
        ((A,), ticket(B), OpenNew(reason="the keyed ticket is not the caller's", contact_id=A)),
        ((A,), ticket(None), OpenNew(reason="the keyed ticket is not the caller's", contact_id=A)),
        ((A, B), ticket(C), OpenNew(reason="the keyed ticket is not the caller's")),
        ((), ticket(A), OpenNew(reason="ticket keyed, but the caller is unknown")),
        ((), ticket(None), OpenNew(reason="ticket keyed, but the caller is unknown")),
        (
            (A,),
            ticket(A, TicketStatus.CLOSED),
            OpenNew(reason="the keyed ticket is closed", contact_id=A, follows=NUMBER),
        ),
    ],
)
def test_open_or_link(contact_ids: tuple[ContactId, ...], keyed: Ticket | None, expected: OpenNew | str) -> None:
    decision = decide_ticket(contact_ids, keyed)
    if expected == "link":
        assert keyed is not None and keyed.contact_id is not None
        assert isinstance(decision, LinkTo)
        assert (decision.number, decision.contact_id) == (keyed.number, keyed.contact_id)
    else:
        assert decision == expected


# ---- merging

instants = st.integers(0, 5).map(lambda seconds: START + timedelta(seconds=seconds))
words = st.sampled_from([None, "a", "b"])
records = st.builds(
    InteractionRecord,
    linkedid=st.just("1.1"),
    as_of=instants,
    direction=st.sampled_from(Direction),
    queue=words,
    caller_kind=st.sampled_from([None, NumberKind.E164, NumberKind.ANONYMOUS]),
    caller_e164=st.sampled_from([None, "+33612345678"]),
    certainty=st.sampled_from([None, *Certainty]),
    contact_ids=st.sampled_from([(), (A,), (A, B)]),
    answered_at=st.none() | instants,
    ivr_path=st.sampled_from([(), ("welcome",), ("welcome", "choose")]),
    keyed_digits=st.sampled_from([{}, {"choose": "1"}]),
    hold_time=st.none() | st.just(timedelta()),
    termination_result=words,
    termination_reason=words,
)


@given(records)
def test_merging_a_record_with_itself_changes_nothing_known(record: InteractionRecord) -> None:
    assert merge(record, record) == record
    assert merge(merge(record, record), record) == record


@given(records, records)
def test_no_fact_is_ever_erased(old: InteractionRecord, new: InteractionRecord) -> None:
    merged = merge(old, new)
    assert merged.as_of == max(old.as_of, new.as_of)
    for name in ("queue", "caller_kind", "certainty", "answered_at", "ivr_path", "termination_result"):
        blank: tuple[object, ...] = (None, (), {})
        if getattr(old, name) not in blank or getattr(new, name) not in blank:
            assert getattr(merged, name) not in blank


@given(records, records)
def test_the_later_record_wins_whatever_the_order_of_arrival(
    first: InteractionRecord, second: InteractionRecord
) -> None:
    if first.as_of != second.as_of:
        assert merge(first, second) == merge(second, first)


@given(st.lists(st.sampled_from(FACT_FIELDS), unique=True, max_size=8), st.permutations(range(8)))
def test_snapshots_of_a_growing_call_merge_in_any_order(names: list[str], order: list[int]) -> None:
    names.sort(key=lambda name: name in WITNESSES)  # a witness is known no later than what depends on it
    names = [name for name in names if WITNESSES.get(name, name) in names]
    snapshots = []
    for size in range(8):
        known: dict[str, Any] = dict.fromkeys(names[:size], "x")
        snapshots.append(InteractionRecord(linkedid="1.1", as_of=START + timedelta(seconds=size), **known))
    merged = snapshots[order[0]]
    for index in order[1:]:
        merged = merge(merged, snapshots[index])
    assert merged == snapshots[-1]


def test_two_interactions_do_not_merge() -> None:
    record = InteractionRecord(linkedid="1.1", as_of=START)
    with pytest.raises(ValueError, match="two interactions"):
        merge(record, replace(record, linkedid="1.2"))


@pytest.mark.parametrize("linkedid", ["", " ", "a\x00b", "x" * 201, " 1.1"])
def test_a_linkedid_that_cannot_be_kept_is_refused(linkedid: str) -> None:
    with pytest.raises(ValueError, match="linkedid"):
        clean_record(InteractionRecord(linkedid=linkedid, as_of=START))


@pytest.mark.parametrize("name", [name for name in FACT_FIELDS if name.endswith("_at")])
def test_an_instant_without_time_zone_is_refused_by_name(name: str) -> None:
    naive: dict[str, Any] = {name: START.replace(tzinfo=None)}
    with pytest.raises(ValueError, match=name):
        clean_record(InteractionRecord(linkedid="1.1", as_of=START, **naive))


def test_facts_bring_their_witnesses() -> None:
    bare = InteractionRecord(linkedid="1.1", as_of=START)
    assert clean_record(replace(bare, caller_e164="+33612345678")).caller_kind is NumberKind.E164
    assert clean_record(replace(bare, contact_ids=(A,))).certainty is Certainty.KNOWN
    assert clean_record(replace(bare, contact_ids=(A, B))).certainty is Certainty.UNCERTAIN
    assert clean_record(replace(bare, termination_reason="x")).termination_reason is None


def test_durations_are_never_negative() -> None:
    backwards = InteractionRecord(
        linkedid="1.1", as_of=START, queued_at=START, answered_at=START, talk_ended_at=START - timedelta(seconds=1)
    )
    assert (backwards.conversation_time, backwards.wait_time) == (timedelta(), timedelta())
    assert InteractionRecord(linkedid="1.1", as_of=START).wait_time is None


# ---- words on tickets


def test_titles_tell_calls_apart() -> None:
    record = InteractionRecord(linkedid="1.1", as_of=START, queue="network", caller_given="anonymous?")
    unsaid = Disposition(kind=DispositionKind.TO_QUALIFY)
    assert call_title(record, replace(unsaid, title="Printer"), "Jeanne") == "Printer"
    assert call_title(record, unsaid, "Jeanne") == "Call from Jeanne (network)"
    assert call_title(record, unsaid, "") == "Call from anonymous? (network)"
    assert call_title(replace(record, queue=None, caller_given=None), unsaid, "") == "Call from an unknown caller"
    assert len(call_title(replace(record, queue="q" * 300), unsaid, "n" * 200)) == 300


def test_the_call_message_says_what_is_known_and_nothing_else() -> None:
    record = InteractionRecord(linkedid="1.1", as_of=START, started_at=START, ivr_path=("welcome",))
    message = call_message(record, Disposition(kind=DispositionKind.NEW), START)
    assert message.author == "system"
    assert message.body.splitlines() == [
        "Kind: new",
        "Caller: anonymous",
        "Menu: welcome",
        "Started: 2026-11-20 09:00:00+00:00",
    ]


def test_instants_of_resolving_and_closing_follow_the_status() -> None:
    hour = timedelta(hours=1)
    resolved = apply_change(ticket(A), TicketChange(status=TicketStatus.RESOLVED), START + hour)
    assert (resolved.resolved_at, resolved.closed_at) == (START + hour, None)
    closed = apply_change(resolved, TicketChange(status=TicketStatus.CLOSED), START + 2 * hour)
    assert (closed.resolved_at, closed.closed_at) == (START + hour, START + 2 * hour)
    reopened = apply_change(closed, TicketChange(status=TicketStatus.OPEN), START + 3 * hour)
    assert (reopened.resolved_at, reopened.closed_at, reopened.updated_at) == (None, None, START + 3 * hour)
    again = apply_change(resolved, TicketChange(status=TicketStatus.RESOLVED, title="x"), START + 2 * hour)
    assert (again.resolved_at, again.title) == (START + hour, "x")


def test_the_index_of_open_tickets_names_the_open_statuses() -> None:
    names = ", ".join(f"'{status.value}'" for status in TicketStatus if status in OPEN_STATUSES)
    assert str(tables.OPEN) == str(text(f"status IN ({names})"))


# ---- text


@given(st.text(), st.booleans())
def test_cleaned_text_can_be_stored_anywhere_and_stays_as_it_is(raw: str, multiline: bool) -> None:
    cleaned = clean_text(raw, 50, multiline=multiline)
    cleaned.encode()
    assert "\x00" not in cleaned and len(cleaned) <= 50
    assert multiline or "\n" not in cleaned
    assert clean_text(cleaned, 50, multiline=multiline) == cleaned


@given(st.text())
def test_folding_twice_is_folding_once_for_names_of_any_script(name: str) -> None:
    assert len(fold(name)) <= FOLDED_LENGTH
    assert fold(fold(name)) == fold(name)


def test_folding_forgets_case_accents_and_blanks() -> None:
    assert fold("ℌÉLÈNE") == "helene"
    assert fold("  Éloïse\tMÜLLER-Straße ") == fold("eloise muller-STRASSE")
