"""Outage announcements in the whole service, on virtual time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from acd.domain import events as ev
from acd.domain.call import Result
from acd.domain.caller import ContactCard
from acd.service.ports import Stage
from tests.fakes.hotline import FakeMajorIncidents
from tests.fakes.ports import START, FakeChannel
from tests.scenarios.world import World, world
from ticketing.api import IncidentDraft

FLOW = """\
flow: lab
languages: [fr, en]
start: outage
fallback: support
nodes:
  outage:
    kind: announce
    prompt: {fr: {text: "{incident}", without: "Une panne."}, en: {text: "{incident}", without: "An outage."}}
    expected: {fr: "Fin {incident_expected:time}", en: "Back {incident_expected:time}"}
    offer: {fr: "Tapez 1", en: "Press 1"}
    on_attached: noted
    next: main
  noted: {kind: say, prompt: {fr: Noté, en: Noted}, next: bye}
  main: {kind: menu, prompt: {fr: Menu, en: Menu}, choices: {"1": support}, otherwise: support}
  support: {kind: queue, queue: support}
  bye: {kind: hangup}
"""
CALLER = "+33612345678"
MAIL = IncidentDraft(
    title="E-mail", site="Brest", sentences={"fr": "Panne"}, active_from=START, expected_at=START + timedelta(hours=2)
)


@asynccontextmanager
async def lab(tmp_path: Path) -> AsyncIterator[World]:
    (tmp_path / "lab.yaml").write_text(FLOW, "utf-8")
    async with world(flows=[str(tmp_path / "lab.yaml")], numbers={"100": {"flow": "lab"}}) as w:
        card = ContactCard(contact_id="contact_1", name="Claire", site="Brest")
        w.desk.contacts[CALLER] = [card]
        yield w


def _store(w: World) -> FakeMajorIncidents:
    assert isinstance(w.hotline.incidents, FakeMajorIncidents)
    return w.hotline.incidents


async def test_who_presses_the_key_is_deflected_and_noted(tmp_path: Path) -> None:
    async with lab(tmp_path) as w:
        incident = await w.core.incidents.declare(MAIL)
        channel = w.caller("1.1")
        channel.key("1")
        await w.settle()
        assert channel.heard == ["Panne", "Fin", "midi", "Tapez 1", "Noté"]
        assert channel.is_finished
        (ended,) = w.seen(ev.CallEnded)
        assert ended.termination.result is Result.DEFLECTED
        (caller,) = await _store(w).callers(incident.id, want_word=True)
        assert (caller.name, caller.number, caller.contact_id, caller.language) == ("Claire", CALLER, "contact_1", "fr")
        await w.until(lambda: "1.1" in w.desk.recorded)
        termination = w.desk.recorded["1.1"].termination
        assert termination is not None
        assert termination.result == "deflected"


async def test_who_stays_is_noted_as_having_rung(tmp_path: Path) -> None:
    async with lab(tmp_path) as w:
        incident = await w.core.incidents.declare(MAIL)
        channel = w.caller("1.1")
        channel.key("")
        channel.key("1")
        await w.settle()
        assert channel.heard[-1] == "Menu"
        (caller,) = await _store(w).callers(incident.id)
        assert not caller.wants_word
        assert w.seen(ev.CallQueued)


async def test_it_does_not_concern_another_site_nor_after_it_is_closed(tmp_path: Path) -> None:
    async with lab(tmp_path) as w:
        incident = await w.core.incidents.declare(MAIL)
        other = w.caller("1.1", "+33600000000")
        await w.settle()
        assert other.heard == ["Menu"]
        await w.core.incidents.close(incident.id, by="sarah")
        later = w.caller("2.1")
        await w.settle()
        assert later.heard == ["Menu"]


async def test_a_key_typed_ahead_deflects_nobody(tmp_path: Path) -> None:
    async with lab(tmp_path) as w:
        await w.core.incidents.declare(MAIL)
        channel = w.caller("1.1")
        channel.sound_times["Panne"] = timedelta(seconds=0.2)
        await w.settle()
        channel.key_pressed("1")
        await w.until(lambda: "Tapez 1" in channel.heard)
        assert not w.seen(ev.CallDeflected)
        channel.key("")
        await w.until(lambda: "Menu" in channel.heard)


async def test_an_anonymous_caller_hears_it_and_goes_on(tmp_path: Path) -> None:
    async with lab(tmp_path) as w:
        await w.core.incidents.declare(IncidentDraft(title="All", active_from=START))
        channel = w.caller("1.1", "anonymous")
        await w.settle()
        assert channel.heard == ["Une panne.", "Menu"]


async def test_when_it_cannot_be_noted_the_caller_goes_on(tmp_path: Path) -> None:
    async with lab(tmp_path) as w:
        await w.core.incidents.declare(MAIL)
        _store(w).is_down = True
        channel = w.caller("1.1")
        channel.key("1")
        await w.settle()
        assert channel.heard[-1] == "Menu"
        assert not w.seen(ev.CallDeflected)


async def test_a_call_taken_up_again_in_the_middle_of_it(tmp_path: Path) -> None:
    async with lab(tmp_path) as w:
        await w.core.incidents.declare(MAIL)
        first: FakeChannel = w.caller("1.1")
        first.key("")
        await w.settle()
        first.cut()
        await w.settle()
        again = w.caller("1.1", stage=Stage.IVR, ivr_session=first.state["ivr_session"])
        await w.settle()
        assert again.heard == ["Menu"]
