"""One suite for every Desk as the calls see it: the fake, and ticketing on a real SQLite database."""

from __future__ import annotations

import asyncio
import re
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from sqlalchemy import text

from acd.adapters.desk import TicketingDesk
from acd.domain.call import Call, CallStage, IvrStep, Reason, Result, Termination
from acd.domain.caller import Caller, CallerContext, Certainty, ContactCard
from acd.domain.effects import CommitTicket
from acd.domain.ids import AgentId, QueueName, call_id_of
from acd.service.ports import Desk, DeskError
from tests.fakes.ports import START, FakeDesk
from tests.port_contracts.desk_samples import SteppingClock
from ticketing import api as ticketing

CLAIRE, SHARED, NOBODY = "+33612345678", "+33140000000", "+33698765432"
ALICE = AgentId("agent_alice")


def after(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)


def call_of(linkedid: str = "1.1", number: str = CLAIRE, name: str = "Claire") -> Call:
    """A call that is over: 10 s in the menu, 20 s in the queue, 60 s of talk."""
    return Call(
        call_id=call_id_of(linkedid),
        linkedid=linkedid,
        channel=f"PJSIP/trunk-{linkedid}",
        called_number="100",
        caller=Caller(number=number, name=name, number_kind="invalid"),
        started_at=START,
        changed_at=START + after(90),
        stage=CallStage.ENDED,
        language="fr",
        ivr_path=(IvrStep("welcome", "1", "fr"), IvrStep("main")),
        queue=QueueName("support"),
        queued_at=START + after(10),
        offered_at=START + after(25),
        answered_at=START + after(30),
        talk_ended_at=START + after(90),
        ended_at=START + after(90),
        agent_id=ALICE,
        attempts=1,
        termination=Termination(Result.ANSWERED, Reason.CALLER_HUNG_UP),
    )


class DeskWorld(ABC):
    """A desk on which Claire has a number of her own, and shares another with Marc."""

    desk: Desk

    @abstractmethod
    async def ticket_of_claire(self) -> str: ...

    @abstractmethod
    async def known_interactions(self) -> dict[str, str]:
        """Linkedid -> result."""

    @abstractmethod
    async def take_down(self) -> None: ...


class FakeWorld(DeskWorld):
    def __init__(self) -> None:
        self.desk = self.fake = FakeDesk()
        claire = ContactCard(contact_id="contact_1", name="Claire Moreau")
        self.fake.contacts = {CLAIRE: [claire], SHARED: [claire, ContactCard(contact_id="contact_2", name="Marc")]}

    async def ticket_of_claire(self) -> str:
        self.fake.tickets["1000012"] = CLAIRE
        return "1000012"

    async def known_interactions(self) -> dict[str, str]:
        return {
            linkedid: call.termination.result if call.termination else ""
            for linkedid, call in self.fake.recorded.items()
        }

    async def take_down(self) -> None:
        self.fake.is_down = True


class SqliteWorld(DeskWorld):
    def __init__(self, desk: ticketing.Desk, database: ticketing.Database, clock: SteppingClock) -> None:
        self._ticketing = desk
        self._database = database
        self.desk = TicketingDesk(
            desk,
            region="FR",
            is_internal=frozenset({"1001"}).__contains__,
            queue_label=lambda name: name.title(),
        )

    async def set_up(self) -> None:
        await self._ticketing.create_contact(
            ticketing.ContactDraft(name="Claire Moreau", phone_numbers=(CLAIRE, SHARED))
        )
        await self._ticketing.create_contact(ticketing.ContactDraft(name="Marc", phone_numbers=(SHARED,)))

    async def ticket_of_claire(self) -> str:
        caller, _ = await self.desk.identify(self.desk.classify(CLAIRE, ""))
        wish = CommitTicket(call=replace(call_of("old.1"), caller=caller), agent_id=ALICE, title="Printer")
        number = await self.desk.commit_ticket(wish)
        assert number is not None
        return number

    async def known_interactions(self) -> dict[str, str]:
        found = [await self._ticketing.interaction(linkedid) for linkedid in ("1.1", "2.1", "3.1")]
        return {entry.linkedid: entry.termination_result or "" for entry in found if entry is not None}

    async def take_down(self) -> None:
        async with self._database.write() as connection:
            await connection.execute(text("PRAGMA foreign_keys = OFF"))
            tables = await connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'table'"))
            for (name,) in tables.all():
                if not name.startswith("sqlite_"):
                    await connection.execute(text(f'ALTER TABLE "{name}" RENAME TO "away_{name}"'))


