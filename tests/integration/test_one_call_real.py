"""One call, the whole way, on a real Asterisk: what the caller hears, what the agent sees, what stays behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from acd.phone import EndedBy, OutgoingCall
from tests.integration.asterisk_fixture import RunningAsterisk
from tests.integration.hearing import (
    HIGH,
    LOW,
    ending,
    heard_so_far,
    hears,
    hears_tone,
    match,
    opening,
    seconds_of,
    since,
)
from tests.integration.house import MAIN, WELCOME, House, Ring, Seat, open_house
from tests.integration.screen import Frame, Screen
from ticketing import api as ticketing

pytestmark = pytest.mark.asyncio(loop_scope="module")

CLEARLY_ANOTHER = 0.5  # a wrong prompt scores below; the right one above SAME
TOLERANCE = timedelta(seconds=1.5)  # Asterisk counts the start of a call in whole seconds


@pytest_asyncio.fixture(loop_scope="module")
async def house(asterisk: RunningAsterisk, tmp_path: Path) -> AsyncIterator[House]:
    """A service of its own: the figures begin at zero."""
    async with open_house(asterisk, tmp_path) as opened, opened.service():
        yield opened
        await opened.is_quiet()


async def test_one_call_from_the_greeting_to_the_ticket(house: House) -> None:
    number = house.new_number()
    claire = await house.contact("Claire Moreau", number, vip=True, organisation="Clinique Saint-Roch", contract="gold")
    old_ticket = await house.open_ticket(claire, "No network in room 12")
    async with (
        house.supervisor() as supervisor,
        house.agent("Alice Martin", is_ready=False) as alice,
        house.agent("Bruno Keller", is_ready=False) as bruno,
        house.caller(number, "Claire M.") as call,
    ):
        await _hears_the_menu(house, call)
        waiting = await house.call_that(supervisor, number, "waiting")
        assert (waiting["is_vip"], waiting["contact_names"]) == (True, ["Claire Moreau"])
        await house.music.heard(call)
        await supervisor.frame("queues", lambda views: any(view["waiting"] == 1 for view in views))

        await alice.goes_ready()
        ring = await alice.rings(number)
        _pop_is_complete(ring.data, claire, old_ticket)
        assert ring.pop.arrived_at < ring.call.invited_at, "the phone was rung before the screen showed who calls"
        assert not bruno.screen.of("offer")
        assert not bruno.phone.calls

        await house.music.heard(call)  # while it rings, too
        ring.call.answer()
        await asyncio.gather(hears_tone(call, LOW), hears_tone(ring.call, HIGH))
        await alice.screen.frame("call", lambda data: data["stage"] == "talking")
        await ring.call.hang_up()
        assert (await call.ended(5)).by is EndedBy.REMOTE
        committed = await alice.wraps_up(code="solved", note="Cable replaced.\nTested.", title="Wall socket dead")

        interaction = await house.interaction(number)
        await _interaction_is_true(house, interaction, call, ring)
        await _ticket_is_true(house, interaction, committed, claire, alice)
        await _figures_add_up(house, supervisor, interaction)
        assert not bruno.screen.of("offer")


async def _hears_the_menu(house: House, call: OutgoingCall) -> None:
    """Each prompt is the right one and no other, and stops when a key is pressed."""
    at_welcome = await hears(call, house.sound(WELCOME), "the welcome")
    assert match(call.recording, opening(house.sound(MAIN, "en")))[0] < CLEARLY_ANOTHER
    await call.send_digits("1")
    at_main = await hears(call, house.sound(MAIN), "the main menu", at_welcome)
    assert at_main - at_welcome < seconds_of(house.sound(WELCOME)), "the key has not interrupted the welcome"
    for never_said in (ending(house.sound(WELCOME)), opening(house.sound(WELCOME, "en"))):
        assert match(call.recording, never_said)[0] < CLEARLY_ANOTHER
    assert match(since(call, at_main), opening(house.sound(MAIN, "en")))[0] < CLEARLY_ANOTHER
    await call.send_digits("1")
    at_key = heard_so_far(call)
    await house.music.heard(call, at_key)
    assert match(call.recording, ending(house.sound(MAIN)))[0] < CLEARLY_ANOTHER
    assert match(since(call, at_key), opening(house.sound(MAIN)))[0] < CLEARLY_ANOTHER


def _pop_is_complete(pop: dict[str, object], contact: ticketing.Contact, old_ticket: str) -> None:
    assert isinstance(pop["contacts"], list)
    assert isinstance(pop["ivr_path"], list)
    assert isinstance(pop["context"], dict)
    assert isinstance(pop["wait_seconds"], float)
    (card,) = pop["contacts"]
    assert (card["contact_id"], card["name"], card["vip"]) == (contact.id, "Claire Moreau", True)
    assert (card["organisation"], card["contract"]) == ("Clinique Saint-Roch", "gold")
    assert (pop["certainty"], pop["caller_name"], pop["language"]) == ("known", "Claire M.", "fr")
    assert (pop["queue"], pop["queue_label"], pop["attempt"]) == ("support", "Support", 1)
    steps = [(step["node"], step["keys"]) for step in pop["ivr_path"]]
    assert steps == [
        ("welcome", "1"),
        ("opening", ""),
        ("outage", ""),
        ("main", "1"),
        ("incident", ""),
        ("support", ""),
    ]
    assert [ticket["number"] for ticket in pop["context"]["open_tickets"]] == [old_ticket]
    assert pop["context"]["open_tickets"][0]["title"] == "No network in room 12"
    assert pop["context"]["missing"] == []
    assert pop["ticket"] == {"number": None, "title": "Support: Claire Moreau"}
    assert pop["wait_seconds"] > 1  # a second of music was heard meanwhile


async def _interaction_is_true(
    house: House, interaction: ticketing.Interaction, call: OutgoingCall, ring: Ring
) -> None:
    instants = [
        interaction.started_at,
        interaction.queued_at,
        interaction.offered_at,
        interaction.answered_at,
        interaction.talk_ended_at,
        interaction.ended_at,
        interaction.wrap_up_ended_at,
    ]
    known = [instant for instant in instants if instant is not None]
    assert len(known) == len(instants)
    assert all(earlier <= later for earlier, later in pairwise(known)), known
    now = asyncio.get_running_loop().time()
    seen = {
        "started": (interaction.started_at, call.invited_at),
        "offered": (interaction.offered_at, ring.pop.arrived_at),
        "answered": (interaction.answered_at, ring.call.answered_at),
        "talk ended": (interaction.talk_ended_at, ring.call.ended_at),
        "ended": (interaction.ended_at, call.ended_at),
    }
    for what, (told, phone) in seen.items():
        assert told is not None, what
        assert phone is not None, what
        assert abs(told - house.instant(phone, now)) < TOLERANCE, what
    assert (interaction.queue, interaction.language, interaction.called_number) == ("support", "fr", "100")
    assert interaction.ivr_path == ("welcome:1", "opening", "outage", "main:1", "incident", "support")
    assert (interaction.certainty, interaction.caller_name) == (ticketing.Certainty.KNOWN, "Claire M.")
    assert (interaction.termination_result, interaction.termination_reason) == ("answered", "agent_hung_up")


async def _ticket_is_true(
    house: House, interaction: ticketing.Interaction, committed: Frame, contact: ticketing.Contact, agent: Seat
) -> None:
    number = committed.data["number"]
    assert committed.data["to_qualify"] is False
    assert (interaction.ticket_number, interaction.agent_id) == (number, agent.agent_id)
    ticket = await house.desk.find_ticket(number)
    assert ticket is not None
    assert (ticket.title, ticket.contact_id, ticket.queue) == ("Wall socket dead", contact.id, "support")
    assert (ticket.owner_agent_id, ticket.to_qualify) == (agent.agent_id, False)
    assert (ticket.requested_at, ticket.first_response_at) == (interaction.queued_at, interaction.answered_at)
    (message,) = await house.desk.messages(ticket.number)
    assert message.body.startswith("Cable replaced.\nTested.\n")
    assert "Code: solved" in message.body
    assert "Menu: welcome:1 > opening > outage > main:1 > incident > support" in message.body
    assert (message.author, message.linkedid) == (agent.agent_id, interaction.linkedid)
    (linked,) = await house.desk.interactions_of(ticket.number)
    assert linked.linkedid == interaction.linkedid


async def _figures_add_up(house: House, supervisor: Screen, interaction: ticketing.Interaction) -> None:
    assert interaction.queued_at is not None
    assert interaction.answered_at is not None
    waited = (interaction.answered_at - interaction.queued_at).total_seconds()
    figures = await house.queue(supervisor)
    assert [figures[name] for name in ("offered", "answered", "waiting", "abandoned", "no_answers")] == [1, 1, 0, 0, 0]
    assert figures["average_speed_of_answer_seconds"] == pytest.approx(waited, abs=0.001)
    assert figures["service_level"] == 1.0
    fed = await supervisor.frame(
        "queues",
        lambda views: any(
            view["name"] == "support" and view["average_handle_time_seconds"] is not None for view in views
        ),
    )
    assert next(view for view in fed.data if view["name"] == "support") == figures
    metrics = (await supervisor.text("/metrics")).splitlines()
    for line in (
        'guichet_calls_offered_total{queue="support"} 1.0',
        'guichet_calls_answered_total{queue="support"} 1.0',
        'guichet_calls_abandoned_total{queue="support"} 0.0',
        'guichet_queue_waiting{queue="support"} 0.0',
        'guichet_reservations_total{outcome="accepted"} 1.0',
        'guichet_tickets_committed_total{to_qualify="false"} 1.0',
    ):
        assert line in metrics
    async with aiohttp.ClientSession(house.url) as http:
        for path in ("/healthz", "/readyz"):
            async with http.get(path) as response:
                assert response.status == 200


BRIEF = """
flow: brief
languages: [fr, en]
start: welcome
fallback: support
no_input: {fr: "Rien.", en: "Nothing."}
no_match: {fr: "Non.", en: "No."}
nodes:
  welcome:
    kind: language
    prompt: {fr: "Bonjour.", en: "Hello."}
    choices: {"1": fr, "2": en}
    timeout_seconds: 0.3
    no_input: {tries: 2}
    default: fr
    next: main
  main:
    kind: menu
    prompt: {fr: "Choisissez maintenant.", en: "Choose now."}
    choices: {"1": support, "2": orders}
    timeout_seconds: 0.3
    no_input: {tries: 2}
    no_match: {tries: 2}
    otherwise: to_agent
  to_agent:
    kind: say
    prompt: {fr: "Voici un conseiller.", en: "Here is somebody."}
    next: support
  support: {kind: queue, queue: support}
  orders: {kind: queue, queue: orders}
"""


async def test_a_caller_who_never_presses_a_key_reaches_support(asterisk: RunningAsterisk, tmp_path: Path) -> None:
    """With a menu that speaks briefly; the shipped one takes a minute for it, and is walked in the unit tests."""
    (tmp_path / "brief.yaml").write_text(BRIEF)
    overrides = {"flows": [str(tmp_path / "brief.yaml")], "numbers": {"100": {"flow": "brief"}}}
    async with open_house(asterisk, tmp_path, overrides) as house, house.service():
        number = house.new_number()
        async with house.agent() as agent, house.caller(number) as call:
            at = 0.0
            for said in ("Bonjour", "Choisissez", "Rien", "Voici"):
                at = await hears(call, house.sound_of(said), said, at)
            pop = (await agent.takes(number)).data
        assert pop["queue"] == "support"
        assert [step["node"] for step in pop["ivr_path"]][-2:] == ["to_agent", "support"]
        await house.is_quiet()
