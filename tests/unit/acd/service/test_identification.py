"""What menus may know of a caller, in their own words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from acd.domain.caller import Caller, CallerContext, Certainty, ContactCard, RecentCallCard, TicketCard
from acd.domain.commands import Command, IdentifyCaller
from acd.domain.ids import CallId
from acd.service.identification import Identification
from ivr.model import IDENTIFIED
from ivr.nodes.collect import LEARNT
from tests.fakes.ports import FakeDesk

PARIS = ZoneInfo("Europe/Paris")
NOW = datetime(2026, 11, 23, 23, 30, tzinfo=UTC)  # half past midnight in Paris, on the 24th
NUMBER = "+33612345678"


def identified(certainty: Certainty, *contacts: ContactCard, context: CallerContext | None = None) -> Identification:
    told: list[Command] = []
    caller = Caller(number=NUMBER, number_kind="e164", certainty=certainty, contacts=contacts)
    identification = Identification(FakeDesk(), caller, CallId("call_1.1"), told.append)
    identification.context = context or CallerContext()
    return identification


CLAIRE = ContactCard(contact_id="c1", name="Claire", organisation="Clinique", vip=True, contract="gold", site="Metz")


def test_a_known_caller() -> None:
    calls = tuple(RecentCallCard(started_at=NOW - timedelta(hours=hours)) for hours in (0, 1, 30))
    ticket = TicketCard(number="1042", title="Printer", status="open", created_at=NOW)
    context = CallerContext(open_tickets=(ticket,), recent_calls=calls, linked_ticket=ticket)
    identification = identified(Certainty.KNOWN, CLAIRE, context=context)
    facts = identification.facts(NOW, PARIS)
    assert facts == {
        "known": True,
        "vip": True,
        "number_kind": "e164",
        "contact": "Claire",
        "organisation": "Clinique",
        "contract": "gold",
        "site": "Metz",
        "open_tickets": 1,
        "calls_today": 0,  # the call itself is none, and the one an hour before was yesterday
        "days_since_last_call": 1,
    }
    assert facts.keys() <= IDENTIFIED.keys()
    learnt = identification.ticket_attributes(PARIS)
    assert learnt == {"ticket_status": "open", "ticket_opened": "2026-11-24T00:30+01:00"}
    assert set(learnt) == set(LEARNT["ticket_of_caller"])


def test_several_contacts_are_nobody() -> None:
    facts = identified(Certainty.UNCERTAIN, CLAIRE, CLAIRE).facts(NOW, PARIS)
    assert (facts["known"], facts["vip"], facts["open_tickets"], facts["calls_today"]) == (False, False, 0, 0)
    assert not {"contact", "organisation", "days_since_last_call"} & facts.keys()


async def test_a_desk_that_is_down_leaves_numbers_unknown() -> None:
    told: list[Command] = []
    desk = FakeDesk()
    desk.is_down = True
    identification = Identification(desk, desk.classify(NUMBER, ""), CallId("call_1.1"), told.append)
    await identification.find("1042")
    assert identification.facts(NOW, PARIS) == {"known": False, "vip": False, "number_kind": "e164"}
    assert [type(command) for command in told] == [IdentifyCaller]
    assert not await identification.is_their_ticket("1042")
