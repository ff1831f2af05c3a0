"""Callbacks, outgoing calls, voicemail, announcements and overflow into menus on a real Asterisk: the test's phones are
the carrier's customers."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from acd.phone import EndedBy, IncomingCall, Phone
from tests.integration.asterisk_fixture import RunningAsterisk
from tests.integration.hearing import HIGH, LOW, hears, hears_tone
from tests.integration.house import QUEUES, House, Seat, open_house
from tests.integration.screen import Screen
from tests.integration.waiting import PATIENCE, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

SHOWN = "+33145000000"
FRONT = """\
flow: desk_front
languages: [fr]
start: choose
fallback: support
nodes:
  choose:
    kind: menu
    prompt: {fr: "Tapez un, deux, trois ou quatre."}
    choices: {"1": support, "2": call_me, "3": message, "4": orders}
    otherwise: support
  call_me:
    kind: callback
    queue: support
    prompt: {fr: "Pour être rappelé, tapez un."}
    ask_number: {fr: "Donnez le numéro."}
    done: noted
    refused: support
  noted: {kind: say, prompt: {fr: "Votre rappel est noté."}, next: bye}
  message:
    kind: voicemail
    queue: support
    prompt: {fr: "Parlez après le signal."}
    max_seconds: 30
    saved: kept
    failed: bye
  kept: {kind: say, prompt: {fr: "Votre message est enregistré."}, next: bye}
  bye: {kind: hangup}
  support: {kind: queue, queue: support}
  orders: {kind: queue, queue: orders}
"""
ELSEWHERE = """\
flow: full_house
languages: [fr]
start: sorry
fallback: bye
nodes:
  sorry: {kind: say, prompt: {fr: "Il y a trop de monde, nous vous transférons."}, next: away}
  away: {kind: transfer, to: "+33199000000", busy: bye, no_answer: bye, failed: bye, done: bye}
  bye: {kind: hangup}
"""
CALLBACK = {"tries": 3, "interval_seconds": 0.5, "ring_seconds": 20, "key": "5"}
SITE_QUEUES = {
    "support": QUEUES["support"]
    | {
        "caller_number": SHOWN,
        "callback": CALLBACK,
        "announce": {"first_after_seconds": 1, "every_seconds": 600, "flow": "standing"},
    },
    "orders": QUEUES["orders"] | {"overflow": [{"when": "nobody_able", "flow": "full_house"}]},
}
STANDING = """\
flow: standing
languages: [fr]
start: tell
fallback: back
nodes:
  tell: {kind: say, prompt: {fr: "%s"}, next: back}
  back: {kind: return}
