"""What callers do without an agent, on a real Asterisk: an outage heard and left, a request behind a PIN, a survey."""

from __future__ import annotations

import os
import signal
import wave
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from acd.equipment import prompts_of
from acd.phone import EndedBy, OutgoingCall
from acd.phone.audio import read_wav, tone_level
from tests.integration.asterisk_fixture import RunningAsterisk
from tests.integration.hearing import HIGH, TONE_LEVEL, heard_so_far, hears
from tests.integration.house import House, open_house
from tests.integration.screen import Screen
from tests.integration.waiting import PATIENCE, until
from ticketing import api as ticketing

pytestmark = pytest.mark.asyncio(loop_scope="module")

HOTLINE = """\
flow: lab
languages: [fr, en]
start: tongue
fallback: support
nodes:
  tongue:
    kind: language
    prompt: {fr: "Bienvenue, choisissez votre langue.", en: "Welcome, choose your language."}
    choices: {"1": fr, "2": en}
    default: fr
    next: outage
  outage:
    kind: announce
    prompt: {fr: {text: "{incident}", without: "Une panne."}, en: {text: "{incident}", without: "An outage."}}
    offer: {fr: "Pour être prévenu, tapez un maintenant.", en: "To be told about it, press one now."}
    on_attached: noted
    next: main
  noted:
    kind: say
    prompt: {fr: "C'est noté, nous vous préviendrons, au revoir.", en: "Noted, we shall tell you, goodbye."}
    next: bye
  main:
    kind: menu
    prompt: {fr: "Voici le menu principal. Tapez un ou deux.", en: "This is the main menu. Press one or two."}
    choices: {"1": support, "2": reset}
    otherwise: support
  reset:
    kind: request
    item: password_reset
    proof: pin
    prompt: {fr: "Quel est votre code personnel ? Puis dièse.", en: "What is your personal code? Then hash."}
    no_match: {prompt: {fr: "Hélas, ce code est faux.", en: "Alas, that code is wrong."}}
    opened: told
    failed: support
  told:
    kind: say
    prompt: {fr: "Votre demande est enregistrée, merci.", en: "Your request has been noted, thank you."}
    next: bye
  support: {kind: queue, queue: support}
  bye: {kind: hangup}
"""
OPINION = """\
flow: opinion
languages: [fr, en]
start: content
fallback: bye
nodes:
  content:
    kind: survey
    measure: csat
    prompt: {fr: "De un à cinq, êtes-vous satisfait de cet appel ?", en: "From one to five, are you content?"}
    next: recommend
  recommend:
    kind: survey
    measure: nps
    prompt: {fr: "Sur dix, nous recommanderiez-vous à un ami ?", en: "Out of ten, would you recommend us?"}
    next: settled
  settled:
    kind: survey
    measure: resolved
    prompt: {fr: "Votre problème est-il maintenant résolu ?", en: "Has your problem been settled?"}
    next: words
  words:
    kind: survey
    measure: comment
    prompt: {fr: "Parlez librement après le signal sonore.", en: "Speak freely after the tone."}
    next: thanks
  thanks: {kind: say, prompt: {fr: "Mille mercis de votre avis.", en: "Many thanks for your word."}, next: bye}
  bye: {kind: hangup}
"""
SENTENCES = {"fr": "La messagerie du site de Brest ne répond plus.", "en": "Electronic mail in Brest does not answer."}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def house(asterisk: RunningAsterisk, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """Without a service yet."""
    folder = tmp_path_factory.mktemp("hotline")
    for name, text in (("lab", HOTLINE), ("opinion", OPINION)):
        (folder / f"{name}.yaml").write_text(text, "utf-8")
    overrides: dict[str, Any] = {
        "flows": ["lab.yaml", "opinion.yaml"],
        "numbers": {"100": {"flow": "lab", "survey": {"flow": "opinion"}}},
        "catalogue": {"password_reset": {"label": "Password reset", "title": "Password of {contact}"}},
    }
    async with open_house(asterisk, folder, overrides) as opened:
        yield opened
        await opened.is_quiet()


@dataclass(frozen=True)
class Served:
    house: House
    supervisor: Screen
    pid: int


async def _sound(house: House, words: str, language: str) -> bytes:
    """Of a sentence that is no prompt of a flow."""
    path = await prompts_of(house.site).render(words, language)
    return read_wav(Path(f"{path}.wav"))


async def _is_let_go(call: OutgoingCall) -> None:
    end = await call.ended(PATIENCE)
    assert end.by is EndedBy.REMOTE


async def _survey_of(supervisor: Screen, number_of_answers: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    found: list[dict[str, Any]] = []

    async def is_there() -> bool:
        found[:] = [one for one in await supervisor.get("/api/v1/surveys") if number_of_answers(one)]
        return bool(found)

    await until(is_there, "the answers are kept", every=0.1)
    return found[0]


@asynccontextmanager
async def _after_a_talk(house: House, number: str, supervisor: Screen) -> AsyncIterator[OutgoingCall]:
    """A caller whose agent has hung up, and is in wrap-up."""
    async with house.agent() as alice, house.caller(number) as call:
        await hears(call, house.sound_of("Bienvenue, choisissez"), "the welcome")
        await call.send_digits("11")
        ring = await alice.takes(number)
        mark = heard_so_far(call)
        await ring.call.hang_up()
        await hears(call, house.sound_of("De un à cinq"), "the first question", mark)
        await alice.screen.becomes("wrap_up")
        await alice.wraps_up(title="Printer", code="solved")
        await alice.screen.becomes("ready")
        yield call


@pytest.mark.parametrize(("language", "key"), [("fr", "1"), ("en", "2")])
async def test_an_outage_is_heard_in_both_languages_and_deflects(served: Served, language: str, key: str) -> None:
    house, supervisor = served.house, served.supervisor
    number = house.new_number()
    caller = await house.contact("Claire Morel", number, site="Brest")
    wish = {"title": "E-mail", "site": "brest", "sentences": SENTENCES}
    declared = (await supervisor.post("/api/v1/incidents", wish)).body
    incident = f"/api/v1/incidents/{declared['incident_id']}"
    try:
        async with house.caller(number) as call:
            at = await hears(call, house.sound_of("Bienvenue, choisissez"), "the welcome")
            await call.send_digits(key)
            at = await hears(call, await _sound(house, SENTENCES[language], language), "the outage", at)
            opening_words = {"fr": "Pour être prévenu", "en": "To be told about"}[language]
            at = await hears(call, house.sound_of(opening_words, language), "the offer", at)
            await call.send_digits("1")
            await hears(call, house.sound_of({"fr": "C'est noté", "en": "Noted"}[language], language), "noted", at)
            await _is_let_go(call)
        interaction = await house.interaction(number)
        assert (interaction.termination_result, interaction.ivr_path[:2]) == (
            "deflected",
            (f"tongue:{key}", "outage:1"),
        )
        (rang,) = await supervisor.get(f"{incident}/callers")
        assert (rang["wants_word"], rang["name"], rang["language"]) == (True, caller.name, language)
    finally:
        closed = (await supervisor.post(f"{incident}/close")).body
    assert [one["number"] for one in closed["to_be_told"]] == [number]
    async with house.caller(number) as call:
        at = await hears(call, house.sound_of("Bienvenue, choisissez"), "the welcome")
        await call.send_digits("1")
        await hears(call, house.sound_of("Voici le menu"), "the menu at once: it is over", at)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def served(house: House) -> AsyncIterator[Served]:
    async with house.service() as pid, house.supervisor() as supervisor:
        yield Served(house, supervisor, pid)


async def test_a_request_behind_a_pin(served: Served) -> None:
    house, supervisor = served.house, served.supervisor
    number = house.new_number()
    contact = await house.contact("Jeanne Dupont", number)
    given = await supervisor.put(f"/api/v1/contacts/{contact.id}/pin", {"pin": "4711"})
    assert given == 204
    async with house.caller(number) as call:
        at = await hears(call, house.sound_of("Bienvenue, choisissez"), "the welcome")
        await call.send_digits("12")
        at = await hears(call, house.sound_of("Quel est votre code"), "the question", at)
        await call.send_digits("4712#")
        at = await hears(call, house.sound_of("Hélas, ce code"), "it is wrong", at)
        await call.send_digits("4711#")
        await hears(call, house.sound_of("Votre demande"), "it is asked for", at)
        await _is_let_go(call)
    interaction = await house.interaction(number)
    assert interaction.ivr_path == ("tongue:1", "outage", "main:2", "reset", "told", "bye")
    (ticket,) = await house.desk.tickets(ticketing.TicketFilter(contact_id=contact.id))
    assert (ticket.title, ticket.category) == ("Password of Jeanne Dupont", "request")
    folder = house.settings.flows[0].parent
    logs = [path.read_text("utf-8") for path in folder.glob("guichet-*.log")]
    assert logs
    assert not any("4711" in text for text in logs)


async def test_a_survey_with_a_spoken_comment(served: Served) -> None:
    house, supervisor = served.house, served.supervisor
    number = house.new_number()
    async with _after_a_talk(house, number, supervisor) as call:
        await call.send_digits("4")
        at = await hears(call, house.sound_of("Sur dix"), "the second question")
        await call.send_digits("10")
        at = await hears(call, house.sound_of("Votre problème"), "the third", at)
        await call.send_digits("1")
        at = await hears(call, house.sound_of("Parlez librement"), "the fourth", at)
        comments = house.settings.data_dir / "surveys"
        await until(lambda: any(path.stat().st_size > 40_000 for path in comments.glob("*")), "it is being recorded")
        await call.send_digits("#")
        await hears(call, house.sound_of("Mille mercis"), "the thanks", at)
        await _is_let_go(call)
    survey = await _survey_of(supervisor, lambda one: bool(one["has_comment"]))
    assert (survey["csat"], survey["nps"], survey["is_resolved"], survey["language"]) == (4, 10, True, "fr")
    assert survey["comment_seconds"] > 1
    interaction = await house.interaction(number)
    assert (interaction.termination_result, survey["linkedid"]) == ("answered", interaction.linkedid)
    assert survey["ticket_number"] == interaction.ticket_number is not None
    (recorded,) = (house.settings.data_dir / "surveys").glob("*-words.wav")
    with wave.open(str(recorded)) as file:
        pcm = file.readframes(file.getnframes())
    assert tone_level(pcm[16_000:32_000], HIGH) > TONE_LEVEL
    (every, support) = await supervisor.get("/api/v1/surveys/figures")
    assert (every["answered"], support["csat"], support["nps"]) == (1, 1.0, 100.0)


async def test_a_service_killed_in_the_middle_of_a_survey(served: Served) -> None:
    """The caller hears music, and the question that was open; the agent of before is not disturbed."""
    house, supervisor = served.house, served.supervisor
    number = house.new_number()
    async with _after_a_talk(house, number, supervisor) as call:
        await call.send_digits("2")
        await hears(call, house.sound_of("Sur dix"), "the second question")
        os.kill(served.pid, signal.SIGKILL)
        left_at = heard_so_far(call)
        await house.music.heard(call)
        async with house.service(), house.supervisor() as other, house.agent("Bruno", is_ready=False) as bruno:
            await hears(call, house.sound_of("Sur dix"), "the second question again", left_at)
            assert bruno.screen.agent["state"] == "not_ready"
            await call.send_digits("3#")
            await hears(call, house.sound_of("Votre problème"), "the third", left_at)
            await call.hang_up()
            survey = await _survey_of(other, lambda one: one["csat"] == 2 and one["nps"] == 3)
            interaction = await house.interaction(number)
            assert (interaction.termination_result, survey["linkedid"]) == ("answered", interaction.linkedid)
            assert interaction.ticket_number is not None
            agents = await other.get("/api/v1/agents")
            assert {agent["state"] for agent in agents} <= {
                "logged_out",
                "not_ready",
                "ready",
            }
