"""People at work on a real Asterisk: phones that come and go, ways of offering a call, supervisors who listen in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from acd.equipment import prompts_of
from acd.phone import MediaOptions, Phone, PhoneAccount, PhoneCall, Tone
from acd.phone.audio import read_wav, tone_level
from acd.service.ports import Role, User
from tests.integration.asterisk_fixture import RunningAsterisk
from tests.integration.hearing import HIGH, LOW, RATE, SAME, hears, hears_tone, match, opening
from tests.integration.house import PASSWORD, QUEUES, House, Seat, open_house
from tests.integration.screen import Answer, Screen
from tests.integration.waiting import PATIENCE, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

MIDDLE = 700.0  # the supervisor's tone
PEOPLE = {"offer_modes": {"groups": {"at_home": "accept", "headset": "auto_answer"}}}
WHISPERING = QUEUES | {
    "orders": QUEUES["orders"]
    | {"whisper": {"fr": "Commandes, un appel en français, merci de répondre dans cette langue"}}
}
WHY = {"why": "Coaching"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(asterisk: RunningAsterisk, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    folder = tmp_path_factory.mktemp("people")
    async with open_house(asterisk, folder, {"people": PEOPLE, "queues": WHISPERING}) as house, house.service():
        yield house


@pytest_asyncio.fixture(loop_scope="module")
async def house(served: House) -> AsyncIterator[House]:
    yield served
    await served.is_quiet()


class Supervisor:
    """A screen, and a phone that supervisors listen with."""

    def __init__(self, screen: Screen, phone: Phone) -> None:
        self.screen = screen
        self.phone = phone

    async def monitors(self, agent: Seat, mode: str) -> Answer:
        return await self.screen.post("/api/v1/monitor", {"agent_id": agent.agent_id, "mode": mode, **WHY})

    async def deeds(self) -> list[tuple[str, str]]:
        return [(entry["action"], entry["outcome"]) for entry in await self.screen.get("/api/v1/audit?who=samira")]


@asynccontextmanager
async def supervisor_with_phone(house: House) -> AsyncIterator[Supervisor]:
    extension = house.new_extension()
    user = User(login="samira", name="Samira Haddad", roles=frozenset({Role.SUPERVISOR}), extension=extension)
    await house.users.save(user, PASSWORD)
    account = PhoneAccount(f"agent-{extension}", house.asterisk.agent_secret(extension), house.registrar)
    async with Phone(account, media=MediaOptions(sound=Tone(MIDDLE))) as phone:
        await phone.register()
        async with house.screen(user.login) as screen:
            yield Supervisor(screen, phone)


def level(call: PhoneCall, frequency: float) -> float:
    return tone_level(call.recording[-RATE:], frequency)


async def hears_no_more(call: PhoneCall, frequency: float) -> None:
    await until(lambda: level(call, frequency) < 0.02, f"{frequency:g} Hz is heard no more", every=0.05)


# phones --------------------------------------------------------------------------------------------------------


async def test_a_phone_that_goes_takes_its_agent_along_and_brings_them_back(house: House) -> None:
    async with house.agent() as alice:
        await alice.screen.becomes("ready")
        await alice.phone.unregister()
        await alice.screen.becomes("not_ready", "phone_unregistered")
        await alice.phone.register()
        await alice.screen.becomes("ready")
        for code, state, reason in (("*78", "not_ready", "do_not_disturb"), ("*79", "ready", "")):
            call = await alice.phone.call(code)
            await call.ended(PATIENCE)
            await alice.screen.becomes(state, reason)
        await alice.phone.unregister()
        await alice.screen.becomes("not_ready", "phone_unregistered")
        await alice.screen.order("not-ready", reason="lunch")
        await alice.phone.register()
        await until(lambda: alice.screen.agent["phone_trouble"] == "", "the phone is known to be back")
        assert (alice.screen.agent["state"], alice.screen.agent["reason"]) == ("not_ready", "lunch")


# offers --------------------------------------------------------------------------------------------------------


async def test_accepted_on_the_screen_the_phone_rings_and_the_caller_hears_music_until_then(house: House) -> None:
    number = house.new_number()
    async with house.agent(skills={"support": 3, "at_home": 1}) as alice, house.caller(number) as call:
        await house.walk(call)
        pop = await alice.screen.frame("offer", lambda data: data["number"] == number)
        assert pop.data["offer_mode"] == "accept"
        await house.music.heard(call)
        assert not alice.phone.calls, "the phone rings only when the agent has accepted"
        await alice.screen.order("accept")
        ring = await alice.phone.incoming(PATIENCE)
        ring.ring()
        await house.music.heard(call)
        ring.answer()
        await alice.screen.becomes("talking")
        await asyncio.gather(hears_tone(ring, HIGH), hears_tone(call, LOW))
        await ring.hang_up()
        await alice.wraps_up(code="solved")


async def test_a_phone_answers_by_itself_and_the_queue_is_whispered_to_the_agent_alone(house: House) -> None:
    number = house.new_number()
    words = house.sound_of("Commandes, un appel")
    skills = {"orders": 1, "headset": 1}
    async with house.agent(skills=skills, is_auto_answer_allowed=True) as alice, house.caller(number) as call:
        await house.walk(call, choice="2")
        ring = await alice.phone.incoming(PATIENCE)
        await hears(ring, words, "the whisper")  # of about four seconds, the first of them
        assert house.music.is_playing(call), "the caller hears music until the two are joined"
        await asyncio.gather(hears_tone(ring, HIGH), hears_tone(call, LOW))
        await alice.screen.becomes("talking")
        assert match(call.recording, opening(words))[0] < SAME, "it is not for the caller"
        await ring.hang_up()
        await alice.wraps_up(code="solved")


# supervisors ---------------------------------------------------------------------------------------------------


async def test_listening_whispering_and_barging_in(house: House) -> None:
    number = house.new_number()
    async with supervisor_with_phone(house) as samira, house.agent() as alice:
        assert (await samira.monitors(alice, "listen")).status == 409, "nobody talks"
        async with house.caller(number) as call:
            await house.walk(call)
            ring = (await alice.takes(number)).call
            assert (await samira.monitors(alice, "listen")).status == 200
            ear = await samira.phone.incoming(PATIENCE)
            ear.answer()
            await asyncio.gather(hears_tone(ear, LOW), hears_tone(ear, HIGH))
            assert max(level(ring, MIDDLE), level(call, MIDDLE)) < 0.02, "a listener is heard by none"
            await samira.monitors(alice, "whisper")
            await hears_tone(ring, MIDDLE)
            await asyncio.gather(hears_tone(call, LOW), hears_tone(ear, HIGH))
            assert level(call, MIDDLE) < 0.02, "a whisper is heard by the agent alone"
            await samira.monitors(alice, "barge")
            await asyncio.gather(hears_tone(ring, MIDDLE), hears_tone(call, MIDDLE), hears_tone(ear, HIGH))
            await samira.monitors(alice, "listen")
            await asyncio.gather(hears_no_more(ring, MIDDLE), hears_no_more(call, MIDDLE))
            await asyncio.gather(hears_tone(ring, HIGH), hears_tone(call, LOW), hears_tone(ear, LOW))
            assert (await samira.screen.get("/api/v1/monitor"))["own"]["mode"] == "listen"
            await samira.screen.delete("/api/v1/monitor")
            await ear.ended(PATIENCE)
            await samira.screen.frame("monitor", lambda data: data["mode"] is None)
            assert (await samira.monitors(alice, "listen")).status == 200
            ear = await samira.phone.incoming(PATIENCE)
            ear.answer()
            await hears_tone(ear, LOW)
            await ring.hang_up()
            await ear.ended(PATIENCE)  # with the talk
            await alice.wraps_up(code="solved")
        assert (await samira.screen.get("/api/v1/monitor"))["all"] == []
        assert await samira.deeds() == [
            ("talk.listen", "done"),
            ("talk.listen", "done"),
            ("talk.barge", "done"),
            ("talk.whisper", "done"),
            ("talk.listen", "done"),
            ("talk.listen", "agent.wrong_state"),
        ]


async def test_a_phone_that_is_not_there_listens_to_nobody(house: House) -> None:
    number = house.new_number()
    async with supervisor_with_phone(house) as samira, house.agent() as alice, house.caller(number) as call:
        await house.walk(call)
        ring = (await alice.takes(number)).call
        await samira.phone.unregister()
        await samira.monitors(alice, "listen")
        await samira.screen.frame("monitor", lambda data: data["mode"] is None)
        assert (await samira.screen.get("/api/v1/monitor"))["own"] is None
        await ring.hang_up()
        await alice.wraps_up(code="solved")


async def test_a_queue_closed_by_hand_tells_its_callers_so(house: House) -> None:
    words = "Exercice incendie, rappelez dans une heure."
    number = house.new_number()
    async with supervisor_with_phone(house) as samira:
        door = "/api/v1/queues/support/door"
        shut: dict[str, Any] = {"is_open": False, "announcement": {"fr": words}, **WHY}
        assert (await samira.screen.post(door, shut)).body["door"] == "closed"
        try:
            async with house.caller(number) as call:
                await house.walk(call)
                sound = Path(f"{await prompts_of(house.site).render(words, 'fr')}.wav")
                await hears(call, read_wav(sound), "that the queue is closed")
                await call.ended(PATIENCE)
        finally:
            await samira.screen.post(door, {"is_open": None, **WHY})