@asynccontextmanager
async def opened(kind: str, folder: Path) -> AsyncIterator[DeskWorld]:
    if kind == "fake":
        yield FakeWorld()
        return
    async with await ticketing.open_database(f"sqlite:///{folder / 'guichet.db'}") as database:
        clock = SteppingClock()
        async with ticketing.open_desk(database, clock) as desk:
            made = SqliteWorld(desk, database, clock)
            await made.set_up()
            yield made


@pytest.fixture(params=["fake", "sqlite"])
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[DeskWorld]:
    async with opened(request.param, tmp_path) as made:
        yield made


# who calls

HOSTILE = [
    "",
    " ",
    "anonymous",
    "+",
    "+" * 500,
    "0" * 10_000,
    "1001\r\nAction: Hangup",
    "'; DROP TABLE contacts; --",
    "<sip:+33612345678@host>;tag=1",
    "\x00\x01\x7f",
    "\ud800",
    "\u202e٣٣٦١٢",
    "${EVAL(x)}",
    "+33 6 12 34 56 78",
    "0612345678",
]


def is_well_classified(desk: Desk, number: str, name: str) -> bool:
    caller = desk.classify(number, name)
    assert (caller.number, caller.name) == (number, name)  # as presented: hostile text, shown as text only
    assert caller.number_kind in {"e164", "internal", "short", "anonymous", "invalid"}
    assert (caller.e164 is not None) == (caller.number_kind == "e164")
    assert caller.e164 is None or re.fullmatch(r"\+[1-9][0-9]{3,14}", caller.e164)
    assert (caller.certainty, caller.contacts, caller.is_vip) == (Certainty.UNKNOWN, (), False)
    return True


@pytest.mark.parametrize("number", HOSTILE)
async def test_any_presented_text_is_classified(world: DeskWorld, number: str) -> None:
    assert is_well_classified(world.desk, number, number)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(number=st.text(st.characters()) | st.from_regex(r"\+?[0-9 ()./-]{0,20}"), name=st.text(st.characters()))
async def test_no_text_at_all_makes_classifying_fail(world: DeskWorld, number: str, name: str) -> None:
    assert is_well_classified(world.desk, number, name)


@pytest.mark.parametrize(
    ("number", "certainty", "names"),
    [
        (CLAIRE, Certainty.KNOWN, {"Claire Moreau"}),
        (SHARED, Certainty.UNCERTAIN, {"Claire Moreau", "Marc"}),
        (NOBODY, Certainty.UNKNOWN, set()),
        ("anonymous", Certainty.UNKNOWN, set()),
        ("", Certainty.UNKNOWN, set()),
        ("1001", Certainty.UNKNOWN, set()),
        ("\ud800'; --", Certainty.UNKNOWN, set()),
    ],
)
async def test_a_number_identifies_one_several_or_nobody(
    world: DeskWorld, number: str, certainty: Certainty, names: set[str]
) -> None:
    classified = world.desk.classify(number, "Somebody Else")
    caller, context = await world.desk.identify(classified)
    assert (caller.certainty, {card.name for card in caller.contacts}) == (certainty, names)
    assert (caller.number, caller.name, caller.e164) == (number, "Somebody Else", classified.e164)
    assert context.linked_ticket is None
    assert context.missing == ()


# tickets keyed


