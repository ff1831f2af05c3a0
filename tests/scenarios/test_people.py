"""People at work, on fakes: phones that come and go, offers accepted on the screen or answered by the phone."""

from __future__ import annotations

from typing import Any

import pytest

from acd.domain import commands as cmd
from acd.domain.agent import AgentState
from tests.scenarios.world import World, world

PEOPLE: dict[str, Any] = {
    "offer_modes": {"groups": {"at_home": "accept", "headset": "auto_answer"}},
}
WORDS = {"queues": {"support": {"whisper": {"fr": "Assistance", "en": "Support"}}}}


async def queue_up(stage: World, linkedid: str = "1.1") -> Any:
    channel = stage.caller(linkedid)
    channel.key("1")
    channel.key("1")
    await stage.settle()
    return channel


async def test_a_phone_known_to_be_away_before_its_agent_is() -> None:
    async with world() as stage:
        stage.telephony.phone("1001", is_reachable=False)
        alice = stage.agent("alice", "1001", support=1)
        assert stage.core.engine.state.agents[alice].reason == "phone_unregistered"
        channel = await queue_up(stage)
        assert channel.dialled == []
        stage.telephony.phone("1001")
        await stage.settle()
        assert channel.dialled == ["1001"]


async def test_unregistered_goes_before_do_not_disturb() -> None:
    async with world() as stage:
        alice = stage.agent("alice", "1001", support=1)
        stage.telephony.phone("1001", is_disturb_not=True)
        assert stage.core.engine.state.agents[alice].reason == "do_not_disturb"
        stage.telephony.phone("1001", is_reachable=False, is_disturb_not=True)
        assert stage.core.engine.state.agents[alice].reason == "phone_unregistered"
        stage.telephony.phone("1001")
        assert stage.state_of(alice) is AgentState.READY


async def test_the_caller_has_music_until_the_offer_is_accepted_and_answered() -> None:
    async with world(people=PEOPLE) as stage:
        alice = stage.agent("alice", "1001", support=1, at_home=1)
        channel = await queue_up(stage)
        assert (stage.state_of(alice), channel.dialled, channel.has_music) == (AgentState.RESERVED, [], True)
        stage.order(cmd.AcceptOffer(agent_id=alice))
        await stage.settle()
        assert channel.dialled == ["1001"]
        channel.phone_rings()
        channel.phone_answers()
        assert stage.state_of(alice) is AgentState.TALKING


async def test_an_offer_nobody_accepts_goes_to_the_next_agent() -> None:
    async with world(people=PEOPLE) as stage:
        alice = stage.agent("alice", "1001", support=1, at_home=1)
        bob = stage.agent("bob", "1002", support=1)
        channel = await queue_up(stage)
        await stage.pass_time(15)
        assert stage.core.engine.state.agents[alice].reason == "rona"
        assert stage.state_of(bob) is AgentState.RESERVED
        assert channel.dialled == ["1002"]


@pytest.mark.parametrize("skill", ["headset", "nothing"])
async def test_phones_that_answer_by_themselves_and_words_for_the_agent(skill: str) -> None:
    async with world(people=PEOPLE, **WORDS) as stage:
        alice = stage.agent("alice", "1001", support=1, **{skill: 1})
        channel = await queue_up(stage)
        assert channel.whispered == ["Assistance"]
        expected = AgentState.TALKING if skill == "headset" else AgentState.RESERVED
        assert stage.state_of(alice) is expected
