"""Menus that ask the desk, the clock and HTTP services, on virtual time, in the whole service."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from acd.domain import events as ev
from acd.domain.caller import ContactCard
from acd.domain.ids import CallId
from acd.service.ports import KeyPressed, Stage
from tests.fakes.ports import START, FakeChannel
from tests.scenarios.world import World, world

FLOW = """\
flow: lab
languages: [fr, en]
start: opening
fallback: support
limits: {seconds: 300}
nodes:
  opening: {kind: hours, calendar: day, open: who, closed: closed, opens_at: reopens}
  closed: {kind: say, prompt: {fr: "Fermé jusqu'à {reopens:time}", en: "Closed until {reopens:time}"}, next: end}
  who:
    kind: branch
    cases:
      - {when: "vip and organisation == 'Clinique'", then: first}
      - {when: "not known and number_kind == 'e164'", then: ask}
    otherwise: menu
  first: {kind: set, priority: 0, next: support}
  ask:
    kind: lookup
    service: crm
    path: "/who/{caller_number}"
    into: {name: name}
    found: hello
    failed: menu
  hello: {kind: say, prompt: {fr: "Bonjour {name}", en: "Hello {name}"}, next: menu}
  menu:
    kind: menu
    prompt: {fr: Menu, en: Menu}
    choices: {"1": support, "2": number}
    otherwise: end
    no_input: {tries: 9}
  number:
    kind: collect
    prompt: {fr: Ticket, en: Ticket}
    digits: {max: 6}
    into: ticket
    check: ticket_of_caller
    on_valid: tell
    on_invalid: end
  tell:
    kind: speak_ticket
    statuses: {open: {fr: "Ouvert {ticket:digits}", en: "Open {ticket:digits}"}}
    otherwise: {fr: Autre, en: Other}
    next: support
  support: {kind: queue, queue: support}
  end: {kind: hangup}