async def test_a_ticket_of_the_callers_own_is_linked(world: DeskWorld) -> None:
    number = await world.ticket_of_claire()
    caller, context = await world.desk.identify(world.desk.classify(CLAIRE, ""))
    checked = await world.desk.check_ticket(caller, context, number)
    assert checked is not None
    assert checked.linked_ticket is not None
    assert checked.linked_ticket.number == number


@pytest.mark.parametrize("digits", ["", "1", "0000000", "1000013", "9" * 40, "1000012'", "\ud800", "٣٣٣٣٣٣٣"])
async def test_other_digits_are_no_ticket_of_theirs(world: DeskWorld, digits: str) -> None:
    await world.ticket_of_claire()
    caller, context = await world.desk.identify(world.desk.classify(CLAIRE, ""))
    assert await world.desk.check_ticket(caller, context, digits) is None


@pytest.mark.parametrize("number", [NOBODY, "anonymous"])
async def test_a_ticket_of_somebody_else_is_not_linked(world: DeskWorld, number: str) -> None:
    ticket = await world.ticket_of_claire()
    caller, context = await world.desk.identify(world.desk.classify(number, ""))
    assert await world.desk.check_ticket(caller, context, ticket) is None


# interactions and tickets


async def test_interactions_are_one_per_linkedid_however_often_they_are_written(world: DeskWorld) -> None:
    early = replace(call_of(), stage=CallStage.WAITING, answered_at=None, ended_at=None, termination=None)
    await world.desk.record_interactions([early, call_of("2.1")])
    assert await world.known_interactions() == {"1.1": "", "2.1": "answered"}
    for _ in range(2):
        await world.desk.record_interactions([call_of("1.1"), call_of("2.1"), call_of("3.1")])
    await world.desk.record_interactions([])
    assert await world.known_interactions() == {"1.1": "answered", "2.1": "answered", "3.1": "answered"}


async def test_a_call_under_way_is_found_as_it_was_recorded(world: DeskWorld) -> None:
    assert await world.desk.call_under_way("1.1") is None
    caller, context = await world.desk.identify(world.desk.classify(CLAIRE, "Claire"))
    talking = replace(
        call_of(),
        caller=caller,
        context=context,
        stage=CallStage.TALKING,
        talk_ended_at=None,
        ended_at=None,
        termination=None,
    )
    in_menu = replace(talking, call_id=call_id_of("2.1"), linkedid="2.1", queue=None, queued_at=None)
    await world.desk.record_interactions([talking, in_menu, call_of("3.1")])
    found = await world.desk.call_under_way("1.1")
    assert found is not None
    for name in ("call_id", "linkedid", "called_number", "caller", "language", "queue", "agent_id", "started_at"):
        assert getattr(found, name) == getattr(talking, name), name
    for name in ("queued_at", "offered_at", "answered_at", "talk_ended_at", "ended_at", "changed_at"):
        assert getattr(found, name) == getattr(talking, name), name
    assert [(step.node, step.keys) for step in found.ivr_path] == [("welcome", "1"), ("main", "")]
    for linkedid in ("2.1", "3.1"):  # never reached a queue; is over
        assert await world.desk.call_under_way(linkedid) is None


async def test_answered_calls_without_a_word_on_them_are_found_until_they_have_their_ticket(world: DeskWorld) -> None:
    answered = call_of("1.1")
    abandoned = replace(call_of("2.1"), answered_at=None, talk_ended_at=None, agent_id=None)
    old = replace(call_of("3.1"), started_at=START - after(3600), queued_at=START - after(3590))
    await world.desk.record_interactions([answered, abandoned, old])
    (found,) = await world.desk.unsettled_calls(START)
    for name in ("linkedid", "queue", "agent_id", "answered_at", "talk_ended_at", "ended_at", "termination"):
        assert getattr(found, name) == getattr(answered, name), name
    await world.desk.commit_ticket(CommitTicket(call=found, agent_id=ALICE, to_qualify=True, wrap_up_ended_at=START))
    assert await world.desk.unsettled_calls(START) == []


