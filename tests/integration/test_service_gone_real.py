"""The service dies, is stopped, or loses its link to Asterisk, with callers in every stage: none of them is dropped,
talk goes on, and whoever waits keeps the place."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from acd.phone import OutgoingCall
from tests.integration.asterisk_fixture import RunningAsterisk
from tests.integration.hearing import HIGH, LOW, heard_so_far, hears, hears_tone
from tests.integration.house import MAIN, PASSWORD, WELCOME, House, Ring, Seat, open_house
from tests.integration.screen import Screen
from tests.integration.waiting import until
from ticketing import api as ticketing

pytestmark = pytest.mark.asyncio(loop_scope="module")

SAME_INSTANT = timedelta(milliseconds=1)  # the channel carries microseconds as text


@pytest_asyncio.fixture(loop_scope="module")
async def house(asterisk: RunningAsterisk, tmp_path: Path) -> AsyncIterator[House]:
    """Without a service yet."""
    async with open_house(asterisk, tmp_path) as opened:
        yield opened
        await opened.is_quiet()


class People:
    """One caller in the menu, two who wait, one who talks; what the supervisor saw of them."""

    def __init__(self, house: House, stack: AsyncExitStack) -> None:
        self.house = house
        self._stack = stack
        self.in_menu, self.first, self.second, self.talking = (house.new_number() for _ in range(4))
        self.calls: dict[str, OutgoingCall] = {}
        self.queued_at: dict[str, datetime] = {}

    async def come(self, agent: Seat, supervisor: Screen) -> Ring:
        """Everybody to their places; the talk that is under way then."""
        house = self.house
        for number in (self.talking, self.first, self.second, self.in_menu):
            self.calls[number] = await self._stack.enter_async_context(house.caller(number))
        await house.walk(self.calls[self.talking])
        ring = await agent.takes(self.talking)
        for number in (self.first, self.second):
            await house.queue_up(number, self.calls[number], supervisor)
        await hears(self.calls[self.in_menu], house.sound(WELCOME), "the welcome")
        await self.calls[self.in_menu].send_digits("2")
        await hears(self.calls[self.in_menu], house.sound(MAIN, "en"), "the main menu")
        self.queued_at = await self.waiting(supervisor)
        assert list(self.queued_at) == [self.first, self.second]
        return ring

    async def waiting(self, supervisor: Screen) -> dict[str, datetime]:
        """The waiting callers of support in order of age, and since when they wait."""
        calls = [call for call in await self.house.calls(supervisor) if call["stage"] == "waiting"]
        ages = {call["number"]: datetime.fromisoformat(call["queued_at"]) for call in calls}
        return dict(sorted(ages.items(), key=lambda item: item[1]))

    async def all_hear_music_or_each_other(self, ring: Ring) -> None:
        async with asyncio.TaskGroup() as group:
            for number in (self.first, self.second, self.in_menu):
                group.create_task(self.house.music.heard(self.calls[number]))
            group.create_task(hears_tone(self.calls[self.talking], LOW))
            group.create_task(hears_tone(ring.call, HIGH))
        assert all(call.end is None for call in self.calls.values())


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "stopped"])
async def test_a_service_that_goes_and_comes_back_loses_nobody(house: House, number: signal.Signals) -> None:
    async with AsyncExitStack() as stack:
        people = People(house, stack)
        async with house.service() as process:
            alice = await stack.enter_async_context(house.agent("Alice Martin"))
            async with house.supervisor() as supervisor:
                ring = await people.come(alice, supervisor)
                os.kill(process, number)
                await until(lambda: alice.screen.is_lost and supervisor.is_lost, "the service is gone")
            await people.all_hear_music_or_each_other(ring)
        async with (
            house.service(),
            house.supervisor() as supervisor,
            house.agent("Bruno Keller", is_ready=False) as bruno,
        ):
            await _places_are_kept(people, supervisor)
            await _menu_goes_on(people, supervisor)
            await asyncio.gather(hears_tone(people.calls[people.talking], LOW), hears_tone(ring.call, HIGH))
            await bruno.goes_ready()
            for waiting in (people.first, people.second):
                taken = await bruno.takes(waiting)
                await asyncio.gather(hears_tone(people.calls[waiting], LOW), hears_tone(taken.call, HIGH))
                await taken.call.hang_up()
                await bruno.wraps_up(code="solved")
                interaction = await house.interaction(waiting)
                assert interaction.queued_at is not None
                assert abs(interaction.queued_at - people.queued_at[waiting]) < SAME_INSTANT
                assert interaction.ticket_number is not None
            assert [frame.data["number"] for frame in bruno.screen.of("offer")] == [people.first, people.second]


async def _places_are_kept(people: People, supervisor: Screen) -> None:
    async def both_are_back() -> bool:
        return len(await people.waiting(supervisor)) == 2

    await until(both_are_back, "the waiting callers are taken up again")
    now = await people.waiting(supervisor)
    assert list(now) == [people.first, people.second]
    for number, queued_at in now.items():
        assert abs(queued_at - people.queued_at[number]) < SAME_INSTANT


async def _menu_goes_on(people: People, supervisor: Screen) -> None:
    """At the node where the caller was, in the language chosen there; not from the start."""
    house, call = people.house, people.calls[people.in_menu]
    mark = call.recording.rfind(b"")  # noqa: F841
    await hears(call, house.sound(MAIN, "en"), "the main menu again", people_mark(call))
    await call.send_digits("2")
    found = await house.call_that(supervisor, people.in_menu, "waiting")
    assert found["queue"] == "orders"
