"""The service dies, is stopped, or loses its link to Asterisk, with callers in every stage: none of them is dropped,
talk goes on, and whoever waits keeps the place."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from acd.phone import OutgoingCall
from tests.integration.asterisk_fixture import RunningAsterisk
from tests.integration.hearing import (
    HIGH,
    LOW,
    SAME,
    heard_so_far,
    hears,
    hears_tone,
    match,
    opening,
    since,
)
from tests.integration.house import MAIN, SHORT_OFFER_SECONDS, WELCOME, House, Ring, Seat, open_house
from tests.integration.relay import Relay
from tests.integration.screen import Screen
from tests.integration.waiting import PATIENCE, until

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

    async def places_are_kept(self, supervisor: Screen) -> None:
        async def both_are_back() -> bool:
            return len(await self.waiting(supervisor)) == 2

        await until(both_are_back, "the waiting callers are taken up again")
        now = await self.waiting(supervisor)
        assert list(now) == [self.first, self.second]
        for number, queued_at in now.items():
            assert abs(queued_at - self.queued_at[number]) < SAME_INSTANT

    async def menu_goes_on(self, supervisor: Screen, left_at: float) -> None:
        """At the node where the caller was, in the language chosen there; not from the start."""
        call = self.calls[self.in_menu]
        await hears(call, self.house.sound(MAIN, "en"), "the main menu again", left_at)
        assert match(since(call, left_at), opening(self.house.sound(WELCOME)))[0] < SAME
        await call.send_digits("2")
        found = await self.house.call_that(supervisor, self.in_menu, "waiting")
        assert found["queue"] == "orders"
        interaction = await self.house.interaction(self.in_menu, lambda item: item.queue == "orders")
        assert (interaction.language, interaction.ivr_path[:4:3]) == ("en", ("welcome:2", "main:2"))


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
        left_at = heard_so_far(people.calls[people.in_menu])
        async with (
            house.service(),
            house.supervisor() as supervisor,
            house.agent("Bruno Keller", is_ready=False) as bruno,
        ):
            await people.places_are_kept(supervisor)
            await people.menu_goes_on(supervisor, left_at)
            await asyncio.gather(hears_tone(people.calls[people.talking], LOW), hears_tone(ring.call, HIGH))
            await bruno.goes_ready()
            for waiting in (people.first, people.second):
                await _is_served(people, bruno, waiting)
            assert [frame.data["number"] for frame in bruno.screen.of("offer")] == [people.first, people.second]


async def _is_served(people: People, agent: Seat, number: str) -> None:
    ring = await agent.takes(number)
    await asyncio.gather(hears_tone(people.calls[number], LOW), hears_tone(ring.call, HIGH))
    await ring.call.hang_up()
    committed = await agent.wraps_up(code="solved")
    interaction = await people.house.interaction(number)
    assert interaction.queued_at is not None
    assert abs(interaction.queued_at - people.queued_at[number]) < SAME_INSTANT
    assert interaction.ticket_number == committed.data["number"]


@pytest.mark.parametrize("who", ["agent", "caller"])
async def test_a_talk_that_outlives_the_service_ends_on_a_ticket(house: House, who: str) -> None:
    """The new service finds it in Asterisk and in the database. The agent's session lives on, so does the wrap-up."""
    number = house.new_number()
    async with AsyncExitStack() as stack:
        async with house.service() as process:
            alice = await stack.enter_async_context(house.agent("Alice Martin", skills={"orders": 1}))
            call = await stack.enter_async_context(house.caller(number))
            await house.walk(call, choice="2")
            ring = await alice.takes(number)
            answered = await house.interaction(number, lambda item: item.answered_at is not None)
            os.kill(process, signal.SIGKILL)
            await until(lambda: alice.screen.is_lost, "the service is gone")
        async with house.service():
            await asyncio.gather(hears_tone(call, LOW), hears_tone(ring.call, HIGH))
            async with house.screen(alice.user.login) as screen:
                await screen.becomes("talking")
                await _hangs_up(who, call, ring)
                await screen.becomes("wrap_up")
                if who == "agent":
                    await screen.order("wrap-up", note="Found again.")
                committed = await screen.frame("ticket")  # of itself when the time for the wrap-up is over
                await screen.becomes("ready")
            over = await house.interaction(number)
            assert (over.termination_result, over.termination_reason) == ("answered", f"{who}_hung_up")
            assert (over.answered_at, over.queued_at) == (answered.answered_at, answered.queued_at)
            assert (over.agent_id, over.ivr_path) == (alice.agent_id, answered.ivr_path)
            assert committed.data == {
                "call_id": f"call_{over.linkedid}",
                "number": over.ticket_number,
                "to_qualify": who == "caller",
            }


