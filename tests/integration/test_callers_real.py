"""The ways of other callers through the house: languages, tickets keyed, unknown and hostile ones."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from acd.phone import OutgoingCall
from tests.integration.asterisk_fixture import RunningAsterisk
from tests.integration.hearing import heard_so_far, hears
from tests.integration.house import MAIN, NOT_YOURS, TICKET, TO_AGENT, WELCOME, House, Seat, open_house
from ticketing import api as ticketing

pytestmark = pytest.mark.asyncio(loop_scope="module")

# Asterisk keeps 80 bytes of a name, so the second one is cut within a character.
HOSTILE = '"><img src=x onerror=alert(1)> \\r\\n ${SHELL(id)} $[1+1] Zoë 電話'
ENDLESS = "x" + "é" * 400


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(asterisk: RunningAsterisk, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with open_house(asterisk, tmp_path_factory.mktemp("house")) as house, house.service():
        yield house


@pytest_asyncio.fixture(loop_scope="module")
async def house(served: House) -> AsyncIterator[House]:
    yield served
    await served.is_quiet()


async def pop_and_ticket(agent: Seat, number: str, **said: str) -> tuple[dict[str, Any], str]:
    """Take the call, hang up, wrap up: what the pop said, and the ticket's number."""
    ring = await agent.takes(number)
    await ring.call.hang_up()
    committed = await agent.wraps_up(**said)
    return ring.data, committed.data["number"]


async def test_an_english_caller_with_an_order(house: House) -> None:
    number = house.new_number()
    async with house.agent(skills={"orders": 2}) as agent, house.agent("Bruno Keller") as other:
        async with house.caller(number) as call:
            await house.walk(call, "2", "2")  # hears the English menu
            pop, _ = await pop_and_ticket(agent, number, code="solved")
        assert (pop["queue"], pop["language"], pop["certainty"]) == ("orders", "en", "unknown")
        assert pop["ticket"] == {"number": None, "title": f"Orders: {number}"}
        assert not other.screen.of("offer")
    interaction = await house.interaction(number)
    assert (interaction.language, interaction.queue) == ("en", "orders")
    assert interaction.ivr_path == ("welcome:2", "opening", "outage", "main:2", "request", "orders")


async def key_ticket(house: House, call: OutgoingCall, keys: str) -> float:
    """Through the menu to "follow-up of a ticket"; returns when the keys began."""
    at = await hears(call, house.sound(WELCOME), "the welcome")
    await call.send_digits("1")
    at = await hears(call, house.sound(MAIN), "the main menu", at)
    await call.send_digits("3")
    await hears(call, house.sound(TICKET), "the question for the number", at)
    before = heard_so_far(call)
    await call.send_digits(keys)
    return before


async def test_a_caller_who_keys_their_own_ticket_is_linked_to_it(house: House) -> None:
    number = house.new_number()
    contact = await house.contact("Hugo Nowak", number)
    own = await house.open_ticket(contact, "Printer keeps jamming")
    async with house.agent() as agent, house.caller(number) as call:
        await key_ticket(house, call, f"{own}#")
        pop, committed = await pop_and_ticket(agent, number, code="solved", note="Toner came.")
    assert pop["ticket"] == {"number": own, "title": "Printer keeps jamming"}
    assert pop["context"]["linked_ticket"]["number"] == own
    assert committed == own
    theirs = await house.desk.tickets(ticketing.TicketFilter(contact_id=contact.id))
    assert [ticket.number for ticket in theirs] == [own], "a new ticket was opened"
    messages = await house.desk.messages(own)
    assert len(messages) == 2
    assert messages[-1].body.startswith("Toner came.")
    interaction = await house.interaction(number)
    assert (interaction.ticket_number, interaction.keyed_ticket) == (own, own)
    assert interaction.keyed_digits["ticket_number"] == own


async def test_a_ticket_of_somebody_else_is_refused_and_the_caller_reaches_support_unlinked(house: House) -> None:
    number = house.new_number()
    stranger = await house.contact("Inès Haddad", house.new_number())
    contact = await house.contact("Marc Perrin", number)
    not_theirs = await house.open_ticket(stranger, "Salary of the director")
    async with house.agent() as agent, house.caller(number) as call:
        after = await key_ticket(house, call, f"{not_theirs}#")
        for _ in range(2):
            await hears(call, house.sound(NOT_YOURS), "that it is not theirs", after)
            after = heard_so_far(call)
            await call.send_digits(f"{not_theirs}#")
        await hears(call, house.sound(TO_AGENT), "that an agent comes", after)
        pop, committed = await pop_and_ticket(agent, number)
    assert "Salary" not in str(pop), "somebody else's ticket is shown"
    assert pop["context"]["linked_ticket"] is None
    assert committed != not_theirs
    ticket = await house.desk.find_ticket(committed)
    assert ticket is not None
    assert (ticket.contact_id, ticket.title) == (contact.id, "Support: Marc Perrin")
    assert len(await house.desk.messages(not_theirs)) == 1


@pytest.mark.parametrize("number", ["anonymous", "Anonymous"])
async def test_an_anonymous_caller_is_served_like_any_other(house: House, number: str) -> None:
    async with house.agent() as agent, house.caller(number, "Anonymous") as call:
        await house.walk(call)
        pop, committed = await pop_and_ticket(agent, number, note="Would not say who.")
    assert (pop["number_kind"], pop["e164"], pop["certainty"], pop["contacts"]) == ("anonymous", None, "unknown", [])
    ticket = await house.desk.find_ticket(committed)
    assert ticket is not None
    assert ticket.contact_id is None


async def test_two_contacts_on_one_number_are_both_shown_and_marked_uncertain(house: House) -> None:
    number = house.new_number()
    await house.contact("Nina Costa", number, vip=True)
    await house.contact("Oscar Costa", number)
    async with house.agent() as agent, house.caller(number) as call:
        await house.walk(call)
        pop, committed = await pop_and_ticket(agent, number)
    assert pop["certainty"] == "uncertain"
    assert {contact["name"] for contact in pop["contacts"]} == {"Nina Costa", "Oscar Costa"}
    assert pop["ticket"]["title"] == f"Support: {number}", "one of them was picked"
    ticket = await house.desk.find_ticket(committed)
    assert ticket is not None
    assert ticket.contact_id is None


async def test_a_hostile_name_goes_through_as_text_and_changes_nothing(house: House) -> None:
    number = house.new_number()
    async with house.agent() as agent, house.caller(number, HOSTILE) as call:
        await house.walk(call)
        pop, committed = await pop_and_ticket(agent, number, note=HOSTILE)
    for part in ("<img src=x onerror=alert(1)>", "${SHELL(id)} $[1+1] Zoë 電話"):
        assert part in pop["caller_name"], "it was read as something else than text"
    assert (pop["number"], pop["called_number"]) == (number, "100")
    interaction = await house.interaction(number)
    assert "<img src=x onerror=alert(1)>" in (interaction.caller_name or "")
    (message,) = await house.desk.messages(ticketing.TicketNumber(committed))
    assert "${SHELL(id)} $[1+1]" in message.body
    assert (interaction.termination_result, interaction.queue) == ("answered", "support")


async def test_an_endless_name_is_cut_and_harms_nobody(house: House) -> None:
    number = house.new_number()
    async with house.agent() as agent, house.caller(number, ENDLESS) as call:
        await house.walk(call)
        pop, _ = await pop_and_ticket(agent, number)
    assert pop["caller_name"].startswith("xééé")
    assert (await house.interaction(number)).termination_result == "answered"
