"""Log-in, CSRF, roles, rate limit."""

from __future__ import annotations

import pytest

from acd.web.auth import COOKIE
from acd.web.rate_limit import MOST_PER_ADDRESS, MOST_PER_LOGIN, WINDOW, LogInLimiter
from tests.fakes.web_world import ALICE, PASSWORD, PHONELESS, SARAH, StillClock, WebWorld
from tests.unit.acd.web.conftest import Browse


async def test_an_agent_who_logs_in_is_in_the_queues_not_ready(browse: Browse, world: WebWorld) -> None:
    browser = await browse(None)
    answer = await browser.log_in(ALICE)
    assert answer["user"] == {
        "login": "alice",
        "name": "Alice Martin",
        "roles": ["agent"],
        "extension": "1001",
        "agent_id": "agent_alice",
    }
    assert answer["token"] is None
    agent = world.engine.state.agent(world.agent_id(ALICE))
    assert (agent.state, agent.reason, agent.profile.skills) == ("not_ready", "logged_in", (("support", 3),))
    assert await browser.send("GET", "/api/v1/session") == (200, answer)


async def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(browse: Browse) -> None:
    browser = await browse(None)
    async with browser.client.post("/api/v1/session", json={"login": "alice", "password": PASSWORD}) as response:
        (cookie,) = response.headers.getall("Set-Cookie")
        text = await response.text()
    assert cookie.startswith(f"{COOKIE}=token-of-alice")
    attributes = {part.strip().lower() for part in cookie.split(";")[1:]}
    assert {"httponly", "samesite=strict", "path=/", "max-age=43200"} <= attributes
    assert "token-of-alice" not in text


async def test_logging_out_ends_session_and_agent(browse: Browse, world: WebWorld) -> None:
    browser = await browse(ALICE)
    assert await browser.send("DELETE", "/api/v1/session") == (204, None)
    assert world.state_of(ALICE) == "logged_out"
    assert (await browser.send("GET", "/api/v1/session"))[0] == 401
    assert (await browser.send("POST", "/api/v1/agents/me/ready"))[0] == 401


async def test_logging_out_during_a_call_waits_for_its_end(browse: Browse, world: WebWorld) -> None:
    browser = await browse(ALICE)
    await browser.send("POST", "/api/v1/agents/me/ready")
    world.agent_answers(world.call_comes())
    assert (await browser.send("DELETE", "/api/v1/session"))[0] == 204
    assert world.state_of(ALICE) == "talking"


async def test_a_session_ends_by_time(browse: Browse, clock: StillClock) -> None:
    browser = await browse(SARAH)
    clock.advance(12 * 3600 - 1)
    assert (await browser.send("GET", "/api/v1/session"))[0] == 200
    clock.advance(1)
    assert (await browser.send("GET", "/api/v1/session"))[0] == 401


@pytest.mark.parametrize(("login", "password"), [("alice", "wrong"), ("nobody", PASSWORD), ("ALICE", PASSWORD)])
async def test_a_wrong_log_in_tells_nothing(browse: Browse, login: str, password: str) -> None:
    browser = await browse(None)
    status, answer = await browser.send("POST", "/api/v1/session", {"login": login, "password": password})
    assert (status, answer["error"]["id"]) == (401, "session.refused")
    assert answer["error"]["message"] == "Unknown login or wrong password."


async def test_an_agent_without_a_phone_is_told_so_and_gets_no_session(browse: Browse) -> None:
    browser = await browse(None)
    body = {"login": PHONELESS.login, "password": PASSWORD}
    status, answer = await browser.send("POST", "/api/v1/session", body)
    assert (status, answer["error"]["id"]) == (409, "agent.no_extension")
    assert (await browser.send("GET", "/api/v1/session"))[0] == 401


async def test_failed_log_ins_are_slowed_down(browse: Browse, clock: StillClock) -> None:
    browser = await browse(None)
    for _ in range(MOST_PER_LOGIN):
        assert (await browser.send("POST", "/api/v1/session", {"login": "alice", "password": "wrong"}))[0] == 401
    right = {"login": "alice", "password": PASSWORD}
    async with browser.client.post("/api/v1/session", json=right) as response:
        assert response.status == 429
        assert 0 < int(response.headers["Retry-After"]) <= WINDOW.total_seconds()
    await browser.log_in(SARAH)  # another login is not held up
    clock.advance(WINDOW.total_seconds())
    await browser.log_in(ALICE)


