"""Major incidents over HTTP: declared, seen, closed, and who has to be told."""

from __future__ import annotations

from datetime import timedelta

from tests.fakes.hotline import FakeMajorIncidents
from tests.fakes.web_world import ALICE, SARAH, StillClock, WebWorld
from tests.unit.acd.web.conftest import Browse
from ticketing.api import IncidentCaller, IncidentDraft, IncidentId

INCIDENTS = "/api/v1/incidents"


async def test_an_incident_from_its_declaration_to_the_last_who_is_told(
    browse: Browse, world: WebWorld, clock: StillClock
) -> None:
    sarah, alice = await browse(SARAH), await browse(ALICE)
    wish = {"title": "E-mail is down", "site": "Brest", "sentences": {"fr": "La messagerie est en panne."}}
    expected_at = clock.now() + timedelta(hours=2)
    status, declared = await sarah.send("POST", INCIDENTS, wish | {"expected_at": expected_at.isoformat()})
    assert (status, declared["is_active"], declared["declared_by"]) == (200, True, "sarah")
    incident = world.incidents.foremost("brest", ())
    assert incident is not None
    assert world.incidents.expected(incident) == "2026-11-21T12:00+01:00"
    assert world.incidents.foremost("Lyon", ()) is None
    for linkedid, wants_word in (("1.1", True), ("2.1", False)):
        caller = IncidentCaller(linkedid=linkedid, rang_at=clock.now(), number="+33612345678", wants_word=wants_word)
        await world.hotline.incidents.note_caller(IncidentId(declared["incident_id"]), caller)
    (seen,) = (await alice.send("GET", INCIDENTS))[1]
    assert (seen["rang"], seen["want_word"], seen["told"]) == (2, 1, 0)
    one = f"{INCIDENTS}/{declared['incident_id']}"
    assert len((await sarah.send("GET", f"{one}/callers"))[1]) == 2
    status, closed = await sarah.send("POST", f"{one}/close")
    assert (status, closed["incident"]["closed_by"]) == (200, "sarah")
    assert [caller["linkedid"] for caller in closed["to_be_told"]] == ["1.1"]
    assert world.incidents.foremost("Brest", ()) is None
    assert (await sarah.send("POST", f"{one}/callers/1.1/told"))[0] == 204
    assert (await sarah.send("POST", f"{one}/callers/2.1/told"))[0] == 404
    assert (await sarah.send("POST", f"{one}/close"))[1]["to_be_told"] == []


async def test_agents_see_incidents_and_no_more(browse: Browse) -> None:
    alice = await browse(ALICE)
    assert (await alice.send("POST", INCIDENTS, {"title": "x"}))[0] == 403
    assert (await alice.send("POST", f"{INCIDENTS}/incident_1/close"))[0] == 403


async def test_what_cannot_be_declared_is_named(browse: Browse) -> None:
    sarah = await browse(SARAH)
    status, answer = await sarah.send("POST", INCIDENTS, {"title": "x", "sentences": {"fr": "a" * 300}})
    assert (status, answer["error"]["id"]) == (400, "incident.invalid")
    assert answer["error"]["message"].startswith("sentences.fr")
    status, answer = await sarah.send("POST", f"{INCIDENTS}/incident_7/close")
    assert (status, answer["error"]["id"]) == (404, "incident.not_found")


async def test_another_node_closes_and_declares(world: WebWorld, clock: StillClock) -> None:

    draft = IncidentDraft(title="x", active_from=clock.now() + timedelta(minutes=1))
    incident = await world.hotline.incidents.declare(draft, clock.now())
    await world.incidents.refresh()
    assert world.incidents.foremost("", ()) is None  # not yet
    clock.advance(60)
    assert world.incidents.foremost("", ()) == incident
    await world.hotline.incidents.close(incident.id, by="x", at=clock.now())
    await world.incidents.refresh()
    assert world.incidents.active == ()


async def test_a_database_that_is_down_leaves_what_was_known(world: WebWorld, clock: StillClock) -> None:

    incident = await world.incidents.declare(IncidentDraft(title="x", active_from=clock.now()))
    store = world.hotline.incidents
    assert isinstance(store, FakeMajorIncidents)
    store.is_down = True
    await world.incidents.refresh()
    assert world.incidents.foremost("", ()) == incident
    caller = IncidentCaller(linkedid="1.1", rang_at=clock.now())
    assert not await world.incidents.attach(incident.id, caller)
