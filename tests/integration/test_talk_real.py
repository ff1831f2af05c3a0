"""What agents do with a talk, on a real Asterisk with phones that hear: each says a tone of its own, and in every
arrangement it is asserted who hears whom, and whom not."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from acd.phone import IncomingCall, MediaOptions, OutgoingCall, Phone, PhoneAccount, PhoneCall, Tone
from acd.phone.audio import tone_level
from tests.integration.asterisk_fixture import CARRIER_HOST, RunningAsterisk
from tests.integration.hearing import HIGH, LOW, RATE, TONE_LEVEL, heard_so_far, hears
from tests.integration.house import MAIN, QUEUES, WELCOME, House, Ring, Seat, open_house
from tests.integration.waiting import PATIENCE, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

MIDDLE, SHRILL = 700.0, 1600.0  # the second agent's tone, and one outside
TONES = (LOW, MIDDLE, HIGH, SHRILL)
OUTSIDE = "0612345678"


@pytest_asyncio.fixture(loop_scope="module")
async def outside(asterisk: RunningAsterisk) -> AsyncIterator[Phone]:
    """Somebody's phone beyond the trunk."""
    registrar = f"127.0.0.1:{asterisk.sip_port}"
    account = PhoneAccount("outside", None, registrar, local_ip=CARRIER_HOST, local_port=asterisk.carrier_port)
    async with Phone(account, media=MediaOptions(sound=Tone(SHRILL))) as phone:
        await asterisk.cli("pjsip qualify carrier")  # it was not there when Asterisk looked last

        async def is_reachable() -> bool:
            contacts = (await asterisk.cli("pjsip show contacts")).splitlines()
            return any("carrier/" in line and "Avail" in line for line in contacts)

        await until(is_reachable, "the carrier is reachable")
        yield phone


@pytest_asyncio.fixture(loop_scope="module")
async def house(asterisk: RunningAsterisk, tmp_path: Path) -> AsyncIterator[House]:
    overrides = {
        "outgoing": {"trunk": "carrier", "allow": ["06XXXXXXXX"]},
        "queues": {**QUEUES, "orders": {**QUEUES["orders"], "pick_up": True}},
    }
    async with open_house(asterisk, tmp_path, overrides) as opened:
        yield opened
        await opened.is_quiet()


async def hears_just(call: PhoneCall, *tones: float) -> None:
    """Wait until the last half second is these tones, and none of the others. Who is with nobody may get no audio at
    all: then nothing has to come for as long."""
    now = asyncio.get_running_loop().time
    mark = grown_to = len(call.recording)
    grown_at = now()

    def is_so() -> bool:
        nonlocal grown_to, grown_at
        assert call.end is None, "the call ended"
        if len(call.recording) != grown_to:
            grown_to, grown_at = len(call.recording), now()
        if not tones and now() > grown_at + 0.5:
            return True
        last = call.recording[mark:][-RATE:]
        heard = {tone for tone in TONES if tone_level(last, tone) > TONE_LEVEL / 2}
        return len(last) == RATE and heard == set(tones)

    await until(is_so, f"{tones} and nothing else is heard", every=0.05)


async def all_hear(*pairs: tuple[PhoneCall, tuple[float, ...]]) -> None:
    async with asyncio.TaskGroup() as group:
        for call, tones in pairs:
            group.create_task(hears_just(call, *tones))


class Talk:
    """A caller with Alice, and Bruno beside."""

    def __init__(self, house: House, caller: tuple[str, OutgoingCall], alice: Seat, bruno: Seat, ring: Ring) -> None:
        (self.number, self.caller), self.house, self.alice, self.bruno = caller, house, alice, bruno
        self.phone = ring.call

    async def shows(self, seat: Seat, **wanted: Any) -> dict[str, Any]:
        """Wait until that screen shows the call so."""

        def last() -> dict[str, Any]:
            frames = [frame for frame in seat.screen.frames if frame.type in {"call", "offer"} and frame.data]
            return dict(frames[-1].data) if frames else {}

        await until(lambda: wanted.items() <= last().items(), f"the screen shows {wanted}")
        return last()

    async def together(self) -> None:
        await all_hear((self.caller, (LOW,)), (self.phone, (HIGH,)))

    async def held(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self.house.music.heard(self.caller))
            group.create_task(hears_just(self.phone))

    async def consults(self) -> IncomingCall:
        await self.alice.screen.order("consult", agent=self.bruno.user.login)
        return await self.answers(self.bruno.phone)

    async def answers(self, phone: Phone) -> IncomingCall:
        call = await phone.incoming(PATIENCE)
        call.ring()
        call.answer()
        return call


async def talk(house: House, stack: AsyncExitStack) -> Talk:
    number = house.new_number()
    alice = await stack.enter_async_context(house.agent("Alice Martin", tone=LOW))
    bruno = await stack.enter_async_context(house.agent("Bruno Keller", tone=MIDDLE, is_ready=False))
    caller = await stack.enter_async_context(house.caller(number))
    await house.walk(caller)
    return Talk(house, (number, caller), alice, bruno, await alice.takes(number))