"""
UNKNOWN = "+33612345678"


@asynccontextmanager
async def lab(tmp_path: Path) -> AsyncIterator[World]:
    (tmp_path / "lab.yaml").write_text(FLOW, "utf-8")
    calendar = {"time_zone": "Europe/Paris", "week": {"monday": ["08:00-18:00"]}}
    async with world(
        flows=[str(tmp_path / "lab.yaml")],
        numbers={"100": {"flow": "lab"}},
        calendars={"day": calendar},
        lookups={"crm": {"url": "http://127.0.0.1:1"}},
    ) as w:
        yield w


async def test_a_vip_goes_first(tmp_path: Path) -> None:
    async with lab(tmp_path) as w:
        card = ContactCard(contact_id="contact_1", name="Claire", organisation="Clinique", vip=True)
        w.desk.contacts[UNKNOWN] = [card]
        channel = w.caller("1.1")
        await w.settle()
        (queued,) = w.seen(ev.CallQueued)
        assert (queued.priority, channel.state["priority"]) == (0, "0")
        call = w.core.engine.state.calls[queued.call_id]
        assert [step.exit for step in call.ivr_path] == ["open", "case 1", "passed", "queued"]
        assert call.flow.startswith("lab@")


async def test_the_priority_follows_from_the_caller_and_the_choice_in_the_menu_and_says_so(tmp_path: Path) -> None:
    flow = FLOW.replace('"1": support,', '"1": support, "3": outage,')
    flow += "  outage: {kind: set, attributes: {reason: outage, secret: x}, next: support}\n"
    (tmp_path / "lab.yaml").write_text(flow, "utf-8")
    rules = [
        {"name": "VIP", "vip": True, "priority": 1},
        {"name": "outage", "menu": {"reason": "outage"}, "priority": 2},
    ]
    async with world(
        flows=[str(tmp_path / "lab.yaml")],
        numbers={"100": {"flow": "lab"}},
        calendars={"day": {"time_zone": "Europe/Paris", "week": {"monday": ["08:00-18:00"]}}},
        lookups={"crm": {"url": "http://127.0.0.1:1"}},
        routing={"priorities": rules},
    ) as w:
        w.desk.contacts["+33612345679"] = [ContactCard(contact_id="contact_1", name="Claire", vip=True)]
        channels = [w.caller("1.1"), w.caller("2.1", number="+33612345679"), w.caller("3.1")]
        await w.settle()
        for channel, key in zip(channels, "133", strict=True):
            channel.key(key)
        await w.settle()
        told = {event.call_id: (event.priority, event.priority_reason) for event in w.seen(ev.CallQueued)}
        assert told == {"call_1.1": (5, "the queue's own"), "call_2.1": (1, "VIP"), "call_3.1": (2, "outage")}
        assert w.core.engine.state.calls[CallId("call_3.1")].attributes == (("reason", "outage"),)
        # Back after control was lost: by the same rules in the same place.
        kept = channels[2].state
        channels[2].cut()
        await w.settle()
        w.caller("3.1", stage="waiting", queue="support", queued_at=START, ivr_session=kept["ivr_session"])
        await w.settle()
        assert len(w.seen(ev.CallQueued)) == 4
        assert w.seen(ev.CallQueued)[-1].priority_reason == "outage"


async def test_an_unknown_caller_is_asked_of_a_service(tmp_path: Path) -> None:
    async with lab(tmp_path) as w:
        w.lookups.answers["crm", "/who/%2B33612345678"] = {"name": "Dupont"}
        channel = w.caller("1.1")
        await w.settle()
        assert channel.heard == ["Bonjour", "Dupont", "Menu"]


async def test_a_service_that_fails_leads_on(tmp_path: Path) -> None:
    async with lab(tmp_path) as w:
        channel = w.caller("1.1")
        await w.settle()
        assert channel.heard == ["Menu"]


async def test_a_desk_that_is_down_leaves_everybody_unknown(tmp_path: Path) -> None:
    async with lab(tmp_path) as w:
        w.desk.is_down = True
        channel = w.caller("1.1")
        await w.settle()
        assert channel.heard == ["Menu"]
        assert channel.state["stage"] == Stage.IVR


async def test_closed(tmp_path: Path) -> None:
    async with lab(tmp_path) as w:
        w.clock.move(START + timedelta(hours=9))  # 19:00 in Paris, on a Monday
        channel = w.caller("1.1")
        await w.settle()
        assert channel.heard == ["Fermé jusqu'à", "huit heures"]
        assert channel.is_finished


async def test_a_ticket_is_told(tmp_path: Path) -> None:
    async with lab(tmp_path) as w:
        w.desk.tickets["1042"] = UNKNOWN
        channel = w.caller("1.1")
        channel.key("2")
        channel.key("1042#")
        await w.settle()
        assert channel.heard == ["Menu", "Ticket", "Ouvert", "un", "zéro", "quatre", "deux"]
        assert w.seen(ev.CallQueued)


async def test_the_longest_time_in_menus_ends_with_a_person(tmp_path: Path) -> None:
    async with lab(tmp_path) as w:
        channel = w.caller("1.1")
        await w.settle()
        await w.pass_time(299)
        channel.key("")
        await w.settle()
        assert not w.seen(ev.CallQueued)
        await w.pass_time(1)
        channel.key("")
        await w.settle()
        assert w.seen(ev.CallQueued)


async def test_a_call_taken_up_again_keeps_its_time(tmp_path: Path) -> None:
    async with lab(tmp_path) as w:
        first = w.caller("1.1")
        await w.settle()
        first.cut()
        await w.pass_time(301)
        again = w.caller("1.1", stage=Stage.IVR, ivr_session=first.state["ivr_session"])
        again.key("")
        await w.settle()
        assert w.seen(ev.CallQueued)


async def test_keys_go_to_the_channel_of_their_caller(tmp_path: Path) -> None:
    class Hearing(FakeChannel):
        pressed = ""

        def key_pressed(self, key: str) -> None:
            self.pressed += key

    async with lab(tmp_path) as w:
        channels = [Hearing("1.1"), Hearing("2.1")]
        for channel in channels:
            w.tasks.start(w.core.switchboard.take_call(channel), "call")
        await w.settle()
        for linkedid, key in (("1.1", "4"), ("2.1", "5"), ("1.1", "6"), ("9.9", "7")):
            w.telephony.hear(KeyPressed(linkedid, key))
        assert [channel.pressed for channel in channels] == ["46", "5"]


@pytest.mark.parametrize("number", ["anonymous", "+33612345678"])
async def test_figures_of_nodes(tmp_path: Path, number: str) -> None:
    async with lab(tmp_path) as w:
        channel = w.caller("1.1", number)
        await w.settle()
        await w.pass_time(4)
        channel.key("9")
        await w.settle()
        channel.key("1")
        await w.settle()
        menu = next(node for node in w.core.ivr_figures.figures() if node.node == "menu")
        assert (menu.entries, menu.exits, menu.no_matches, menu.median_seconds) == (1, {"1": 1}, 1, 4.0)
