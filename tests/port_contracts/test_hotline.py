"""What incidents, surveys, PINs and requests promise, in memory, on SQLite and on PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from msgspec.structs import replace

from tests.fakes.desk_store import FakeDeskStore
from tests.fakes.hotline import FakeContactPins, FakeMajorIncidents, FakeServiceRequests, FakeSurveys
from tests.port_contracts.desk_samples import JEANNE, SteppingClock, after, answered
from tests.servers import postgres_database
from ticketing import api as ticketing
from ticketing.api import (
    ContactDraft,
    ContactId,
    ContactNotFoundError,
    ContactPins,
    Desk,
    Disposition,
    DispositionKind,
    IncidentCaller,
    IncidentDraft,
    IncidentId,
    IncidentNotFoundError,
    IncidentTally,
    InvalidIncidentError,
    InvalidPinError,
    MajorIncidents,
    PinVerdict,
    ServiceRequest,
    ServiceRequests,
    SurveyAnswers,
    Surveys,
    SurveyStart,
    TicketNumber,
)

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@dataclass(frozen=True)
class Hotline:
    incidents: MajorIncidents
    surveys: Surveys
    pins: ContactPins
    requests: ServiceRequests
    contact: ContactId
    desk: Desk | None  # where the same database has one


@pytest.fixture(params=["fake", "sqlite", "postgresql"])
async def hotline(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Hotline]:
    if request.param == "fake":
        desk = Desk(FakeDeskStore(), SteppingClock())
        contact = (await desk.create_contact(ContactDraft(name="Jeanne", phone_numbers=(JEANNE,)))).id
        yield Hotline(
            FakeMajorIncidents(), FakeSurveys(), FakeContactPins({contact}), FakeServiceRequests(), contact, None
        )
    elif request.param == "sqlite":
        async with _on(f"sqlite:///{tmp_path / 'hotline.db'}") as opened:
            yield opened
    else:
        async with postgres_database(request.getfixturevalue("postgres_url")) as url, _on(url) as opened:
            yield opened


class _on:  # noqa: N801  # a context manager, read as a phrase
    def __init__(self, url: str) -> None:
        self._url = url

    async def __aenter__(self) -> Hotline:
        self._database = await ticketing.open_database(self._url)
        async with ticketing.open_desk(self._database, SteppingClock()) as desk:
            contact = (await desk.create_contact(ContactDraft(name="Jeanne", phone_numbers=(JEANNE,)))).id
        return Hotline(
            ticketing.SqlMajorIncidents(self._database),
            ticketing.SqlSurveys(self._database),
            ticketing.SqlContactPins(self._database, CHEAP),
            ticketing.SqlServiceRequests(self._database),
            contact,
            desk,
        )

    async def __aexit__(self, *_: object) -> None:
        await self._database.close()


# incidents

MAIL = IncidentDraft(
    title="E-mail is down",
    service="mail",
    site="Brest",
    sentences={"fr": "La messagerie est en panne.", "en": "E-mail is down."},
    expected_at=after(7200),
    active_from=after(0),
    active_until=after(9000),
    declared_by="agent_sarah",
)


async def test_an_incident_comes_back_as_it_was_declared_until_it_is_closed(hotline: Hotline) -> None:
    declared = await hotline.incidents.declare(MAIL, after(5))
    assert await hotline.incidents.incident(declared.id) == declared
    assert await hotline.incidents.open_ones() == (declared,)
    closed = await hotline.incidents.close(declared.id, by="agent_sarah", at=after(60))
    assert (closed.closed_at, closed.closed_by) == (after(60), "agent_sarah")
    assert await hotline.incidents.close(declared.id, by="agent_paul", at=after(70)) == closed
    assert await hotline.incidents.open_ones() == ()
    second = await hotline.incidents.declare(replace(MAIL, title="Again"), after(80))
    assert await hotline.incidents.latest(5) == (second, closed)
    assert await hotline.incidents.latest(1) == (second,)


@pytest.mark.parametrize("incident_id", ["incident_99", "incident_", "x", "incident_" + "9" * 40, "incident_١", ""])
async def test_an_unknown_incident(hotline: Hotline, incident_id: str) -> None:
    unknown = IncidentId(incident_id)
    assert await hotline.incidents.incident(unknown) is None
    assert await hotline.incidents.callers(unknown) == ()
    assert not await hotline.incidents.mark_told(unknown, "1.1", by="x", at=after(0))
    with pytest.raises(IncidentNotFoundError):
        await hotline.incidents.close(unknown, by="x", at=after(0))
    with pytest.raises(IncidentNotFoundError):
        await hotline.incidents.note_caller(unknown, IncidentCaller(linkedid="1.1", rang_at=after(0)))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"title": " \n"}, "title"),
        ({"active_until": after(-1)}, "active_until"),
        ({"sentences": {"fra": "x"}}, "sentences"),
        ({"sentences": {"fr": "x" * 201}}, "sentences.fr"),
        ({"sentences": {"fr": "..."}}, "sentences.fr"),
        ({"ticket_number": "12"}, "ticket_number"),
        ({"expected_at": after(0).replace(tzinfo=None)}, "expected_at"),
    ],
)
async def test_an_incident_that_cannot_be_declared(hotline: Hotline, changes: dict[str, object], says: str) -> None:
    with pytest.raises(InvalidIncidentError, match=f"^{says}"):
        await hotline.incidents.declare(replace(MAIL, **changes), after(0))
    assert await hotline.incidents.open_ones() == ()


async def test_who_rang_about_it_and_who_was_told(hotline: Hotline) -> None:
    incident = await hotline.incidents.declare(MAIL, after(0))
    first = IncidentCaller(linkedid="1.1", rang_at=after(10), number=JEANNE, name="Jeanne", language="fr")
    second = IncidentCaller(linkedid="2.1", rang_at=after(20), number="anonymous", language="en")
    for caller in (second, first):
        await hotline.incidents.note_caller(incident.id, caller)
    wishes = replace(first, wants_word=True)
    await hotline.incidents.note_caller(incident.id, wishes)
    await hotline.incidents.note_caller(incident.id, replace(first, rang_at=after(99)))  # told of once more: it stays
    assert await hotline.incidents.callers(incident.id) == (wishes, second)
    assert await hotline.incidents.callers(incident.id, want_word=True) == (wishes,)
    assert await hotline.incidents.tallies() == {incident.id: IncidentTally(rang=2, want_word=1, told=0)}
    assert not await hotline.incidents.mark_told(incident.id, "2.1", by="agent_x", at=after(30))
    for at in (after(30), after(40)):
        assert await hotline.incidents.mark_told(incident.id, "1.1", by="agent_x", at=at)
    assert await hotline.incidents.callers(incident.id, want_word=True) == (
        replace(wishes, told_at=after(30), told_by="agent_x"),
    )
    assert (await hotline.incidents.tallies())[incident.id].told == 1


# surveys


def _asked(linkedid: str, at: float, number: str = JEANNE) -> SurveyStart:
    return SurveyStart(
        linkedid=linkedid,
        number=number,
        asked_at=after(at),
        flow="satisfaction@1",
        queue="support",
        agent_id="agent_alice",
        language="fr",
    )


async def test_nobody_is_asked_twice_within_the_time(hotline: Hotline) -> None:
    surveys = hotline.surveys
    assert await surveys.begin(_asked("1.1", 0), not_since=after(-100))
    assert await surveys.begin(_asked("1.1", 5), not_since=after(-100))  # the same call, back after a restart
    assert not await surveys.begin(_asked("2.1", 50), not_since=after(-50))
    assert await surveys.begin(_asked("3.1", 50, "+33600000000"), not_since=after(-50))
    assert await surveys.begin(_asked("4.1", 200), not_since=after(100))
    assert [one.linkedid for one in await surveys.surveys_since(after(10), 10)] == ["4.1", "3.1"]
    assert [one.linkedid for one in await surveys.surveys_since(after(0), 1)] == ["4.1"]


async def test_of_two_calls_at_once_one_is_asked(hotline: Hotline) -> None:
    begun = await asyncio.gather(
        *(hotline.surveys.begin(_asked(f"{n}.1", n), not_since=after(-100)) for n in range(1, 5))
    )
    assert sorted(begun) == [False, False, False, True]


async def test_answers_are_kept_one_by_one(hotline: Hotline) -> None:
    await hotline.surveys.begin(_asked("1.1", 0), not_since=after(-100))
    for answers in (
        SurveyAnswers(csat=5),
        SurveyAnswers(nps=10),
        SurveyAnswers(csat=6),
        SurveyAnswers(nps=-1, is_resolved=False),
        SurveyAnswers(comment="1.1.wav", comment_time=timedelta(seconds=3.5)),
        SurveyAnswers(),
    ):
        await hotline.surveys.answer("1.1", answers)
        await hotline.surveys.answer("9.9", answers)  # nobody asked them
    survey = await hotline.surveys.survey("1.1")
    assert survey is not None
    assert (survey.csat, survey.nps, survey.is_resolved) == (5, 10, False)
    assert (survey.comment, survey.comment_time, survey.agent_id) == ("1.1.wav", timedelta(seconds=3.5), "agent_alice")
    assert await hotline.surveys.survey("9.9") is None


async def test_a_survey_knows_the_ticket_of_its_call(hotline: Hotline) -> None:
    await hotline.surveys.begin(_asked("1.1", 0), not_since=after(-100))
    expected = None
    if hotline.desk is not None:
        ref = await hotline.desk.commit_call(answered("1.1"), Disposition(kind=DispositionKind.NEW, title="Printer"))
        assert ref is not None
        expected = ref.number
    survey = await hotline.surveys.survey("1.1")
    assert survey is not None
    assert survey.ticket_number == expected


# PINs


async def test_a_pin_is_right_or_wrong_and_locks(hotline: Hotline) -> None:
    pins, contact = hotline.pins, hotline.contact
    assert await pins.check(contact, "4711", after(0)) is PinVerdict.NONE
    await pins.set_pin(contact, "4711")
    assert await pins.check(contact, "4711", after(0)) is PinVerdict.RIGHT
    for _ in range(4):
        assert await pins.check(contact, "4712", after(1)) is PinVerdict.WRONG
    assert await pins.check(contact, "4711", after(2)) is PinVerdict.RIGHT  # the count begins anew
    for _ in range(5):
        assert await pins.check(contact, "4712", after(3)) is PinVerdict.WRONG
    assert await pins.check(contact, "4711", after(4)) is PinVerdict.LOCKED
    assert await pins.check(contact, "4711", after(4 + 1800)) is PinVerdict.RIGHT
    for _ in range(5):
        await pins.check(contact, "", after(5000))
    await pins.set_pin(contact, "4713")
    assert await pins.check(contact, "4713", after(5001)) is PinVerdict.RIGHT
    await pins.set_pin(contact, None)
    assert await pins.check(contact, "4713", after(5002)) is PinVerdict.NONE


async def test_many_wrong_pins_at_once_are_all_counted(hotline: Hotline) -> None:
    await hotline.pins.set_pin(hotline.contact, "4711")
    tries = await asyncio.gather(*(hotline.pins.check(hotline.contact, "0815", after(0)) for _ in range(9)))
    assert sorted(tries) == [PinVerdict.LOCKED] * 4 + [PinVerdict.WRONG] * 5


@pytest.mark.parametrize("pin", ["", "123", "1234", "9876", "0000", "9012", "12a4", "١٢٣٤", "4" * 13, "47 11"])
async def test_a_pin_that_cannot_be_given(hotline: Hotline, pin: str) -> None:
    with pytest.raises(InvalidPinError) as refused:
        await hotline.pins.set_pin(hotline.contact, pin)
    assert not pin or pin not in str(refused.value)
    assert await hotline.pins.check(hotline.contact, pin, after(0)) is PinVerdict.NONE


async def test_a_pin_for_nobody(hotline: Hotline) -> None:
    with pytest.raises(ContactNotFoundError):
        await hotline.pins.set_pin(ContactId("contact_999"), "4711")
    await hotline.pins.set_pin(ContactId("contact_999"), None)
    assert await hotline.pins.check(ContactId("x"), "4711", after(0)) is PinVerdict.NONE


# requests


async def test_a_request_opens_one_ticket(hotline: Hotline) -> None:
    request = ServiceRequest(
        linkedid="1.1",
        item="password_reset",
        title="Password reset for Jeanne",
        contact_id=hotline.contact,
        requested_at=after(0),
        queue="support",
        service="directory",
        answers={"account": "1042"},
        proof="pin",
        text="Asked for on the keypad.",
    )
    number = await hotline.requests.open(request)
    assert await hotline.requests.open(replace(request, title="Again")) == number
    other = await hotline.requests.open(replace(request, item="badge"))
    assert other != number
    assert await hotline.requests.request_of(number) == request
    for unknown in ("", "12", "99999999999999999999"):
        assert await hotline.requests.request_of(TicketNumber(unknown)) is None
    if hotline.desk is not None:
        ticket = await hotline.desk.find_ticket(number)
        assert ticket is not None
        assert (ticket.category, ticket.source, ticket.status) == ("request", "ivr", "new")
        (message,) = await hotline.desk.messages(number)
        assert message.body == "Asked for on the keypad.\n\naccount: 1042\n\nProof: pin"
