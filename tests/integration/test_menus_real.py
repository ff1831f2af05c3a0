"""The language of menus on a real Asterisk: what callers hear, and what becomes of keys pressed at any moment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web

from acd.adapters.clock import SystemClock
from acd.equipment import prompts_of
from acd.phone import OutgoingCall, Phone, PhoneAccount
from acd.phone.audio import read_wav
from tests.integration.asterisk_fixture import RunningAsterisk
from tests.integration.hearing import ending, heard_so_far, hears, match, opening, since
from tests.integration.house import House, open_house

pytestmark = pytest.mark.asyncio(loop_scope="module")

CLEARLY_ANOTHER = 0.5
FLOW = """\
flow: lab
languages: [fr, en]
start: opening
fallback: support
no_match: {fr: "Ce choix n'existe pas.", en: "There is no such choice."}
everywhere: {person: {key: "0", node: to_agent}, repeat: "*", back: "#"}
nodes:
  opening: {kind: hours, calendar: always, open: first, closed: support}
  first:
    kind: menu
    prompt:
      fr: "Vous êtes au premier menu, qui parle assez longtemps pour qu'on l'interrompe. Tapez un ou deux."
      en: "You have reached the first menu, which speaks long enough to be interrupted. Press one or two."
    choices: {"1": second, "2": night, "3": services, "4": notice, "5": tongue}
    otherwise: support
  second:
    kind: menu
    prompt: {fr: "Maintenant, le deuxième menu. Tapez un.", en: "Here is the second menu. Press one."}
    choices: {"1": third}
    otherwise: support
  third:
    kind: menu
    prompt: {fr: "Enfin, le troisième menu. Tapez un.", en: "And here is the third menu. Press one."}
    choices: {"1": support}
    otherwise: support
  tongue:
    kind: language
    prompt: {fr: "Quelle langue ?", en: "Which language?"}
    choices: {"1": fr, "2": en}
    default: fr
    next: first
  night: {kind: hours, calendar: never, open: support, closed: closed, opens_at: reopens}
  closed:
    kind: say
    prompt:
      fr: "Le centre est fermé. Il ouvre le {reopens:date}, merci."
      en: "The centre is closed. It opens on {reopens:date}, thank you."
    next: support
  notice:
    kind: menu
    barge_in: false
    prompt: {fr: "Cet appel est enregistré, écoutez bien. Tapez un.", en: "This call is recorded. Press one."}
    choices: {"1": third}
    otherwise: support
  services:
    kind: collect
    prompt: {fr: "Quel service voulez-vous essayer ?", en: "Which service do you want to try?"}
    digits: {max: 1, terminator: null}
    into: which
    on_valid: asked
    on_invalid: support
  asked:
    kind: lookup
    service: status
    path: "/{which}?caller={caller_number}"
    into: {minutes: wait.minutes}
    timeout_seconds: 0.5
    found: answered
    failed: unanswered
  answered:
    kind: say
    prompt: {fr: "Le service annonce {minutes:number} minutes.", en: "The service says {minutes:number} minutes."}
    next: support
  unanswered:
    kind: say
    prompt: {fr: "Hélas, le service ne dit rien.", en: "Alas, the service says nothing."}
    next: support
  to_agent: {kind: say, prompt: {fr: "Voici quelqu'un.", en: "Here is somebody."}, next: support}
  support: {kind: queue, queue: support}
"""
GOOD, HANGS, RUBBISH, REDIRECTS, REFUSES = "12345"


class StatusService:
    """An HTTP service of every character. `seen`: the callers it was told of."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.port = 0
        self._never = asyncio.Event()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.seen.append(request.query.get("caller", ""))
        match request.match_info["which"]:
            case "1":
                return web.json_response({"wait": {"minutes": 21}})
            case "2":
                await self._never.wait()
            case "3":
                return web.Response(text="{'wait': <html>" + "x" * 100_000)
            case "4":
                return web.Response(status=302, headers={"Location": f"http://127.0.0.1:{self.port}/1"})
        return web.Response(status=500)

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        app = web.Application()
        app.router.add_get("/api/{which}", self.answer)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.port = runner.addresses[0][1]
        try:
            yield
        finally:
            await runner.cleanup()