async def _hangs_up(who: str, call: OutgoingCall, ring: Ring) -> None:
    first, other = (ring.call, call) if who == "agent" else (call, ring.call)
    await first.hang_up()
    await other.ended(PATIENCE)


async def test_a_session_that_outlives_the_service_keeps_the_agent_at_work(house: House) -> None:
    """No new log-in: the page comes back by itself, during the talk, and the agent stays after it."""
    number = house.new_number()
    async with AsyncExitStack() as stack:
        async with house.service() as process:
            alice = await stack.enter_async_context(house.agent("Alice Martin"))
            call = await stack.enter_async_context(house.caller(number))
            await house.walk(call)
            ring = await alice.takes(number)
            os.kill(process, signal.SIGKILL)
            await until(lambda: alice.screen.is_lost, "the service is gone")
        async with house.service():

            async def is_known_as_talking() -> bool:
                return bool((await alice.screen.get("/api/v1/agents/me"))["state"] == "talking")

            await until(is_known_as_talking, "the agent is known as talking")
            await ring.call.hang_up()

            async def is_over() -> bool:
                return bool((await alice.screen.get("/api/v1/agents/me"))["state"] == "wrap_up")

            await until(is_over, "the talk is over")
            assert (await alice.screen.order("wrap-up", note="Done."))["state"] == "ready"
            await call.ended(PATIENCE)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "stopped"])
async def test_agents_words_rings_and_figures_outlive_the_service(house: House, number: signal.Signals) -> None:
    """One agent in wrap-up with a note half written, one at lunch, one whose phone rings while the service dies."""
    first, second = house.new_number(), house.new_number()
    async with AsyncExitStack() as stack:
        async with house.service() as process, house.supervisor() as supervisor:
            alice = await stack.enter_async_context(house.agent("Alice Martin"))
            bruno = await stack.enter_async_context(house.agent("Bruno Keller"))
            await bruno.screen.order("not-ready", reason="lunch")
            call = await stack.enter_async_context(house.caller(first))
            await house.walk(call)
            talk = await alice.takes(first)
            await talk.call.hang_up()
            await alice.screen.becomes("wrap_up")
            before = alice.screen.agent
            draft = {"call_id": before["call_id"], "note": "The drum is worn.", "code": "solved"}
            assert await alice.screen.put("/api/v1/agents/me/draft", draft) == 204
            chloe = await stack.enter_async_context(house.agent("Chloé Diallo"))
            waiting = await stack.enter_async_context(house.caller(second))
            await house.walk(waiting)
            ring = await chloe.rings(second)
            await chloe.screen.frame("agent", lambda data: data["state"] == "reserved")
            figures = await house.queue(supervisor)
            os.kill(process, number)
            await until(lambda: chloe.screen.is_lost and alice.screen.is_lost, "the service is gone")
        async with house.service(), house.supervisor() as supervisor:
            states = {agent["login"]: agent for agent in await supervisor.get("/api/v1/agents")}
            assert states[bruno.user.login]["state"] == "not_ready"
            assert (states[bruno.user.login]["reason"], states[bruno.user.login]["since"]) == (
                "lunch",
                bruno.screen.agent["since"],
            )
            assert states[chloe.user.login]["state"] == "reserved"
            after = await house.queue(supervisor)
            assert [after[name] for name in ("offered", "answered")] == [figures["offered"], figures["answered"]]
            async with house.screen(alice.user.login) as screen:
                snapshot = await screen.frame("snapshot")
                assert snapshot.data["agent"]["state"] == "wrap_up"
                assert snapshot.data["agent"]["wrap_up_until"] == before["wrap_up_until"]
                assert snapshot.data["draft"]["note"] == "The drum is worn."
                await screen.order("wrap-up", note="The drum is worn. Ordered.", code="solved")
                told = await screen.frame("ticket", lambda data: data["call_id"] == before["call_id"])
            ring.call.answer()  # it has rung all the while
            async with house.screen(chloe.user.login) as screen:
                await screen.becomes("talking")
                await asyncio.gather(hears_tone(waiting, LOW), hears_tone(ring.call, HIGH))
                await ring.call.hang_up()
                await screen.becomes("wrap_up")
                await screen.order("wrap-up", note="Done.", code="solved")
                await screen.frame("ticket")
                await screen.becomes("ready")
            assert alice.screen.agent["state"] == "wrap_up", "her old screen is gone, and only that"
            for caller, agent in ((first, alice), (second, chloe)):
                over = await house.interaction(caller)
                assert (over.agent_id, over.termination_result) == (agent.agent_id, "answered")
                assert over.ticket_number is not None
            assert (await house.interaction(first)).ticket_number == told.data["number"]
            assert (await house.interaction(first)).note == "The drum is worn. Ordered."


