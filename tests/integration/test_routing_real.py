"""Routing on a real Asterisk: two queues, three skills; each decision is seen by the phone that rings."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from acd.phone import EndedBy
from tests.integration.asterisk_fixture import RunningAsterisk
from tests.integration.house import QUEUES, House, Seat, open_house
from tests.integration.screen import Screen
from tests.integration.waiting import PATIENCE

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROUTED = {
    "support": QUEUES["support"]
    | {
        "skills": {"support": 5},
        "offer_time_seconds": 2,
        "steps": [{"after_seconds": 1, "groups": ["second_line"]}, {"after_seconds": 5, "queue": "orders"}],
    },
    "orders": QUEUES["orders"]
    | {
        "preferred": [{"by": "last_agent", "for_seconds": 5}],
        "overflow": [{"when": "too_many_waiting", "limit": 1, "announcement": {"fr": "Rappelez."}}],
    },
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(asterisk: RunningAsterisk, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    folder = tmp_path_factory.mktemp("routed")
    site = {"queues": ROUTED, "routing": {"priorities": [{"name": "VIP", "vip": True, "priority": 1}]}}
    async with open_house(asterisk, folder, site) as house, house.service():
        yield house


@pytest_asyncio.fixture(loop_scope="module")
async def house(served: House) -> AsyncIterator[House]:
    yield served
    await served.is_quiet()


@pytest_asyncio.fixture(loop_scope="module")
async def supervisor(house: House) -> AsyncIterator[Screen]:
    async with house.supervisor() as screen:
        yield screen


async def serve(agent: Seat, number: str) -> list[str]:
    """Take that caller's call and hang up; the reasons on the screen-pop."""
    ring = await agent.takes(number)
    await ring.call.hang_up()
    await agent.wraps_up(code="solved")
    return list(ring.data["reasons"])


async def test_a_step_expires_and_the_second_line_rings(house: House) -> None:
    number = house.new_number()
    async with (
        house.agent("Expert", skills={"support": 9}, is_ready=False),
        house.agent("Novice", skills={"support": 1}),
        house.agent("Helper", skills={"second_line": 1}) as helper,
        house.caller(number) as call,
    ):
        await house.walk(call)
        assert "after routing step 1" in await serve(helper, number)


async def test_no_answer_then_the_call_overflows_to_the_other_queue(house: House) -> None:
    number = house.new_number()
    async with (
        house.agent("Helper", skills={"second_line": 1}) as helper,
        house.agent("Seller", skills={"orders": 1}) as seller,
        house.caller(number) as call,
    ):
        await house.walk(call)
        ring = await helper.rings(number)
        end = await ring.call.ended(PATIENCE)
        assert (end.by, end.status) == (EndedBy.REMOTE, 487)
        await helper.screen.becomes("not_ready", "rona")
        await serve(seller, number)
        assert (await house.interaction(number)).queue == "orders"


async def test_the_agent_who_spoke_to_the_caller_last_rings_first(house: House) -> None:
    number = house.new_number()
    await house.contact("Claire Moreau", number)
    async with house.agent("Bruno Keller", skills={"orders": 1}) as bruno:
        async with house.caller(number) as call:
            await house.walk(call, choice="2")
            await serve(bruno, number)
        async with (
            house.agent("Alice Martin", skills={"orders": 9}),
            house.caller(number) as again,
        ):
            await house.walk(again, choice="2")
            await serve(bruno, number)
            latest = bruno.screen.of("offer")[-1]
            assert latest.data["reasons"][0] == "spoke to this caller last"


async def test_a_full_queue_tells_the_next_caller_and_lets_go(house: House, supervisor: Screen) -> None:
    first, second = house.new_number(), house.new_number()
    async with (
        house.agent("Alice Martin", skills={"orders": 1}, is_ready=False) as alice,
        house.caller(first) as first_call,
        house.caller(second) as second_call,
    ):
        await house.queue_up(first, first_call, supervisor, choice="2")
        await house.walk(second_call, choice="2")
        end = await second_call.ended(PATIENCE)
        assert end.by is EndedBy.REMOTE
        turned_away = await house.interaction(second)
        assert (turned_away.termination_result, turned_away.queue) == ("turned_away", None)
        await alice.goes_ready()
        await serve(alice, first)


async def test_a_vip_goes_before_who_waits_longer_and_is_told_why(house: House, supervisor: Screen) -> None:
    ordinary, vip = house.new_number(), house.new_number()
    await house.contact("Inès Colin", vip, vip=True)
    async with (
        house.agent("Alice Martin", skills={"support": 9}, is_ready=False) as alice,
        house.caller(ordinary) as ordinary_call,
        house.caller(vip) as vip_call,
    ):
        await house.queue_up(ordinary, ordinary_call, supervisor)
        waiting = await house.queue_up(vip, vip_call, supervisor)
        assert (waiting["priority"], waiting["priority_reason"]) == (1, "VIP")
        await alice.goes_ready()
        assert any("priority 1 (VIP)" in reason for reason in await serve(alice, vip))
        await serve(alice, ordinary)


async def test_a_skill_given_while_a_call_waits_rings_at_once_and_the_call_keeps_its_age(
    house: House, supervisor: Screen
) -> None:
    number = house.new_number()
    async with house.agent("Novice", skills={"support": 1}) as novice, house.caller(number) as call:
        waiting = await house.queue_up(number, call, supervisor, choice="2")
        body = {"skills": {"support": 1, "orders": 1}, "why": "trained"}
        assert (await supervisor.post(f"/api/v1/agents/{novice.agent_id}/skills", body)).status == 200
        await serve(novice, number)
        queued_at = (await house.interaction(number)).queued_at
        assert queued_at is not None
        assert queued_at.isoformat().replace("+00:00", "Z") == waiting["queued_at"]