async def test_scripts_get_a_token_and_need_no_csrf(browse: Browse, world: WebWorld) -> None:
    browser = await browse(None)
    body = {"login": "alice", "password": PASSWORD, "token": True}
    async with browser.client.post("/api/v1/session", json=body) as response:
        assert "Set-Cookie" not in response.headers
        token = (await response.json())["token"]
    bearer = {"Authorization": f"Bearer {token}"}
    assert (await browser.send("POST", "/api/v1/agents/me/ready", headers=bearer))[0] == 200
    assert world.state_of(ALICE) == "ready"
    for wrong in (f"Basic {token}", "Bearer", "Bearer ", f"Bearer {token}x", "Bearer \xe9", "Bearer " + "x" * 4000):
        assert (await browser.send("GET", "/api/v1/session", headers={"Authorization": wrong}))[0] == 401, wrong
    assert (await browser.send("GET", f"/api/v1/session?token={token}"))[0] == 401


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"X-CSRF-Token": ""}, 403),
        ({"X-CSRF-Token": "0" * 64}, 403),
        ({"X-CSRF-Token": "\xe9"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://[evil"}, 403),
        ({"Authorization": "Bearer wrong"}, 401),  # a wrong token is not made good by the cookie
    ],
)
async def test_an_unsafe_request_needs_the_csrf_token_and_our_origin(
    browse: Browse, world: WebWorld, headers: dict[str, str], status: int
) -> None:
    browser = await browse(ALICE)
    assert (await browser.send("POST", "/api/v1/agents/me/ready", headers=headers))[0] == status
    assert world.state_of(ALICE) == ("ready" if status == 200 else "not_ready")


async def test_a_page_of_another_origin_cannot_log_anybody_in(browse: Browse) -> None:
    browser = await browse(None)
    body = {"login": "alice", "password": PASSWORD}
    status, _ = await browser.send("POST", "/api/v1/session", body, headers={"Origin": "https://evil.example"})
    assert status == 403
    form = {"Content-Type": "text/plain"}  # what a form may send without being asked first
    async with browser.client.post("/api/v1/session", data='{"login":"a"}', headers=form) as response:
        assert response.status == 415


async def test_a_csrf_token_of_another_session_is_refused(browse: Browse) -> None:
    alice, sarah = await browse(ALICE), await browse(SARAH)
    status, _ = await alice.send("POST", "/api/v1/agents/me/ready", headers={"X-CSRF-Token": sarah.csrf_token})
    assert status == 403


async def test_a_lost_database_is_503_and_no_traceback(browse: Browse, world: WebWorld) -> None:
    browser = await browse(ALICE)
    world.users.is_down = True
    for method, path, body in (
        ("GET", "/api/v1/session", None),
        ("POST", "/api/v1/session", {"login": "alice", "password": PASSWORD}),
        ("POST", "/api/v1/agents/me/ready", None),
    ):
        status, answer = await browser.send(method, path, body)
        assert (status, answer["error"]["id"]) == (503, "users.unavailable")


class TestLogInLimiter:
    def test_many_attempts_at_once_are_no_way_round(self) -> None:
        limiter = LogInLimiter(StillClock())
        assert [limiter.begin("alice", "::1") is None for _ in range(7)] == [True] * MOST_PER_LOGIN + [False] * 2

    def test_success_clears_the_login(self) -> None:
        limiter = LogInLimiter(StillClock())
        for _ in range(MOST_PER_LOGIN * 50):
            assert limiter.begin("alice", "::1") is None
            limiter.succeed("alice", "::1")

    def test_an_address_cannot_try_many_logins(self) -> None:
        limiter = LogInLimiter(StillClock())
        refused = [limiter.begin(f"user{number}", "::1") for number in range(MOST_PER_ADDRESS + 1)]
        assert refused[:-1] == [None] * MOST_PER_ADDRESS
        assert refused[-1] is not None
        assert limiter.begin("alice", "::2") is None

    def test_waiting_helps(self) -> None:
        clock = StillClock()
        limiter = LogInLimiter(clock)
        for _ in range(MOST_PER_LOGIN):
            limiter.begin("alice", "::1")
        wait = limiter.begin("alice", "::1")
        assert wait == WINDOW
        clock.advance(WINDOW.total_seconds())
        assert limiter.begin("alice", "::1") is None
