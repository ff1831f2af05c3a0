"""What agents do with a talk, on a real Asterisk with phones that hear: each says a tone of its own, and in every
arrangement it is asserted who hears whom, and whom not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from acd.phone import IncomingCall, MediaOptions, OutgoingCall, Phone, PhoneAccount, PhoneCall, Tone
from acd.phone.audio import tone_level
from tests.integration.asterisk_fixture import RunningAsterisk
from tests.integration.hearing import HIGH, LOW, RATE, TONE_LEVEL
from tests.integration.house import House, Ring, Seat, open_house
from tests.integration.waiting import PATIENCE, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

MIDDLE, SHRILL = 700.0, 1600.0  # the second agent's tone, and one outside
TONES = (LOW, MIDDLE, HIGH, SHRILL)
OUTSIDE = "0612345678"


@pytest_asyncio.fixture(loop_scope="module")
async def outside(asterisk: RunningAsterisk) -> AsyncIterator[Phone]:
    """Somebody's phone beyond the trunk."""
    account = PhoneAccount("outside", None, f"127.0.0.1:{asterisk.sip_port}", "", local_ip="127.0.0.3")
    async with Phone(account, media=MediaOptions(sound=Tone(SHRILL))) as phone:
        yield phone


@pytest_asyncio.fixture(loop_scope="module")
async def house(asterisk: RunningAsterisk, tmp_path: Path, outside: Phone) -> AsyncIterator[House]:
    host, port = outside.address
    overrides: dict[str, object] = {
        "transfers": {
            "outside_numbers": ["06XXXXXXXX"],
            "dial": f"PJSIP/trunk/sip:{{number}}@{host}:{port}",
        },
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
        return await self.answers(self.bruno)

    async def answers(self, seat: Seat) -> IncomingCall:
        call = await seat.phone.incoming(PATIENCE)
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
        await house.is_quiet()