class Lab:
    def __init__(self, house: House, service: StatusService) -> None:
        self.house = house
        self.service = service

    @asynccontextmanager
    async def call(self, number: str) -> AsyncIterator[OutgoingCall]:
        account = PhoneAccount(number, None, f"127.0.0.1:{self.house.asterisk.sip_port}", "", local_ip="127.0.0.2")
        async with Phone(account) as phone:
            call = await phone.call("100")
            await call.answered(10)
            yield call

    def write(self, flow: str) -> None:
        self.house.site.settings.flows[0].write_text(flow, "utf-8")

    def sound(self, opening_words: str, language: str = "fr") -> bytes:
        return self.house.sound_of(opening_words, language)

    async def spoken(self, words: str, language: str = "fr") -> bytes:
        """What a value sounds like."""
        path = await prompts_of(self.house.site).render(words, language)
        return read_wav(Path(f"{path}.wav"))

    async def path_of(self, number: str, call: OutgoingCall) -> list[str]:
        await call.hang_up()
        return list((await self.house.interaction(number)).ivr_path)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def lab(asterisk: RunningAsterisk, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Lab]:
    folder = tmp_path_factory.mktemp("lab")
    (folder / "lab.yaml").write_text(FLOW, "utf-8")
    service = StatusService()
    async with service.listening():
        overrides: dict[str, Any] = {
            "flows": ["lab.yaml"],
            "numbers": {"100": {"flow": "lab"}},
            "calendars": {
                "always": {"time_zone": "Europe/Paris", "week": {"monday-sunday": ["00:00-24:00"]}},
                "never": {
                    "time_zone": "Europe/Paris",
                    "week": {"monday-sunday": ["00:00-24:00"]},
                    "exceptions": {"2000-01-01..2000-01-02": []} | _closed_for_a_month(),
                },
            },
            "lookups": {"status": {"url": f"http://127.0.0.1:{service.port}/api"}},
        }
        async with open_house(asterisk, folder, overrides) as house, house.service():
            yield Lab(house, service)
            await house.is_quiet()


def _closed_for_a_month() -> dict[str, list[str]]:
    today = SystemClock().now().date()
    return {f"{today - timedelta(days=1)}..{today + timedelta(days=30)}": []}


@pytest.mark.parametrize("language", ["fr", "en"])
async def test_the_right_words_in_the_right_language(lab: Lab, language: str) -> None:
    openings = {"fr": ("Vous êtes", "Maintenant"), "en": ("You have", "Here is the second")}
    number = lab.house.new_number()
    async with lab.call(number) as call:
        await hears(call, lab.sound("Vous êtes"), "the first menu")
        mark = heard_so_far(call)
        await call.send_digits("5" + {"fr": "1", "en": "2"}[language])
        at = await hears(call, lab.sound(openings[language][0], language), "the first menu, asked for", mark)
        await call.send_digits("1")
        await hears(call, lab.sound(openings[language][1], language), "the second menu", at)
        other = {"fr": "en", "en": "fr"}[language]
        for words in openings[other]:
            assert match(since(call, mark), opening(lab.sound(words, other)))[0] < CLEARLY_ANOTHER
        assert match(call.recording, ending(lab.sound(openings[language][0], language)))[0] < CLEARLY_ANOTHER
        chosen = f"tongue:{1 if language == 'fr' else 2}"
        assert await lab.path_of(number, call) == ["opening", "first:5", chosen, "first:1", "second"]


@pytest.mark.parametrize("gap", [0.04, 0.1])
async def test_keys_typed_ahead_cross_three_menus(lab: Lab, gap: float) -> None:
    number = lab.house.new_number()
    async with lab.call(number) as call:
        await hears(call, lab.sound("Vous êtes"), "the first menu")
        await call.send_digits("111", duration=0.06, gap=gap)
        await lab.house.music.heard(call, heard_so_far(call))
        for words in ("Maintenant", "Enfin"):
            assert match(call.recording, ending(lab.sound(words)))[0] < CLEARLY_ANOTHER
        assert await lab.path_of(number, call) == ["opening", "first:1", "second:1", "third:1", "support"]