async def test_hold_consult_swap_conference_and_hand_over(house: House) -> None:
    async with house.service(), AsyncExitStack() as stack:
        t = await talk(house, stack)
        alice, bruno = t.alice.screen, t.bruno.screen
        await t.together()

        await alice.order("hold")
        await t.shows(t.alice, talk_mode="held", held_by="screen")
        await t.held()
        await alice.order("resume")
        await t.together()

        await t.phone.hold()  # by the phone's own key
        await t.shows(t.alice, talk_mode="held", held_by="phone")
        await house.music.heard(t.caller)
        await t.phone.resume()
        await t.shows(t.alice, talk_mode="talking")
        await t.together()

        await alice.order("mute", muted=True)
        await all_hear((t.caller, ()), (t.phone, (HIGH,)))
        await alice.order("mute", muted=False)
        await t.together()
        await alice.order("digits", digits="42#")
        await until(lambda: t.caller.media.digits.endswith("42#"), "the keys arrive")

        asked = await t.consults()
        pop = await bruno.frame("offer", lambda data: data["number"] == t.number)
        assert (pop.data["agent_name"], pop.data["consult"]["name"]) == ("Alice Martin", "Bruno Keller")
        await bruno.becomes("talking")
        await all_hear((t.phone, (MIDDLE,)), (asked, (LOW,)))
        await house.music.heard(t.caller)
        await alice.order("swap")
        await t.together()
        await house.music.heard(asked)
        await alice.order("swap")
        await all_hear((t.phone, (MIDDLE,)), (asked, (LOW,)))
        await house.music.heard(t.caller)

        await alice.order("conference")
        await all_hear((t.caller, (LOW, MIDDLE)), (t.phone, (HIGH, MIDDLE)), (asked, (HIGH, LOW)))
        await asked.hang_up()  # one leaves: the others go on
        await t.together()
        await bruno.becomes("not_ready", "logged_in")
        await t.shows(t.alice, talk_mode="talking", consult=None)

        asked = await t.consults()
        await all_hear((t.phone, (MIDDLE,)), (asked, (LOW,)))
        await alice.order("complete-transfer", title="Printer", note="Tried the other tray.")
        await all_hear((t.caller, (MIDDLE,)), (asked, (HIGH,)))
        await t.phone.ended(PATIENCE)
        committed = await t.alice.wraps_up(note="Two tries.", code="solved")
        shown = await t.shows(t.bruno, talk_mode="talking", agent_name="Bruno Keller")
        assert [(h["agent_name"], h["title"], h["note"]) for h in shown["handovers"]] == [
            ("Alice Martin", "Printer", "Tried the other tray.")
        ]
        await t.shows(t.bruno, ticket={"number": committed.data["number"], "title": "Printer"})
        await asked.hang_up()
        await t.caller.ended(PATIENCE)
        again = await t.bruno.wraps_up(note="Done.", code="solved")
        assert again.data["number"] == committed.data["number"]
        ticket = await house.desk.find_ticket(again.data["number"])
        assert ticket is not None
        words = [message.body for message in await house.desk.messages(ticket.number)]
        assert words[0].startswith("Two tries.")
        assert words[1:] == ["Done."]
        await house.is_quiet()


async def test_to_a_queue_an_agent_a_menu_and_a_number(house: House, outside: Phone) -> None:
    async with house.service(), AsyncExitStack() as stack:
        t = await talk(house, stack)
        alice, bruno = t.alice.screen, t.bruno.screen

        await bruno.order("ready")
        await alice.order("transfer", agent=t.bruno.user.login, title="Invoice", note="Twice.")  # to an agent
        ring = await t.bruno.takes(t.number)
        assert ring.data["handovers"][0]["note"] == "Twice."
        await t.phone.ended(PATIENCE)
        await all_hear((t.caller, (MIDDLE,)), (ring.call, (HIGH,)))
        await t.alice.wraps_up(code="solved")

        await bruno.order("hold")
        await house.music.heard(t.caller)
        await bruno.order("transfer", queue="support")  # to a queue, out of a hold: Alice has it again
        again = await t.alice.takes(t.number)
        await all_hear((t.caller, (LOW,)), (again.call, (HIGH,)))
        await t.bruno.wraps_up(code="solved")
        await bruno.order("not-ready", reason="training")

        assert (await alice.post("/api/v1/agents/me/transfer", {"number": "0899123456"})).status == 409
        assert (await alice.post("/api/v1/agents/me/transfer", {"flow": "nowhere"})).status == 422
        await alice.order("transfer", flow="hotline")  # to a menu
        await again.call.ended(PATIENCE)
        await t.alice.wraps_up(code="solved")
        at = heard_so_far(t.caller) - 1.0
        await hears(t.caller, house.sound(WELCOME), "the welcome", at)
        await t.caller.send_digits("1")
        await hears(t.caller, house.sound(MAIN), "the main menu", at)
        await t.caller.send_digits("1")
        third = await t.alice.takes(t.number)
        await all_hear((t.caller, (LOW,)), (third.call, (HIGH,)))

        await alice.order("consult", number=OUTSIDE)  # asked first, then handed over
        asked = await t.answers(outside)
        assert asked.called_number == OUTSIDE
        await all_hear((third.call, (SHRILL,)), (asked, (LOW,)))
        await house.music.heard(t.caller)
        await alice.order("cancel-consult")
        await asked.ended(PATIENCE)
        await all_hear((t.caller, (LOW,)), (third.call, (HIGH,)))
        await alice.order("transfer", number=OUTSIDE)  # and blind
        asked = await t.answers(outside)
        await third.call.ended(PATIENCE)
        await all_hear((t.caller, (SHRILL,)), (asked, (HIGH,)))
        await asked.hang_up()
        await t.caller.ended(PATIENCE)
        await t.alice.wraps_up(code="solved")
        over = await house.interaction(t.number)
        assert over.termination_result == "answered"


