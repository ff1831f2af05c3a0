"""The same call with the journal on Redis, and with the database on PostgreSQL, by settings alone."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from acd.adapters.bus.journal import RedisJournal
from acd.domain import events as ev
from tests.integration.asterisk_fixture import RunningAsterisk
from tests.integration.hearing import HIGH, LOW, hears_tone
from tests.integration.house import House, open_house
from tests.servers import postgres_database, postgres_server, redis_server


@pytest.fixture(scope="module")
def redis_url() -> Iterator[str]:
    with redis_server() as url:
        yield url


@pytest.fixture(scope="module")
def postgres_url() -> Iterator[str]:
    with postgres_server() as url:
        yield url


async def one_call(house: House) -> tuple[str, str]:
    """A caller is served; the number and the ticket's."""
    number = house.new_number()
    await house.contact("Léa Fontaine", number)
    async with house.agent() as alice, house.caller(number, "Léa") as call:
        await house.walk(call)
        ring = await alice.takes(number)
        assert [contact["name"] for contact in ring.data["contacts"]] == ["Léa Fontaine"]
        await asyncio.gather(hears_tone(call, LOW), hears_tone(ring.call, HIGH))
        await ring.call.hang_up()
        committed = await alice.wraps_up(code="solved", note="Done.", title="VPN drops at noon")
    await house.is_quiet()
    return number, committed.data["number"]


async def test_every_event_of_a_call_is_on_the_redis_stream(
    asterisk: RunningAsterisk, tmp_path: Path, redis_url: str
) -> None:
    overrides = {"journal": {"redis_url": redis_url}}
    async with open_house(asterisk, tmp_path, overrides) as house, house.service():
        _, ticket = await one_call(house)
    redis = Redis.from_url(redis_url)
    try:
        events = [event for _, event in await RedisJournal(redis).read()]
    finally:
        await redis.aclose()
    told = [type(event) for event in events if getattr(event, "call_id", None)]
    path = [kind for kind in dict.fromkeys(told) if kind is not ev.IvrPathRecorded]
    assert path == [
        ev.CallStarted,
        ev.CallerIdentified,
        ev.CallQueued,
        ev.CallReserved,
        ev.AgentRang,
        ev.ReservationAccepted,
        ev.TalkEnded,
        ev.WrapUpStarted,
        ev.CallEnded,
        ev.WrapUpEnded,
        ev.TicketCommitted,
    ]
    assert [event.ticket_number for event in events if isinstance(event, ev.TicketCommitted)] == [ticket]
    instants = [event.at for event in events]
    assert instants == sorted(instants)


async def test_a_call_with_its_ticket_is_kept_in_postgresql(
    asterisk: RunningAsterisk, tmp_path: Path, postgres_url: str
) -> None:
    async with (
        postgres_database(postgres_url) as url,
        open_house(asterisk, tmp_path, {"database": {"url": url}}) as house,
        house.service(),
    ):
        number, ticket_number = await one_call(house)
        interaction = await house.interaction(number)
        assert interaction.ticket_number == ticket_number
        assert (interaction.termination_result, interaction.caller_name) == ("answered", "Léa")
        ticket = await house.desk.find_ticket(ticket_number)
        assert ticket is not None
        assert (ticket.title, ticket.contact_name) == ("VPN drops at noon", "Léa Fontaine")
