"""No service for a while: Asterisk's own queue serves with the agents who were at work, and a service that is back
takes over who still waits, knows who talks, and accounts for those who were served without it."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from acd.adapters.asterisk.install import Installation
from acd.phone import IncomingCall
from tests.integration.asterisk_fixture import RunningAsterisk, new_asterisk, run_aside
from tests.integration.hearing import HIGH, LOW, hears_tone
from tests.integration.house import QUEUES, House, Seat, open_house
from tests.integration.waiting import PATIENCE, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

QUICK = {"queues": QUEUES | {"support": {"wrap_up_time_seconds": 1, "short_abandon_seconds": 1}}}


@pytest.fixture(scope="module")
def patient_asterisk(
    asterisk_installation: Installation, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningAsterisk]:
    """One that gives callers to its own queues after two seconds without a service."""
    fallback = {"fallback": {"without_service_seconds": 2, "queue": "support"}}
    running = new_asterisk(tmp_path_factory.mktemp("fallback"), asterisk_installation, fallback, sections=QUICK)
    try:
        run_aside(running.instance.up())
        yield running
    finally:
        run_aside(running.instance.down())


async def members(asterisk: RunningAsterisk, queue: str) -> set[str]:
    """Extensions in Asterisk's queue."""
    lines = (await asterisk.cli(f"queue show guichet-{queue}")).splitlines()
    return {line.partition("PJSIP/agent-")[2][:4] for line in lines if "PJSIP/agent-" in line}


async def until_members(asterisk: RunningAsterisk, queue: str, *seats: Seat) -> None:
    wanted = {seat.user.extension for seat in seats}

    async def is_so() -> bool:
        return await members(asterisk, queue) == wanted

    await until(is_so, f"the members of {queue} are {wanted}", every=0.1)


async def until_queued(asterisk: RunningAsterisk, count: int) -> None:
    async def is_so() -> bool:
        return f"has {count} calls" in await asterisk.cli("queue show guichet-support")

    await until(is_so, f"{count} callers are in Asterisk's queue", every=0.1)


async def rung(seat: Seat) -> IncomingCall:
    """The phone rings without a screen-pop, and is answered."""
    call = await seat.phone.incoming(PATIENCE)
    call.ring()
    call.answer()
    await call.wait_for(lambda: call.confirmed_at is not None, PATIENCE, "ACK")
    return call


async def test_callers_are_served_without_a_service_and_taken_over_by_the_next(
    patient_asterisk: RunningAsterisk, tmp_path: Path
) -> None:
    asterisk = patient_asterisk
    async with open_house(asterisk, tmp_path, QUICK) as house, AsyncExitStack() as stack:
        talked, waited, came, last = (house.new_number() for _ in range(4))
        async with house.service() as process:
            alice = await stack.enter_async_context(house.agent("Alice Martin"))
            carol = await stack.enter_async_context(house.agent("Carol Weber", skills={"orders": 1}))
            async with house.supervisor() as supervisor, house.agent("Bruno Keller") as bruno:
                await until_members(asterisk, "support", alice, bruno)
                await until_members(asterisk, "orders", carol)
                await bruno.screen.order("not-ready", reason="break")
                await until_members(asterisk, "support", alice)
                first = await stack.enter_async_context(house.caller(talked))
                await house.walk(first)
                ring = await alice.takes(talked)
                second = await stack.enter_async_context(house.caller(waited))
                queued = await house.queue_up(waited, second, supervisor)
                os.kill(process, signal.SIGKILL)
                await until(lambda: supervisor.is_lost, "the service is gone")
        third = await stack.enter_async_context(house.caller(came))
        await until_queued(asterisk, 2)
        await asyncio.gather(hears_tone(first, LOW), house.music.heard(second), house.music.heard(third))
        assert list(alice.phone.calls.values()) == [ring.call], "an agent who talks was rung"
        await ring.call.hang_up()
        served = await rung(alice)  # the one who has waited longest
        await asyncio.gather(hears_tone(second, LOW), hears_tone(served, HIGH))
        await served.hang_up()
        await second.ended(PATIENCE)
        served = await rung(alice)
        await asyncio.gather(hears_tone(third, LOW), hears_tone(served, HIGH))
        fourth = await stack.enter_async_context(house.caller(last))
        await until_queued(asterisk, 1)
        async with house.service(), house.supervisor() as supervisor, house.screen(alice.user.login) as screen:
            await screen.becomes("talking")
            waiting = await house.call_that(supervisor, last, "waiting")
            assert datetime.fromisoformat(waiting["queued_at"]) < house.clock.now() - timedelta(seconds=1)
            await until_queued(asterisk, 0)
            await asyncio.gather(house.music.heard(fourth), hears_tone(third, LOW))
            assert not screen.of("offer"), "a second call was offered to an agent who talks"
            await _is_accounted_for(house, waited, alice, datetime.fromisoformat(queued["queued_at"]))
            await served.hang_up()
            await third.ended(PATIENCE)
            over = await house.interaction(came)
            assert (over.agent_id, over.termination_result) == (alice.agent_id, "answered")
            pop = await screen.frame("offer", lambda data: data["number"] == last)
            assert pop.data["queued_at"] == waiting["queued_at"]
            final = await rung(alice)
            await asyncio.gather(hears_tone(fourth, LOW), hears_tone(final, HIGH))
            await final.hang_up()
            assert (await house.interaction(last)).termination_result == "answered"
            figures = await house.queue(supervisor)
            assert (figures["answered"], figures["abandoned"]) == (4, 0)  # the journal knows the first
            assert "guichet-fallback" not in await asterisk.cli("database show guichet-fallback")
        await house.is_quiet()


async def _is_accounted_for(house: House, number: str, agent: Seat, queued_at: datetime) -> None:
    """Answered by app_queue, with what this service's forerunner knew of the caller."""
    over = await house.interaction(number)
    assert (over.agent_id, over.queue) == (agent.agent_id, "support")
    assert (over.termination_result, over.termination_reason) == ("answered", "served_elsewhere")
    assert over.queued_at is not None
    assert over.answered_at is not None
    assert over.ended_at is not None
    assert abs(over.queued_at - queued_at) < timedelta(milliseconds=1)
    assert over.queued_at < over.answered_at <= over.ended_at
    assert over.ivr_path[:4:3] == ("welcome:1", "main:1")

    async def has_ticket() -> bool:
        return (await house.interaction(number)).ticket_number is not None

    await until(has_ticket, "its ticket is there, to be qualified", every=0.1)