async def test_a_prompt_that_may_not_be_interrupted_keeps_the_key(lab: Lab) -> None:
    number = lab.house.new_number()
    async with lab.call(number) as call:
        await hears(call, lab.sound("Vous êtes"), "the first menu")
        await call.send_digits("4")
        at = await hears(call, lab.sound("Cet appel"), "the notice")
        await call.send_digits("1")
        await hears(call, lab.sound("Enfin"), "the third menu", at)
        assert match(since(call, at - 0.5), ending(lab.sound("Cet appel")))[0] > CLEARLY_ANOTHER


async def test_repeat_back_and_a_person(lab: Lab) -> None:
    number = lab.house.new_number()
    async with lab.call(number) as call:
        at = await hears(call, lab.sound("Vous êtes"), "the first menu")
        await call.send_digits("*")
        at = await hears(call, lab.sound("Vous êtes"), "the first menu again", at + 0.3)
        await call.send_digits("1")
        at = await hears(call, lab.sound("Maintenant"), "the second menu", at)
        await call.send_digits("#")
        at = await hears(call, lab.sound("Vous êtes"), "the first menu, gone back to", at)
        await call.send_digits("0")
        at = await hears(call, lab.sound("Voici quelqu'un"), "a person is announced", at)
        await lab.house.music.heard(call, at)
        path = await lab.path_of(number, call)
        assert path == ["opening", "first:* 1", "second:#", "first:0", "to_agent", "support"]


async def test_closed_and_when_it_opens(lab: Lab) -> None:
    async with lab.call(lab.house.new_number()) as call:
        await hears(call, lab.sound("Vous êtes"), "the first menu")
        await call.send_digits("2")
        at = await hears(call, lab.sound("Le centre"), "closed")
        await hears(call, lab.sound("merci"), "the end of the sentence", at)


async def test_a_service_that_answers(lab: Lab) -> None:
    number = lab.house.new_number()
    async with lab.call(number) as call:
        await hears(call, lab.sound("Vous êtes"), "the first menu")
        await call.send_digits("3" + GOOD)
        at = await hears(call, lab.sound("Le service annonce"), "the answer")
        at = await hears(call, await lab.spoken("vingt et un"), "the number", at)
        await hears(call, lab.sound("minutes"), "the unit", at)
        assert lab.service.seen[-1] == number


@pytest.mark.parametrize("which", [HANGS, RUBBISH, REDIRECTS, REFUSES])
async def test_a_service_that_does_not(lab: Lab, which: str) -> None:
    number = lab.house.new_number()
    async with lab.call(number) as call:
        await hears(call, lab.sound("Vous êtes"), "the first menu")
        await call.send_digits("3" + which)
        at = await hears(call, lab.sound("Hélas"), "the fallback")
        await lab.house.music.heard(call, at)
        path = await lab.path_of(number, call)
        assert path == ["opening", "first:3", f"services:{which}", "asked", "unanswered", "support"]


async def test_a_changed_menu_is_for_new_callers(lab: Lab) -> None:
    first, second = lab.house.new_number(), lab.house.new_number()
    async with lab.call(first) as call, lab.house.supervisor() as supervisor:
        at = await hears(call, lab.sound("Vous êtes"), "the first menu")
        try:
            lab.write(FLOW.replace("otherwise: support", "otherwise: suport", 1))
            code, said = await lab.house.reload()
            assert (code, "unknown node `suport`" in said) == (1, True)
            lab.write(FLOW.replace('"1": second', '"1": third, "6": second', 1))
            code, said = await lab.house.reload()
            assert (code, "flow lab: now version" in said) == (0, True), said
            await call.send_digits("1")
            await hears(call, lab.sound("Maintenant"), "the second menu, as when they entered", at)
            async with lab.call(second) as other:
                await hears(other, lab.sound("Vous êtes"), "the first menu")
                await other.send_digits("1")
                await hears(other, lab.sound("Enfin"), "the third menu, as it is now")
                await other.hang_up()
            await call.hang_up()
            versions = {(await lab.house.interaction(number)).flow for number in (first, second)}
            assert len(versions) == 2
            assert all(version and version.startswith("lab@") for version in versions)
        finally:
            lab.write(FLOW)
            await lab.house.reload()
        nodes = {node["node"]: node for node in await supervisor.get("/api/v1/ivr/nodes")}
        assert nodes["second"]["hang_ups"] >= 1
        assert nodes["first"]["exits"]["1"] >= 2