async def test_hostile_callers_are_recorded_like_others(world: DeskWorld) -> None:
    await world.desk.record_interactions([call_of("1.1", "\x00\ud800" * 100, "<b>\x00'\ud800\r\n" * 1000)])
    assert await world.known_interactions() == {"1.1": "answered"}


async def test_a_call_gets_one_ticket_however_often_and_concurrently_it_is_committed(world: DeskWorld) -> None:
    wish = CommitTicket(call=call_of(), agent_id=ALICE, title="Printer", note="Toner", wrap_up_ended_at=START)
    numbers = await asyncio.gather(*(world.desk.commit_ticket(wish) for _ in range(5)))
    assert numbers[0] is not None
    assert set(numbers) == {numbers[0]}
    other = await world.desk.commit_ticket(replace(wish, call=call_of("2.1")))
    assert other not in {None, numbers[0]}
    assert await world.desk.commit_ticket(wish) == numbers[0]


@pytest.mark.parametrize("is_keyed", [True, False])
async def test_a_call_is_linked_to_the_ticket_it_belongs_to(world: DeskWorld, is_keyed: bool) -> None:
    number = await world.ticket_of_claire()
    caller, _ = await world.desk.identify(world.desk.classify(CLAIRE, ""))
    call = replace(call_of(), caller=caller, keyed_ticket=number if is_keyed else None)
    wish = CommitTicket(call=call, agent_id=ALICE, note="again", link_to=None if is_keyed else number)
    assert await world.desk.commit_ticket(wish) == number


@pytest.mark.parametrize("to_qualify", [True, False])
async def test_every_other_call_gets_a_ticket_of_its_own(world: DeskWorld, to_qualify: bool) -> None:
    numbers = [
        await world.desk.commit_ticket(
            CommitTicket(call=call_of(f"{number}.1", NOBODY), agent_id=ALICE, to_qualify=to_qualify)
        )
        for number in (1, 2)
    ]
    assert None not in numbers
    assert numbers[0] != numbers[1]


@pytest.mark.parametrize("code", ["wrong_number", "spam"])
async def test_some_wrap_up_codes_leave_no_ticket(world: DeskWorld, code: str) -> None:
    wish = CommitTicket(call=call_of(), agent_id=ALICE, code=code)
    assert [await world.desk.commit_ticket(wish) for _ in range(2)] == [None, None]


async def test_hostile_words_of_a_wrap_up_are_only_words(world: DeskWorld) -> None:
    words = "\ud800\x00'; DROP TABLE tickets; --<script>" * 500
    wish = CommitTicket(call=call_of(), agent_id=ALICE, code=words, note=words, title=words)
    assert await world.desk.commit_ticket(wish) is not None


async def test_a_desk_that_is_down_says_so_in_one_way(world: DeskWorld) -> None:
    caller = world.desk.classify(CLAIRE, "")
    ticket = await world.ticket_of_claire()
    await world.take_down()
    assert world.desk.classify(CLAIRE, "") == caller
    with pytest.raises(DeskError):
        await world.desk.identify(caller)
    with pytest.raises(DeskError):
        await world.desk.check_ticket(caller, CallerContext(), ticket)
    with pytest.raises(DeskError):
        await world.desk.call_under_way("1.1")
    with pytest.raises(DeskError):
        await world.desk.record_interactions([call_of()])
    with pytest.raises(DeskError):
        await world.desk.commit_ticket(CommitTicket(call=call_of(), agent_id=ALICE))


# ticketing alone


async def test_a_ticket_that_is_gone_does_not_cost_the_call_its_own(tmp_path: Path) -> None:
    """The agent's word cannot be carried out: the call is flagged instead."""
    async with opened("sqlite", tmp_path) as world:
        wish = CommitTicket(call=call_of(), agent_id=ALICE, link_to=ticketing_number_of_nobody())
        assert await world.desk.commit_ticket(wish) is not None


def ticketing_number_of_nobody() -> str:
    return next(digits for digits in map(str, range(9_000_000, 9_000_100)) if ticketing.is_ticket_number(digits))