""" % ("Une annonce bien longue, que seul un conseiller peut interrompre. " * 8)  # braces are YAML's


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(asterisk: RunningAsterisk, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    folder = tmp_path_factory.mktemp("callbacks")
    flows = {"front": FRONT, "full": ELSEWHERE, "standing": STANDING}
    for name, text in flows.items():
        (folder / f"{name}.yaml").write_text(text, "utf-8")
    overrides = {
        "queues": SITE_QUEUES,
        "numbers": {"100": {"flow": "desk_front"}},
        "flows": [f"{name}.yaml" for name in flows],
        "outgoing": {"trunk": "trunk", "allow": ["+33."]},
    }
    async with open_house(asterisk, folder, overrides) as house, house.service():
        yield house


@pytest_asyncio.fixture(loop_scope="module")
async def house(served: House) -> AsyncIterator[House]:
    yield served
    await served.is_quiet()


@pytest_asyncio.fixture(loop_scope="module")
async def supervisor(house: House) -> AsyncIterator[Screen]:
    async with house.supervisor() as screen:
        yield screen


async def asks_for_a_callback(house: House, number: str) -> None:
    async with house.caller(number) as call:
        await hears(call, house.sound_of("Tapez un, deux"), "the menu")
        await call.send_digits("21")
        await hears(call, house.sound_of("Votre rappel"), "that it is noted")
        assert (await call.ended(PATIENCE)).by is EndedBy.REMOTE


def called(call: IncomingCall) -> tuple[str, str]:
    """The number that was dialled, and the one that was shown."""
    shown = re.search(r"sip:([^@>]*)@", call.invite.headers.get("from") or "")
    return call.invite.uri.partition(":")[2].partition("@")[0], shown[1] if shown else ""


async def takes(phone: Phone) -> IncomingCall:
    call = await phone.incoming(PATIENCE)
    call.ring()
    call.answer()
    await call.wait_for(lambda: call.confirmed_at is not None, PATIENCE, "ACK")
    return call


async def talk(agent: IncomingCall, customer: IncomingCall) -> None:
    await asyncio.gather(hears_tone(agent, HIGH), hears_tone(customer, LOW))


async def finishes(seat: Seat, customer: IncomingCall) -> str:
    await customer.hang_up()
    return str((await seat.wraps_up(code="solved")).data["number"])


async def test_a_callback_keeps_its_place_and_both_hear_each_other(house: House, supervisor: Screen) -> None:
    first, second = house.new_number(), house.new_number()
    await asks_for_a_callback(house, first)
    async with (
        house.outside() as outside,
        house.caller(second) as later,
        house.agent(is_ready=False) as alice,
    ):
        await hears(later, house.sound_of("Tapez un, deux"), "the menu")
        await later.send_digits("1")
        await house.call_that(supervisor, second, "waiting")
        await alice.goes_ready()
        ring = await alice.takes_work(first)
        assert ring.data["kind"] == "callback"
        customer = await takes(outside)
        assert called(customer) == (first, SHOWN)
        await talk(ring.call, customer)
        await alice.screen.becomes("talking")
        assert await finishes(alice, customer)
        again = await alice.takes(second)
        await again.call.hang_up()
        await alice.wraps_up(code="solved")


async def test_busy_is_tried_again_and_the_agent_is_free_meanwhile(house: House) -> None:
    number = house.new_number()
    await asks_for_a_callback(house, number)
    async with house.outside() as outside, house.agent() as alice:
        await alice.takes_work(number)
        (await outside.incoming(PATIENCE)).reject(486)
        await alice.screen.frame("offer_ended", lambda data: data["why"] == "far_end_busy")
        ring = await alice.takes_work(number)
        assert ring.data["tries"] == 1
        customer = await takes(outside)
        await talk(ring.call, customer)
        await finishes(alice, customer)


async def test_an_agent_calls_from_a_ticket(house: House) -> None:
    number = house.new_number()
    contact = await house.contact("Claire Moreau", number)
    ticket = await house.open_ticket(contact, "Printer")
    async with house.outside() as outside, house.agent(is_ready=False) as alice:
        answer = await alice.screen.post("/api/v1/agents/me/calls", {"number": number, "ticket": ticket})
        assert answer.status == 200
        call = await takes(alice.phone)
        customer = await takes(outside)
        assert called(customer) == (number, SHOWN)
        await talk(call, customer)
        await alice.screen.becomes("talking")
        assert await finishes(alice, customer) == ticket
        await alice.screen.becomes("not_ready")
        refused = await alice.screen.post("/api/v1/agents/me/calls", {"number": "+14155550100"})
        assert refused.status == 409


async def test_a_message_is_recorded_and_dealt_with(house: House) -> None:
    number, folder = house.new_number(), Path(house.settings.data_dir) / "voicemail"
    async with house.caller(number) as call:
        await hears(call, house.sound_of("Tapez un, deux"), "the menu")
        await call.send_digits("3")
        await hears(call, house.sound_of("Parlez après"), "what to do")
        await until(lambda: any(file.stat().st_size > 48000 for file in folder.glob("*.wav")), "something is said")
        await call.send_digits("1")
        await hears(call, house.sound_of("Votre message"), "that it is kept")
        await call.ended(PATIENCE)
    async with house.agent() as alice:
        pop = await alice.screen.frame("offer", lambda data: data["number"] == number)
        assert pop.data["kind"] == "voicemail"
        name = f"{pop.data['call_id'].removeprefix('call_voicemail.')}.wav"
        assert (folder / name).stat().st_size > 16000
        await alice.screen.order("message/accept")
        await alice.screen.becomes("talking")
        sound = await alice.screen.bytes(f"/api/v1/messages/{name}", {"Range": "bytes=0-43"})
        assert (sound.status, sound.body[:4]) == (206, b"RIFF")
        await alice.screen.order("message/finish")
        assert (await alice.wraps_up(code="solved")).data["number"]
    kept = await house.interactions_of(number, "voicemail")
    assert kept[0].ticket_number is not None


async def test_an_announcement_is_heard_and_cut_by_a_match(house: House, supervisor: Screen) -> None:
    number = house.new_number()
    async with house.agent(is_ready=False) as alice, house.caller(number) as call:
        await hears(call, house.sound_of("Tapez un, deux"), "the menu")
        await call.send_digits("1")
        announcement = house.sound_of("Une annonce bien longue")
        await hears(call, announcement[: 16000 * 3], "the announcement's first words")
        await alice.goes_ready()
        ring = await alice.takes(number)
        assert len(call.recording) < len(announcement), "the announcement was played to its end"
        await asyncio.gather(hears_tone(call, LOW), hears_tone(ring.call, HIGH))
        await ring.call.hang_up()
        await alice.wraps_up(code="solved")


async def test_a_queue_for_which_nobody_is_there_sends_into_a_menu_and_outside(house: House) -> None:
    number = house.new_number()
    async with house.outside(tone=LOW) as outside, house.caller(number) as call:
        await hears(call, house.sound_of("Tapez un, deux"), "the menu")
        await call.send_digits("4")
        await hears(call, house.sound_of("Il y a trop de monde"), "that there are too many")
        elsewhere = await takes(outside)
        assert called(elsewhere)[0] == "+33199000000"
        await asyncio.gather(hears_tone(call, LOW), hears_tone(elsewhere, HIGH))
        await elsewhere.hang_up()
        await call.ended(PATIENCE)
    assert (await house.interaction(number)).termination_result == "turned_away"


async def test_by_a_key_during_music(house: House, supervisor: Screen) -> None:
    number = house.new_number()
    async with house.caller(number) as call:
        await hears(call, house.sound_of("Tapez un, deux"), "the menu")
        await call.send_digits("1")
        await house.call_that(supervisor, number, "waiting")
        await call.send_digits("5")
        await hears(call, house.sound_of("Pour être rappelé à votre numéro"), "the offer")
        await call.send_digits("1")
        assert (await call.ended(PATIENCE)).by is EndedBy.REMOTE
    (callback,) = await supervisor.get("/api/v1/callbacks")
    assert (callback["number"], callback["stage"]) == (number, "waiting")
    assert (await supervisor.post(f"/api/v1/callbacks/{callback['call_id']}/cancel")).status == 204

    async def is_gone() -> bool:
        return not await supervisor.get("/api/v1/callbacks")

    await until(is_gone, "the callback is called off")
