"""The JSON API: what agents and supervisors ask, and what hostile clients get."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import msgspec
import pytest

from acd.service.ports import User
from acd.service.views import AgentView, QueueView
from acd.web.app import ENDPOINTS, LARGEST_BODY
from acd.web.endpoint import NoBody
from acd.web.routes.queues import CallInProgress
from tests.fakes.web_world import ALICE, BOB, PASSWORD, SARAH, StillClock, WebWorld
from tests.unit.acd.web.conftest import Browse
from ticketing.api import (
    CallerNumber,
    ContactDraft,
    Disposition,
    DispositionKind,
    InteractionRecord,
    NumberKind,
)

ME = "/api/v1/agents/me"


async def test_ready_and_not_ready(browse: Browse, world: WebWorld) -> None:
    browser = await browse(ALICE)
    status, answer = await browser.send("POST", f"{ME}/ready")
    view = msgspec.convert(answer, AgentView)
    assert (status, view.state, view.login, view.skills) == (200, "ready", "alice", {"support": 3})
    status, answer = await browser.send("POST", f"{ME}/not-ready", {"reason": "Café ☕"})
    assert (status, answer["state"], answer["reason"]) == (200, "not_ready", "Café ☕")
    assert (await browser.send("GET", ME)) == (200, answer)


async def test_not_ready_during_a_call_comes_after_it(browse: Browse, world: WebWorld) -> None:
    browser = await browse(ALICE)
    await browser.send("POST", f"{ME}/ready")
    call_id = world.call_comes()
    world.agent_answers(call_id)
    _, answer = await browser.send("POST", f"{ME}/not-ready", {"reason": "lunch"})
    assert (answer["state"], answer["after_call"], answer["call_id"]) == ("talking", "not_ready", call_id)
    _, answer = await browser.send("POST", f"{ME}/ready")
    assert answer["after_call"] is None


async def test_a_rejected_call_goes_back(browse: Browse, world: WebWorld) -> None:
    browser = await browse(ALICE)
    await browser.send("POST", f"{ME}/ready")
    call_id = world.call_comes()
    status, answer = await browser.send("POST", f"{ME}/reject", {"reason": "double_booked"})
    assert (status, answer["state"], answer["reason"]) == (200, "not_ready", "double_booked")
    assert world.engine.state.call(call_id).stage == "waiting"


async def test_what_the_state_does_not_allow_is_409_with_an_id(browse: Browse) -> None:
    browser = await browse(ALICE)
    status, answer = await browser.send("POST", f"{ME}/wrap-up", {})
    assert status == 409
    assert answer == {"error": {"id": "agent.wrong_state", "message": "Alice Martin is not_ready, not in wrap-up"}}


async def ticket_of_a_call(world: WebWorld) -> str:
    at = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
    record = InteractionRecord(
        linkedid="9.9", as_of=at, started_at=at, queued_at=at, answered_at=at, talk_ended_at=at, ended_at=at
    )
    disposition = Disposition(kind=DispositionKind.NEW, title="Printer on fire", note="Called the fire brigade.")
    ref = await world.desk.commit_call(record, disposition)
    assert ref is not None
    return ref.number


async def test_a_call_is_linked_to_a_ticket_that_exists(browse: Browse, world: WebWorld) -> None:
    number = await ticket_of_a_call(world)
    browser = await browse(ALICE)
    await browser.send("POST", f"{ME}/ready")
    call_id = world.call_comes()
    world.agent_answers(call_id)
    world.caller_hangs_up(call_id)
    status, answer = await browser.send("POST", f"{ME}/wrap-up", {"link_to": "1234567"})
    assert (status, answer["error"]["id"]) == (422, "ticket.unknown")
    assert world.state_of(ALICE) == "wrap_up"  # still there to be mended
    status, _ = await browser.send("POST", f"{ME}/wrap-up", {"link_to": number, "note": "Again.\nStill on fire."})
    assert (status, world.commits[0].link_to, world.commits[0].note) == (200, number, "Again.\nStill on fire.")


async def test_tickets_are_shown_with_their_messages(browse: Browse, world: WebWorld) -> None:
    number = await ticket_of_a_call(world)
    browser = await browse(ALICE)
    status, answer = await browser.send("GET", f"/api/v1/tickets/{number}")
    assert (status, answer["number"], answer["title"], answer["status"]) == (200, number, "Printer on fire", "open")
    assert "Called the fire brigade." in str(answer["messages"])
    for wrong, expected in (("1000001", 404), ("abc", 400), ("1" * 50, 400), ("%00", 400)):
        assert (await browser.send("GET", f"/api/v1/tickets/{wrong}"))[0] == expected, wrong


async def test_contacts_by_number(browse: Browse, world: WebWorld) -> None:
    for name in ("Jeanne Roux", "Paul Roux"):
        await world.desk.create_contact(ContactDraft(name=name, phone_numbers=("+33612345678",), vip=name[0] == "J"))
    browser = await browse(ALICE)
    status, answer = await browser.send("GET", "/api/v1/contacts", params={"number": "06 12 34 56 78"})
    assert (status, answer["certainty"], answer["e164"]) == (200, "uncertain", "+33612345678")
    assert [(contact["name"], contact["vip"]) for contact in answer["contacts"]] == [
        ("Jeanne Roux", True),
        ("Paul Roux", False),
    ]
    _, answer = await browser.send("GET", "/api/v1/contacts", params={"number": "1001"})
    assert (answer["number_kind"], answer["contacts"]) == ("internal", [])
    for wrong in ({}, {"number": ""}, {"number": "1" * 65}, {"number": "\0"}):
        assert (await browser.send("GET", "/api/v1/contacts", params=wrong))[0] == 400, wrong
    assert CallerNumber(kind=NumberKind.INVALID).e164 is None


async def test_supervisors_see_queues_agents_and_calls(browse: Browse, world: WebWorld, clock: StillClock) -> None:
    alice, sarah = await browse(ALICE), await browse(SARAH)
    await alice.send("POST", f"{ME}/ready")
    answered, waiting = world.call_comes("1.1"), world.call_comes("1.2")
    clock.advance(8)
    world.agent_answers(answered)
    clock.advance(4)
    _, queues = await sarah.send("GET", "/api/v1/queues")
    support = {view.name: view for view in msgspec.convert(queues, list[QueueView])}["support"]
    assert (support.waiting, support.longest_wait_seconds, support.offered, support.answered) == (1, 12.0, 2, 1)
    assert (support.service_level, support.average_speed_of_answer_seconds) == (1.0, 8.0)
    _, agents = await sarah.send("GET", "/api/v1/agents")
    assert [(agent["login"], agent["state"], agent["queue"]) for agent in agents] == [("alice", "talking", "support")]
    _, calls = await sarah.send("GET", "/api/v1/calls")
    rows = msgspec.convert(calls, list[CallInProgress])
    assert [(row.call_id, row.stage, row.agent_id) for row in rows] == [
        (answered, "talking", "agent_alice"),
        (waiting, "waiting", None),
    ]
    _, why = await sarah.send("GET", f"/api/v1/calls/{waiting}/why-waiting")
    assert why == {
        "call_id": waiting,
        "reasons": ["Alice Martin: talking"],
        "obstacles": [{"reason": "talking", "count": 1, "agents": ["Alice Martin"]}],
        "priority": 5,
        "priority_reason": "the queue's own",
        "position": 1,
        "expected_wait_seconds": None,
        "step": 0,
        "kept_for": [],
    }
    _, why = await sarah.send("GET", f"/api/v1/calls/{answered}/why-waiting")
    assert why["reasons"] == []
    assert (await sarah.send("GET", "/api/v1/calls/call_9.9/why-waiting"))[0] == 404
    assert (await sarah.send("GET", "/api/v1/calls/%2e%2e%2f/why-waiting"))[0] == 400


@pytest.mark.parametrize("user", [None, ALICE, SARAH])
@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: f"{endpoint.method} {endpoint.path}")
async def test_every_route_asks_for_session_and_role(browse: Browse, endpoint: object, user: User | None) -> None:
    assert isinstance(endpoint, type(ENDPOINTS[0]))
    browser = await browse(user)
    known = {"number": "1000012", "call_id": "call_1.1", "agent_id": "agent_bob", "queue": "orders"}
    known |= {"incident_id": "incident_1", "linkedid": "1.1", "contact_id": "contact_1", "recording_id": "rec_1.1_1"}
    known |= {"name": "1.1-1.wav"}
    path = endpoint.path.format(**known)
    status, _ = await browser.send(endpoint.method, path)
    if endpoint.access is None:
        assert status == 400  # open to all, and a body is missing
    elif user is None:
        assert status == 401
    elif endpoint.access and not endpoint.access & user.roles:
        assert status == 403
    else:
        assert status not in (401, 403)


HOSTILE = [
    b"",
    b"{",
    b"null",
    b"[]",
    b'"x"',
    b"0",
    b"\xff\xfe",
    b'{"login":"\xff"}',
    b"\xef\xbb\xbf{}",
    b'{"login":NaN,"password":"x"}',
    b'{"login":1e999,"password":"x"}',
    b'{"login":["a"],"password":"x"}',
    b'{"login":{"$ne":""},"password":"x"}',
    b'{"login":null,"password":null}',
    b'{"login":"a","password":"x","token":"yes"}',
    b'{"login":"a","password":"x","admin":true}',
    b'{"login":"' + b"a" * 41 + b'","password":"x"}',
    b'{"login":"a\\u0000","password":"x"}',
    b'{"login":"a\\n","password":"x"}',
    b'{"login":"\\ud800","password":"x"}',
    b'{"login":"a","password":"' + b"x" * 201 + b'"}',
    b'{"reason":"' + b"x" * 41 + b'"}',
    b'{"reason":"\\u001b[2J"}',
    b'{"reason":""}',
    b'{"reason":7}',
    b'{"code":"a b"}',
    b'{"note":"\\u0000"}',
    b'{"note":"' + b"x" * 20001 + b'"}',
    b'{"link_to":"12x"}',
    b'{"link_to":7}',
    b'{"link_to":"\\u0661"}',
    b'{"title":"a\\r\\nb"}',
    b"[" * 60_000,
    b'{"note":' + b"[" * 60_000,
    b'{"x":' * 10_000,
]


@pytest.mark.parametrize("path", ["/api/v1/session", f"{ME}/not-ready", f"{ME}/reject", f"{ME}/wrap-up"])
async def test_hostile_bodies_get_a_clear_no(browse: Browse, path: str) -> None:
    browser = await browse(ALICE)
    for body in HOSTILE:
        headers = {"Content-Type": "application/json"}
        status, answer = await browser.send("POST", path, data=body, headers=headers)
        # 200 and 409: harmless there, as an empty body is to /reject
        assert status in (200, 400, 409, 422), (body[:40], status)
        if status == 400:
            assert answer["error"]["id"] == "body.invalid"
            assert len(answer["error"]["message"]) < 300


async def test_fields_are_named_in_errors(browse: Browse) -> None:
    browser = await browse(None)
    _, answer = await browser.send("POST", "/api/v1/session", {"login": "a", "password": 7})
    assert answer["error"]["message"] == "The body does not fit: Expected `str`, got `int` - at `$.password`."


async def test_a_huge_body_is_413_and_another_type_415(browse: Browse) -> None:
    browser = await browse(None)
    big = b'{"login":"' + b"a" * LARGEST_BODY + b'"}'
    status, answer = await browser.send(
        "POST", "/api/v1/session", data=big, headers={"Content-Type": "application/json"}
    )
    assert (status, answer["error"]["id"]) == (413, "http.request_entity_too_large")
    for kind in ("text/plain", "application/x-www-form-urlencoded", "application/json5"):
        status, _ = await browser.send("POST", "/api/v1/session", data=b"{}", headers={"Content-Type": kind})
        assert status == 415, kind


@pytest.mark.parametrize(
    ("method", "path", "status", "error_id"),
    [
        ("GET", "/nowhere", 404, "http.not_found"),
        ("GET", "/api/v1/nowhere", 404, "http.not_found"),
        ("GET", "/static/../app.py", 404, "http.not_found"),
        ("GET", "/static/%2e%2e/app.py", 404, "http.not_found"),
        ("GET", "/static/vendor/MANIFEST.md", 404, "http.not_found"),
        ("PUT", "/api/v1/session", 405, "http.method_not_allowed"),
        ("GET", "/api/v1/agents/me/ready", 405, "http.method_not_allowed"),
        ("PROPFIND", "/api/v1/session", 405, "http.method_not_allowed"),
    ],
)
async def test_errors_are_json(browse: Browse, method: str, path: str, status: int, error_id: str) -> None:
    browser = await browse(ALICE)
    async with browser.client.request(method, path) as response:
        assert (response.status, response.content_type) == (status, "application/json")
        assert (await response.json())["error"]["id"] == error_id
        if status == 405:
            assert response.headers["Allow"]


async def test_a_fault_of_ours_is_500_without_a_traceback(browse: Browse, world: WebWorld) -> None:
    browser = await browse(SARAH)
    world.screens.agent_views = None  # type: ignore[method-assign, assignment]
    status, answer = await browser.send("GET", "/api/v1/agents")
    assert (status, answer["error"]["id"]) == (500, "http.internal_error")
    assert "NoneType" not in str(answer)


async def test_the_document_tells_of_every_route_and_its_fields(browse: Browse) -> None:
    browser = await browse(None)
    _, document = await browser.send("GET", "/api/v1/openapi.json")
    assert document["openapi"] == "3.1.0"
    for endpoint in ENDPOINTS:
        operation = document["paths"][endpoint.path][endpoint.method.lower()]
        assert operation["summary"] == endpoint.summary
        assert ("requestBody" in operation) == (endpoint.body is not NoBody)
        assert "500" in operation["responses"]
    components = document["components"]["schemas"]
    assert components["LogInInput"]["required"] == ["login", "password"]
    assert components["WrapUpInput"]["additionalProperties"] is False
    names = [operation["operationId"] for path in document["paths"].values() for operation in path.values()]
    assert len(set(names)) == len(ENDPOINTS)
    references = {
        part.split('"')[0] for part in msgspec.json.encode(document).decode().split("#/components/schemas/")[1:]
    }
    assert references <= set(components)


async def test_security_headers_stand_on_every_answer(browse: Browse) -> None:
    browser = await browse(None)
    for path in ("/login", "/healthz", "/nowhere", "/api/v1/session", "/static/login.js", "/"):
        async with browser.client.get(path, allow_redirects=False) as response:
            policy = response.headers["Content-Security-Policy"]
            assert "frame-ancestors 'none'" in policy
            assert "unsafe" not in policy
            assert response.headers["X-Content-Type-Options"] == "nosniff"
            assert response.headers["X-Frame-Options"] == "DENY"
            assert response.headers["Server"] == "Guichet"


async def test_nothing_about_people_is_cached(browse: Browse) -> None:
    browser = await browse(ALICE)
    async with browser.client.get(ME) as response:
        assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("user", "path", "leads_to"),
    [
        (None, "/", "/login"),
        (None, "/agent", "/login"),
        (None, "/supervisor", "/login"),
        (ALICE, "/", "/agent"),
        (ALICE, "/login", "/agent"),
        (ALICE, "/supervisor", "/agent"),
        (SARAH, "/", "/supervisor"),
        (SARAH, "/agent", "/supervisor"),
        (BOB, "/agent", None),
        (SARAH, "/supervisor", None),
        (None, "/login", None),
    ],
)
async def test_everybody_lands_on_their_page(
    browse: Browse, user: User | None, path: str, leads_to: str | None
) -> None:
    browser = await browse(user)
    async with browser.client.get(path, allow_redirects=False) as response:
        assert response.headers.get("Location") == leads_to
        assert response.status == (302 if leads_to else 200)


async def test_static_files_are_asked_for_again_and_not_sent_again(browse: Browse) -> None:
    browser = await browse(None)
    async with browser.client.get("/static/login.js") as response:
        assert (response.status, response.content_type) == (200, "text/javascript")
        etag = response.headers["ETag"]
    async with browser.client.get("/static/login.js", headers={"If-None-Match": etag}) as response:
        assert response.status == 304


async def test_probes(browse: Browse, world: WebWorld) -> None:
    browser = await browse(None)
    assert await browser.send("GET", "/healthz") == (200, {"status": "ok"})
    assert await browser.send("GET", "/readyz") == (200, {"ready": True, "reasons": []})
    world.unready.append("Asterisk: the AMI link is down")
    status, answer = await browser.send("GET", "/readyz")
    assert (status, answer["reasons"]) == (503, ["Asterisk: the AMI link is down"])


async def test_metrics(browse: Browse, world: WebWorld, clock: StillClock) -> None:
    browser = await browse(ALICE)
    await browser.send("POST", f"{ME}/ready")
    call_id = world.call_comes("1.1")
    clock.advance(8)
    world.agent_answers(call_id)
    lost = world.call_comes("1.2")
    clock.advance(60)
    world.caller_hangs_up(lost)
    world.call_comes("1.3")
    clock.advance(30)
    await browser.send("GET", "/api/v1/calls/call_1.1/why-waiting")
    async with browser.client.get("/metrics") as response:
        assert response.headers["Content-Type"].startswith("text/plain")
        text = await response.text()
    lines = set(text.splitlines())
    assert {
        'guichet_queue_waiting{queue="support"} 1.0',
        'guichet_queue_longest_wait_seconds{queue="support"} 30.0',
        'guichet_queue_longest_wait_seconds{queue="orders"} 0.0',
        'guichet_calls_offered_total{queue="support"} 3.0',
        'guichet_calls_answered_total{queue="support"} 1.0',
        'guichet_calls_abandoned_total{queue="support"} 1.0',
        'guichet_queue_service_level{queue="support"} 0.5',
        'guichet_agents{state="talking"} 1.0',
        'guichet_agents{state="ready"} 0.0',
        'guichet_answer_wait_seconds_sum{queue="support"} 8.0',
        'guichet_reservations_total{outcome="accepted"} 1.0',
    } <= lines
    assert "call_1.1" not in text
    assert "0612345678" not in text
    assert 'route="/api/v1/calls/{call_id}/why-waiting"' in text
    assert 'guichet_queue_service_level{queue="orders"}' not in text


async def test_what_is_no_http_is_refused_without_a_traceback(browse: Browse) -> None:
    browser = await browse(None)
    for noise in (b"BREW / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00", b"GET / HTTP/9.9\r\nHost: x\r\n\r\n"):
        reader, writer = await asyncio.open_connection("127.0.0.1", browser.client.port)
        writer.write(noise)
        writer.write_eof()
        answer = await asyncio.wait_for(reader.read(), 10)
        assert answer.startswith(b"HTTP/1.1 400") or answer == b"", noise
        assert b"Traceback" not in answer
        writer.close()
        await writer.wait_closed()


async def test_log_ins_are_written_as_json_only(browse: Browse) -> None:
    browser = await browse(None)
    status, answer = await browser.send("POST", "/api/v1/session", data=f"login=alice&password={PASSWORD}")
    assert (status, answer["error"]["id"]) == (415, "body.not_json")