async def test_who_hangs_up_and_what_becomes_of_the_others(house: House, outside: Phone) -> None:
    async with house.service(), AsyncExitStack() as stack:
        t = await talk(house, stack)
        alice = t.alice.screen

        await alice.order("consult", number=OUTSIDE)  # nobody answers there: the caller is still on hold
        ringing = await outside.incoming(PATIENCE)
        ringing.reject(486)
        await t.shows(t.alice, talk_mode="held", consult=None)
        await house.music.heard(t.caller)
        await alice.order("resume")
        await t.together()

        asked = await t.consults()
        await all_hear((t.phone, (MIDDLE,)), (asked, (LOW,)))
        await t.phone.hang_up()  # as on any telephone: the two others are together
        await all_hear((t.caller, (MIDDLE,)), (asked, (HIGH,)))
        await alice.becomes("wrap_up")
        await t.alice.wraps_up(code="solved")

        await t.bruno.screen.order("consult", agent=t.alice.user.login)
        second = await t.answers(t.alice.phone)
        await all_hear((asked, (LOW,)), (second, (MIDDLE,)))
        await t.caller.hang_up()  # nobody is left with a dead call
        await asked.ended(PATIENCE)
        await second.ended(PATIENCE)
        await t.bruno.wraps_up(code="solved")
        await alice.becomes("ready")
        await t.bruno.screen.becomes("ready")


async def test_taken_by_hand_and_taken_over(house: House) -> None:
    async with house.service(), AsyncExitStack() as stack:
        supervisor = await stack.enter_async_context(house.supervisor())
        t = await talk(house, stack)
        number = house.new_number()
        other = await stack.enter_async_context(house.caller(number))
        waiting = await house.queue_up(number, other, supervisor, choice="2")
        targets = await t.bruno.screen.get("/api/v1/agents/me/targets")
        assert [call["call_id"] for call in targets["waiting"]] == [waiting["call_id"]]
        await t.bruno.screen.order("pick-up", call_id=waiting["call_id"])  # without the skill, and not ready
        ring = await t.bruno.takes(number)
        await all_hear((other, (MIDDLE,)), (ring.call, (HIGH,)))
        await ring.call.hang_up()
        await t.bruno.wraps_up(code="solved")

        talking = await house.call_that(supervisor, t.number, "talking")
        await t.bruno.screen.order("not-ready", reason="training")
        answer = await supervisor.post(
            f"/api/v1/calls/{talking['call_id']}/take-over", {"agent": t.bruno.user.login, "why": "Coaching"}
        )
        assert (answer.status, answer.body["state"]) == (200, "reserved")
        ring = await t.bruno.takes(t.number)
        await t.phone.ended(PATIENCE)
        await all_hear((t.caller, (MIDDLE,)), (ring.call, (HIGH,)))
        await ring.call.hang_up()


async def test_on_hold_and_in_consultation_over_a_restart(house: House) -> None:
    async with AsyncExitStack() as stack:
        async with house.service() as process:
            t = await talk(house, stack)
            await t.alice.screen.order("hold")
            await t.held()
            os.kill(process, signal.SIGKILL)
            await until(lambda: t.alice.screen.is_lost, "the service is gone")
            await t.held()
        async with house.service(), house.screen(t.alice.user.login) as alice:
            await alice.becomes("talking")

            async def is_held() -> bool:
                answer = await alice.post("/api/v1/agents/me/resume")
                return answer.status == 200

            await t.held()
            await until(is_held, "the call can be taken back")
            await t.together()
            await stack.enter_async_context(house.screen(t.bruno.user.login))
            await alice.order("consult", agent=t.bruno.user.login)
            asked = await t.answers(t.bruno.phone)
            await all_hear((t.phone, (MIDDLE,)), (asked, (LOW,)))
            await asked.hang_up()
            await alice.order("resume")
            await t.together()
            await t.phone.hang_up()
            await t.caller.ended(PATIENCE)
