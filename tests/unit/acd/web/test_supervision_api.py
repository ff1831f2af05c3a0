"""What supervisors do over HTTP, the audit log of it, and what agents do beside taking calls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from acd.domain import commands as cmd
from acd.domain.people import OfferMode, PeopleRules, ReasonPolicy
from acd.domain.queue import RoutingRules
from acd.service.feeds import Feed
from acd.service.ports import MonitorMode
from tests.fakes.web_world import ALICE, BOB, ORDERS, SARAH, WebWorld
from tests.unit.acd.web.conftest import Browse
from tests.unit.acd.web.test_api import ticket_of_a_call

ME = "/api/v1/agents/me"
WHY = {"why": "Fire drill"}


def frames_of(feed: Feed) -> Callable[[], list[tuple[str, Any]]]:
    """What a screen of this feed is shown from now on."""
    shown: list[tuple[str, Any]] = []
    publish = feed.publish

    def note(kind: str, data: Any) -> None:
        shown.append((kind, data))
        publish(kind, data)

    feed.publish = note  # type: ignore[method-assign]  # looked at from outside
    return lambda: shown


async def test_a_supervisor_changes_a_state_and_says_why(browse: Browse, world: WebWorld) -> None:
    await browse(ALICE)
    sarah = await browse(SARAH)
    path = "/api/v1/agents/agent_alice/state"
    assert (await sarah.send("POST", path, {"state": "ready", **WHY}))[1]["state"] == "ready"
    _, view = await sarah.send("POST", path, {"state": "not_ready", **WHY})
    assert (view["state"], view["reason"]) == ("not_ready", "supervisor")
    assert (await sarah.send("POST", path, {"state": "logged_out", **WHY}))[1]["state"] == "logged_out"
    assert (await sarah.send("POST", path, {"state": "ready", **WHY}))[0] == 409
    assert (await sarah.send("POST", path, {"state": "ready"}))[0] == 400
    assert (await sarah.send("POST", "/api/v1/agents/agent_x/state", {"state": "ready", **WHY}))[0] == 404
    _, entries = await sarah.send("GET", "/api/v1/audit?who=sarah")
    assert [(entry["outcome"], entry["details"].get("state")) for entry in entries] == [
        ("agent.unknown", "ready"),
        ("agent.wrong_state", "ready"),
        ("done", "logged_out"),
        ("done", "not_ready"),
        ("done", "ready"),
    ]
    assert entries[2]["subject"] == "agent_alice"
    assert {entry["reason"] for entry in entries} == {"Fire drill"}
    assert (await sarah.send("GET", f"/api/v1/audit?before={entries[1]['entry_id']}"))[1] == entries[2:]
    assert (await sarah.send("GET", "/api/v1/audit?before=x"))[0] == 400


async def test_without_the_audit_log_nothing_is_done(browse: Browse, world: WebWorld) -> None:
    await browse(ALICE)
    sarah = await browse(SARAH)
    world.audit.is_down = True
    status, answer = await sarah.send("POST", "/api/v1/agents/agent_alice/state", {"state": "ready", **WHY})
    assert (status, answer["error"]["id"]) == (503, "audit.unavailable")
    assert world.state_of(ALICE) == "not_ready"


async def test_skills_until_the_next_log_in_or_for_good(browse: Browse, world: WebWorld) -> None:
    alice, sarah = await browse(ALICE), await browse(SARAH)
    path = "/api/v1/agents/agent_alice/skills"
    _, view = await sarah.send("POST", path, {"skills": {"orders": 5}, **WHY})
    assert view["skills"] == {"orders": 5}
    await alice.send("DELETE", "/api/v1/session")
    alice = await browse(ALICE)
    assert (await alice.send("GET", ME))[1]["skills"] == {"support": 3}
    await sarah.send("POST", path, {"skills": {"orders": 5}, "is_stored": True, **WHY})
    await alice.send("DELETE", "/api/v1/session")
    assert (await (await browse(ALICE)).send("GET", ME))[1]["skills"] == {"orders": 5}
    assert (await sarah.send("POST", path, {"skills": {"No Skill": 5}, **WHY}))[0] == 400
    assert (await sarah.send("POST", path, {"skills": {"orders": 101}, **WHY}))[0] == 400


async def test_preferences_are_set_under_waiting_calls_and_nobody_loses_a_place(
    browse: Browse, world: WebWorld
) -> None:
    alice, sarah = await browse(ALICE), await browse(SARAH)
    first = world.call_comes("1.1")
    liked = world.call_comes("2.1")
    places = {call_id: world.engine.state.call(call_id).queued_at for call_id in (first, liked)}
    assert (await sarah.send("POST", f"/api/v1/calls/{liked}/move", {"queue": "orders", **WHY}))[0] == 204
    await sarah.send("POST", "/api/v1/agents/agent_alice/skills", {"skills": {"support": 1, "orders": 1}, **WHY})
    path = "/api/v1/agents/agent_alice/preferences"
    _, view = await sarah.send("POST", path, {"prefers": ["orders", "support"], "is_stored": True, **WHY})
    assert (view["prefers"], view["allocation"]) == (["orders", "support"], {})
    await alice.send("POST", f"{ME}/ready")
    assert world.engine.state.call(liked).agent_id == world.agent_id(ALICE)
    assert {call_id: world.engine.state.call(call_id).queued_at for call_id in places} == places
    await alice.send("DELETE", "/api/v1/session")
    assert (await (await browse(ALICE)).send("GET", ME))[1]["prefers"] == ["orders", "support"]
    both = {"prefers": ["orders"], "allocation": {"orders": 100}}
    for wrong in ({"prefers": ["nowhere"]}, {"allocation": {"orders": 60}}, both):
        status, answer = await sarah.send("POST", path, {**wrong, **WHY})
        assert (status, answer["error"]["id"]) == (422, "agent.preferences"), answer


async def test_waiting_calls_are_moved_put_first_and_given_away(browse: Browse, world: WebWorld) -> None:
    sarah, bob = await browse(SARAH), await browse(BOB)
    call_id = world.call_comes()
    path = f"/api/v1/calls/{call_id}"
    assert (await sarah.send("POST", f"{path}/priority", {"priority": 0, **WHY}))[0] == 204
    assert world.engine.state.call(call_id).priority == 0
    assert (await sarah.send("POST", f"{path}/assign", {"agent_id": "agent_bob", **WHY}))[0] == 409
    assert (await sarah.send("POST", f"{path}/move", {"queue": "nowhere", **WHY}))[0] == 404
    assert (await sarah.send("POST", f"{path}/move", {"queue": "orders", **WHY}))[0] == 204
    assert world.engine.state.call(call_id).queue == ORDERS.name
    await bob.send("POST", f"{ME}/ready")
    assert world.state_of(BOB) == "reserved"
    assert (await sarah.send("POST", f"{path}/move", {"queue": "support", **WHY}))[0] == 409
    second = world.call_comes("2.1")
    assert (await sarah.send("POST", f"/api/v1/calls/{second}/assign", {"agent_id": "agent_bob", **WHY}))[0] == 204
    (ring,) = world.engine.state.call(second).rings
    assert ring.agents == (world.agent_id(BOB),)


async def test_a_queue_is_closed_and_opened_and_shown_so(browse: Browse, world: WebWorld) -> None:
    sarah = await browse(SARAH)
    path = "/api/v1/queues/support/door"
    body = {"is_open": False, "announcement": {"fr": "Nous sommes en exercice."}, **WHY}
    _, view = await sarah.send("POST", path, body)
    assert view["door"] == "closed"
    world.call_comes()
    assert "TurnAway" in [type(effect).__name__ for effect in world.effects]
    assert (await sarah.send("POST", path, {"is_open": True, **WHY}))[1]["door"] == "open"
    assert (await sarah.send("POST", path, {"is_open": None, **WHY}))[1]["door"] == ""
    assert (await sarah.send("POST", path, {"is_open": False, "announcement": {"de": "Nein"}, **WHY}))[0] == 400
    assert (await sarah.send("POST", "/api/v1/queues/nowhere/door", body))[0] == 404
    details = [entry.deed.details for entry in await world.audit.entries()]
    assert details[-1] == {"door": "closed", "fr": "Nous sommes en exercice."}


async def test_a_text_is_on_the_screens_it_is_for(browse: Browse, world: WebWorld) -> None:
    sarah = await browse(SARAH)
    await browse(ALICE)
    await browse(BOB)
    shown = {user.login: frames_of(world.screens.agent_feed(world.agent_id(user))) for user in (ALICE, BOB)}
    seen = frames_of(world.screens.supervisors)
    assert (await sarah.send("POST", "/api/v1/broadcasts", {"text": "<b>Outage</b>\nin Brest", **WHY}))[0] == 204
    assert (await sarah.send("POST", "/api/v1/broadcasts", {"text": "x", "queue": "orders", **WHY}))[0] == 204
    told = {login: [data["text"] for kind, data in frames() if kind == "broadcast"] for login, frames in shown.items()}
    assert told == {"alice": ["<b>Outage</b>\nin Brest"], "bob": ["<b>Outage</b>\nin Brest", "x"]}
    assert [data["readers"] for kind, data in seen() if kind == "broadcast"] == [2, 1]
    assert (await sarah.send("POST", "/api/v1/broadcasts", {"text": "x", "queue": "nowhere", **WHY}))[0] == 404


# agents --------------------------------------------------------------------------------------------------------


@pytest.fixture
def agreed(world: WebWorld) -> PeopleRules:
    rules = PeopleRules(
        reasons=(
            ReasonPolicy(name="break", label="Break", limit=timedelta(seconds=900)),
            ReasonPolicy(name="rona", label="No answer", limit=timedelta(seconds=60)),
        ),
        reject_reasons=(("busy", "Busy"),),
        agent_modes=(("alice", OfferMode.ACCEPT),),
    )
    queues = tuple(world.engine.state.queues.values())
    world.dispatcher.submit(cmd.ConfigureQueues(queues=queues, rules=RoutingRules(people=rules)))
    return rules


async def test_what_agents_may_choose(browse: Browse, agreed: PeopleRules) -> None:
    alice = await browse(ALICE)
    assert (await alice.send("GET", f"{ME}/options"))[1] == {
        "reasons": [{"reason": "break", "label": "Break", "limit_seconds": 900, "shift_limit_seconds": None}],
        "reject_reasons": [{"reason": "busy", "label": "Busy"}],
    }
    status, answer = await alice.send("POST", f"{ME}/not-ready", {"reason": "siesta"})
    assert (status, answer["error"]["id"]) == (422, "reason.unknown")


async def test_a_limit_that_is_passed_is_on_both_screens(browse: Browse, world: WebWorld, agreed: PeopleRules) -> None:
    alice = await browse(ALICE)
    own, theirs = frames_of(world.screens.agent_feed(world.agent_id(ALICE))), frames_of(world.screens.supervisors)
    await alice.send("POST", f"{ME}/not-ready", {"reason": "break"})
    agent = world.engine.state.agent(world.agent_id(ALICE))
    assert agent.since is not None
    world.clock.advance(900)  # type: ignore[attr-defined]  # a StillClock
    world.dispatcher.submit(cmd.WatchReason(agent_id=agent.agent_id, since=agent.since))
    for frames in (own, theirs):
        (warning,) = [data for kind, data in frames() if kind == "warning"]
        assert (warning["name"], warning["label"], warning["limit"]) == ("Alice Martin", "Break", "occurrence")
    assert (await alice.send("GET", ME))[1]["limits_passed"] == ["occurrence"]


async def test_an_offer_is_accepted_on_the_screen(browse: Browse, world: WebWorld, agreed: PeopleRules) -> None:
    alice = await browse(ALICE)
    assert (await alice.send("POST", f"{ME}/accept"))[0] == 409
    await alice.send("POST", f"{ME}/ready")
    world.call_comes()
    own = frames_of(world.screens.agent_feed(world.agent_id(ALICE)))
    assert "RingAgent" not in [type(effect).__name__ for effect in world.effects]
    assert (await alice.send("POST", f"{ME}/accept"))[1]["state"] == "reserved"
    assert "RingAgent" in [type(effect).__name__ for effect in world.effects]
    (shown,) = [data for kind, data in own() if kind == "call"]
    assert (shown.offer_mode, shown.offer_accepted_at) == ("accept", world.clock.now())


async def test_a_wrap_up_is_extended_and_after_it_comes_work_on_the_ticket(browse: Browse, world: WebWorld) -> None:
    alice = await browse(ALICE)
    ticket = await ticket_of_a_call(world)
    assert (await alice.send("POST", f"{ME}/wrap-up/extension", {}))[0] == 409
    await alice.send("POST", f"{ME}/ready")
    call_id = world.call_comes()
    world.agent_answers(call_id)
    world.caller_hangs_up(call_id)
    until = world.engine.state.agent(world.agent_id(ALICE)).wrap_up_until
    assert until is not None
    _, view = await alice.send("POST", f"{ME}/wrap-up/extension", {"seconds": 45})
    assert view["wrap_up_until"] == (until + timedelta(seconds=45)).isoformat().replace("+00:00", "Z")
    assert (await alice.send("POST", f"{ME}/ticket-work", {"ticket": "1"}))[0] == 422
    assert (await alice.send("POST", f"{ME}/ticket-work", {"ticket": ticket}))[0] == 200
    _, view = await alice.send("POST", f"{ME}/wrap-up", {})
    assert (view["state"], view["reason"], view["ticket"]) == ("not_ready", "after_call_work", ticket)


# listening in --------------------------------------------------------------------------------------------------


async def test_who_has_a_phone_listens_to_who_talks(browse: Browse, world: WebWorld) -> None:
    alice, sarah = await browse(ALICE), await browse(SARAH)
    body = {"agent_id": "agent_alice", "mode": "listen", **WHY}
    status, answer = await sarah.send("POST", "/api/v1/monitor", body)
    assert (status, answer["error"]["id"]) == (409, "supervisor.no_extension")
    await world.users.save(replace(SARAH, extension="1050"), None)
    assert (await sarah.send("POST", "/api/v1/monitor", body))[0] == 409  # nobody talks
    await alice.send("POST", f"{ME}/ready")
    world.agent_answers(world.call_comes())
    shown = frames_of(world.screens.supervisors)
    assert (await sarah.send("POST", "/api/v1/monitor", body))[1]["mode"] == "listen"
    assert (await sarah.send("POST", "/api/v1/monitor", {**body, "mode": "barge"}))[0] == 200
    assert world.telephony.monitors == {"1050": ("1001", MonitorMode.BARGE)}
    assert (await sarah.send("GET", "/api/v1/monitor"))[1]["own"]["agent_id"] == "agent_alice"
    world.telephony.is_down = True
    assert (await sarah.send("POST", "/api/v1/monitor", body))[0] == 502
    assert (await sarah.send("DELETE", "/api/v1/monitor"))[0] == 502
    assert (await sarah.send("GET", "/api/v1/monitor"))[1]["own"]["mode"] == "barge", "as it was before"
    world.telephony.is_down = False
    assert (await sarah.send("DELETE", "/api/v1/monitor"))[0] == 204
    assert (await sarah.send("GET", "/api/v1/monitor"))[1] == {"own": None, "all": []}
    modes = [data["mode"] for kind, data in shown() if kind == "monitor"]
    assert modes == ["listen", "barge", "listen", "barge", None]
    outcomes = [(entry.deed.action, entry.outcome) for entry in await world.audit.entries()]
    assert outcomes == [
        ("talk.listen", "telephony.error"),
        ("talk.barge", "done"),
        ("talk.listen", "done"),
        ("talk.listen", "agent.wrong_state"),
    ]
