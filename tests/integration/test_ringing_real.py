"""What may happen while a phone rings, and how calls end: on a real Asterisk, with real phones."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import pytest
import pytest_asyncio

from acd.phone import EndedBy
from tests.integration.asterisk_fixture import RunningAsterisk
from tests.integration.hearing import HIGH, LOW, hears, hears_tone
from tests.integration.house import MAIN, WELCOME, House, Seat, open_house
from tests.integration.screen import Screen
from tests.integration.waiting import PATIENCE, until
from ticketing import api as ticketing

pytestmark = pytest.mark.asyncio(loop_scope="module")

ORDERS = {"orders": 1}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(asterisk: RunningAsterisk, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with open_house(asterisk, tmp_path_factory.mktemp("house")) as house, house.service():
        yield house


@pytest_asyncio.fixture(loop_scope="module")
async def house(served: House) -> AsyncIterator[House]:
    yield served
    await served.is_quiet()


@pytest_asyncio.fixture(loop_scope="module")
async def supervisor(house: House) -> AsyncIterator[Screen]:
    async with house.supervisor() as screen:
        yield screen


async def difference(house: House, supervisor: Screen, before: dict[str, Any]) -> dict[str, int]:
    """What was counted in the queue since."""
    now = await house.queue(supervisor, before["name"])
    counts = ("offered", "answered", "abandoned", "short_abandoned", "no_answers")
    return {name: now[name] - before[name] for name in counts if now[name] != before[name]}


async def end_well(agent: Seat, number: str) -> None:
    """Take that caller's call and hang up."""
    ring = await agent.takes(number)
    await ring.call.hang_up()
    await agent.wraps_up(code="solved")


async def test_no_answer_makes_the_agent_not_ready_and_the_caller_keeps_the_place(
    house: House, supervisor: Screen
) -> None:
    before = await house.queue(supervisor, "orders")
    first, second = house.new_number(), house.new_number()
    async with (
        house.agent("Alice Martin", skills=ORDERS) as alice,
        house.agent("Bruno Keller", skills=ORDERS, is_ready=False) as bruno,
        house.caller(first) as first_call,
        house.caller(second) as second_call,
    ):
        await house.walk(first_call, choice="2")
        ring = await alice.rings(first)
        await house.queue_up(second, second_call, supervisor, choice="2")
        end = await ring.call.ended(PATIENCE)  # nobody answers
        assert (end.by, end.status) == (EndedBy.REMOTE, 487)
        await alice.screen.becomes("not_ready", "rona")
        ended = await alice.screen.frame("offer_ended")
        assert ended.data["why"] == "timed_out"
        back = await house.call_that(supervisor, first, "waiting")
        assert back["queued_at"] == ring.data["queued_at"]
        await house.music.heard(first_call)

        await bruno.goes_ready()
        await end_well(bruno, first)
        await end_well(bruno, second)
        offers = [frame.data for frame in bruno.screen.of("offer")]
        assert [offer["number"] for offer in offers] == [first, second]
        assert (offers[0]["queued_at"], offers[0]["attempt"]) == (ring.data["queued_at"], 2)
        assert datetime.fromisoformat(offers[0]["queued_at"]) < datetime.fromisoformat(offers[1]["queued_at"])
        assert len(alice.screen.of("offer")) == 1
    assert await difference(house, supervisor, before) == {"offered": 2, "answered": 2, "no_answers": 1}


async def test_a_phone_that_is_not_registered_is_offered_nothing(house: House) -> None:
    number = house.new_number()
    async with house.agent(has_phone=False) as alice, house.agent("Bruno Keller") as bruno:
        async with house.caller(number) as call:
            await house.walk(call)
            await alice.screen.becomes("not_ready", "phone_unregistered")
            await end_well(bruno, number)
        assert bruno.screen.of("offer")[0].data["attempt"] == 1
        assert not alice.screen.of("offer")


async def test_a_busy_phone_passes_the_call_on(house: House) -> None:
    number = house.new_number()
    async with house.agent() as alice, house.agent("Bruno Keller") as bruno, house.caller(number) as call:
        await house.walk(call)
        (await alice.phone.incoming(PATIENCE)).reject(486)
        await alice.screen.becomes("not_ready", "phone_busy")
        await end_well(bruno, number)


async def test_a_call_rejected_on_the_screen_stops_ringing_and_goes_on(house: House) -> None:
    number = house.new_number()
    async with house.agent() as alice, house.agent("Bruno Keller") as bruno, house.caller(number) as call:
        await house.walk(call)
        ring = await alice.rings(number)
        await alice.screen.order("reject")
        end = await ring.call.ended(PATIENCE)
        assert (end.by, end.status) == (EndedBy.REMOTE, 487), "the phone was not sent CANCEL"
        await alice.screen.becomes("not_ready", "rejected")
        await end_well(bruno, number)
        assert bruno.screen.of("offer")[0].data["queued_at"] == ring.data["queued_at"]
        assert call.end is not None
        assert call.end.by is EndedBy.REMOTE  # the agent's hang-up, nothing before