@pytest_asyncio.fixture(loop_scope="module")
async def relay(asterisk: RunningAsterisk) -> AsyncIterator[Relay]:
    async with Relay(asterisk.ami_port) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="module")
async def detoured(asterisk: RunningAsterisk, tmp_path: Path, relay: Relay) -> AsyncIterator[House]:
    """A house whose AMI goes through the relay."""
    async with open_house(asterisk, tmp_path, ami_port=relay.port) as opened, opened.service():
        yield opened
        await opened.is_quiet()


async def is_ready(house: House) -> bool:
    async with aiohttp.ClientSession(house.url) as http, http.get("/readyz") as response:
        return response.status == 200


async def is_not_ready(house: House) -> bool:
    return not await is_ready(house)


async def test_calls_that_wait_while_ami_is_away_are_routed_afterwards(detoured: House, relay: Relay) -> None:
    house, number = detoured, detoured.new_number()
    async with house.supervisor() as supervisor, house.agent(is_ready=False) as alice, house.caller(number) as call:
        waiting = await house.queue_up(number, call, supervisor)
        await relay.cut()
        await until(lambda: is_not_ready(house), "the service says that it lacks Asterisk")
        await house.music.heard(call)
        await relay.restore()
        await until(lambda: is_ready(house), "the link is back")
        assert (await house.call_that(supervisor, number, "waiting"))["queued_at"] == waiting["queued_at"]
        await alice.goes_ready()
        ring = await alice.takes(number)
        await asyncio.gather(hears_tone(call, LOW), hears_tone(ring.call, HIGH))
        await ring.call.hang_up()
        committed = await alice.wraps_up(code="solved")
        assert (await house.interaction(number)).ticket_number == committed.data["number"]


async def test_a_call_answered_while_ami_is_away_is_known_as_talking_afterwards(detoured: House, relay: Relay) -> None:
    """Ringing needs no AMI; the answer is told by it. Missed, it must not cost the talk, nor the agent's state."""
    house, number = detoured, detoured.new_number()
    async with house.agent(skills={"orders": 1}) as alice, house.caller(number) as call:
        await house.walk(call, choice="2")
        ring = await alice.rings(number)
        await relay.cut()
        ring.call.answer()
        await asyncio.gather(hears_tone(call, LOW), hears_tone(ring.call, HIGH))
        await relay.restore()
        await alice.screen.becomes("talking")
        await hears_tone(call, LOW, fresh_seconds=SHORT_OFFER_SECONDS + 4)  # past the engine's own limit for a ring
        await ring.call.hang_up()
        committed = await alice.wraps_up(code="solved")
        interaction = await house.interaction(number)
        assert interaction.ticket_number == committed.data["number"]
        assert interaction.termination_result == "answered"
