"""Requests of the catalogue in the whole service, on virtual time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from acd.domain import events as ev
from acd.domain.caller import ContactCard
from tests.fakes.hotline import FakeContactPins, FakeServiceRequests
from tests.fakes.ports import FakeChannel
from tests.scenarios.world import World, world
from ticketing.api import ContactId

FLOW = """\
flow: lab
languages: [fr, en]
start: account
fallback: support
nodes:
  account:
    kind: collect
    prompt: {fr: Compte, en: Account}
    digits: {max: 6}
    into: account
    on_valid: reset
    on_invalid: support
  reset:
    kind: request
    item: password_reset
    proof: pin
    prompt: {fr: Code, en: PIN}
    opened: tell
    failed: support
  tell: {kind: say, prompt: {fr: "Ticket {ticket:digits}", en: "Ticket {ticket:digits}"}, next: bye}
  support: {kind: queue, queue: support}
  bye: {kind: hangup}
"""
CALLER, JEANNE = "+33612345678", ContactId("contact_1")


@asynccontextmanager
async def lab(tmp_path: Path) -> AsyncIterator[World]:
    (tmp_path / "lab.yaml").write_text(FLOW, "utf-8")
    item = {"label": "Password reset", "title": "Password of {contact}", "queue": "support", "fields": ["account"]}
    async with world(
        flows=[str(tmp_path / "lab.yaml")],
        numbers={"100": {"flow": "lab"}},
        catalogue={"password_reset": item},
    ) as w:
        w.desk.contacts[CALLER] = [ContactCard(contact_id=JEANNE, name="Jeanne")]
        await w.hotline.pins.set_pin(JEANNE, "4711")
        yield w


async def _calls(w: World, linkedid: str, *keys: str) -> FakeChannel:
    channel = w.caller(linkedid)
    for each in keys:
        channel.key(each)
    await w.settle()
    return channel


async def test_a_password_reset_without_an_agent(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with lab(tmp_path) as w:
        channel = await _calls(w, "1.1", "1042#", "4711#")
        assert isinstance(w.hotline.requests, FakeServiceRequests)
        ((number, request),) = w.hotline.requests.opened.values()
        assert (request.title, request.answers, request.proof) == ("Password of Jeanne", {"account": "1042"}, "pin")
        assert (request.contact_id, request.queue) == (JEANNE, "support")
        assert len(channel.heard) == 2 + 1 + len(number)
        assert channel.is_finished
        assert "4711" not in caplog.text
        assert all("4711" not in str(event) for event in w.events)


async def test_after_too_many_wrong_pins_even_the_right_one_does_not_help(tmp_path: Path) -> None:
    async with lab(tmp_path) as w:
        await _calls(w, "1.1", "1#", "1111#", "2222#", "3333#")
        await _calls(w, "2.1", "1#", "4444#", "5555#", "6666#")
        channel = await _calls(w, "3.1", "1#", "4711#")
        assert isinstance(w.hotline.requests, FakeServiceRequests)
        assert w.hotline.requests.opened == {}
        assert len(w.seen(ev.CallQueued)) == 3
        assert channel.heard == ["Compte", "Code"]
        await w.pass_time(1800)
        await _calls(w, "4.1", "1#", "4711#")
        assert len(w.hotline.requests.opened) == 1


@pytest.mark.parametrize("trouble", ["nobody", "no pin", "pins down", "requests down"])
async def test_whatever_is_in_the_way_leads_to_a_person(tmp_path: Path, trouble: str) -> None:
    async with lab(tmp_path) as w:
        pins, requests = w.hotline.pins, w.hotline.requests
        assert isinstance(pins, FakeContactPins)
        assert isinstance(requests, FakeServiceRequests)
        match trouble:
            case "nobody":
                w.desk.contacts.clear()
            case "no pin":
                await pins.set_pin(JEANNE, None)
            case "pins down":
                pins.is_down = True
            case "requests down":
                requests.is_down = True
        await _calls(w, "1.1", "1#", "4711#")
        assert len(w.seen(ev.CallQueued)) == 1
        assert requests.opened == {}