async def test_a_caller_who_hangs_up_while_it_rings_leaves_the_agent_ready(house: House, supervisor: Screen) -> None:
    before = await house.queue(supervisor)
    number, later = house.new_number(), house.new_number()
    async with house.agent() as alice:
        async with house.caller(number) as call:
            await house.walk(call)
            ring = await alice.rings(number)
            await call.hang_up()
            end = await ring.call.ended(PATIENCE)
            assert (end.by, end.status) == (EndedBy.REMOTE, 487)
            await alice.screen.becomes("ready")
            ended = await alice.screen.frame("offer_ended")
            assert ended.data["why"] == "canceled"
        interaction = await house.interaction(number)
        assert interaction.termination_result in {"short_abandoned", "abandoned"}
        assert interaction.ticket_number is None
        async with house.caller(later) as call:  # and the next call comes
            await house.walk(call)
            await end_well(alice, later)
    counted = await difference(house, supervisor, before)
    assert (counted["offered"], counted["answered"]) == (2, 1)
    assert counted.get("abandoned", 0) + counted.get("short_abandoned", 0) == 1


async def test_a_caller_who_leaves_in_the_menu_was_never_offered(house: House, supervisor: Screen) -> None:
    before = await house.queue(supervisor)
    number = house.new_number()
    async with house.caller(number) as call:
        at = await hears(call, house.sound(WELCOME), "the welcome")
        await call.send_digits("1")
        await hears(call, house.sound(MAIN), "the main menu", at)
        await call.hang_up()
    interaction = await house.interaction(number)
    assert (interaction.termination_result, interaction.queue) == ("left_ivr", None)
    assert interaction.ivr_path[0] == "welcome:1"
    assert await difference(house, supervisor, before) == {}


@pytest.mark.parametrize("result", ["abandoned", "short_abandoned"])
async def test_a_caller_who_leaves_the_queue_is_counted(house: House, supervisor: Screen, result: str) -> None:
    before = await house.queue(supervisor)
    number = house.new_number()
    async with house.caller(number) as call:
        await house.queue_up(number, call, supervisor)
        if result == "abandoned":

            async def is_past_the_limit() -> bool:  # 1 s here
                wait = (await house.queue(supervisor))["longest_wait_seconds"]
                return wait is not None and wait > 1

            await until(is_past_the_limit, "the caller has waited for a second")
        await call.hang_up()
    interaction = await house.interaction(number)
    assert interaction.ticket_number is None
    assert interaction.termination_reason == "caller_hung_up"
    assert interaction.termination_result == result
    assert await difference(house, supervisor, before) == {"offered": 1, result: 1}


@pytest.mark.parametrize("who", ["agent", "caller"])
async def test_whoever_hangs_up_first_the_other_hears_of_it_and_the_ticket_is_made(
    house: House, supervisor: Screen, who: str
) -> None:
    before = await house.queue(supervisor)
    number = house.new_number()
    async with house.agent() as alice, house.caller(number) as call:
        await house.walk(call)
        ring = await alice.takes(number)
        await asyncio.gather(hears_tone(call, LOW), hears_tone(ring.call, HIGH))
        first, other = (ring.call, call) if who == "agent" else (call, ring.call)
        await first.hang_up()
        end = await other.ended(PATIENCE)
        assert (end.by, end.status) == (EndedBy.REMOTE, 200)
        committed = await alice.wraps_up(note=f"{who} hung up")
    interaction = await house.interaction(number)
    assert interaction.termination_reason == f"{who}_hung_up"
    assert interaction.termination_result == "answered"
    assert interaction.ticket_number == committed.data["number"]
    assert interaction.talk_ended_at is not None
    assert await difference(house, supervisor, before) == {"offered": 1, "answered": 1}


async def test_an_agent_who_does_nothing_leaves_a_ticket_to_qualify(house: House) -> None:
    number = house.new_number()
    async with house.agent(skills=ORDERS) as alice, house.caller(number) as call:
        await house.walk(call, choice="2")
        ring = await alice.takes(number)
        await ring.call.hang_up()
        committed = await alice.screen.frame("ticket")  # when the wrap-up has run out
        await alice.screen.becomes("ready")
    assert committed.data["to_qualify"] is True
    ticket = await house.desk.find_ticket(committed.data["number"])
    assert ticket is not None
    assert (ticket.to_qualify, ticket.status) == (True, ticketing.TicketStatus.OPEN)
