"""A web world per test, and clients that talk to it over real sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.web import Application, Request

from acd.service.ports import User
from acd.web.app import ENDPOINTS
from acd.web.openapi import openapi_document
from tests.fakes.web_world import PASSWORD, StillClock, WebWorld, build_world

Client = TestClient[Request, Application]


@dataclass(slots=True)
class Browser:
    """A client with cookies that sends the CSRF token, as the pages do."""

    client: Client
    csrf_token: str = ""

    async def log_in(self, user: User) -> dict[str, Any]:
        status, answer = await self.send("POST", "/api/v1/session", {"login": user.login, "password": PASSWORD})
        assert status == 200, answer
        self.csrf_token = answer["csrf_token"]
        return answer  # type: ignore[no-any-return]

    async def send(self, method: str, path: str, body: object = None, **options: Any) -> tuple[int, Any]:
        """Status and JSON answer. Every status has to be one that OpenAPI tells of."""
        headers = {"X-CSRF-Token": self.csrf_token} | options.pop("headers", {})
        if body is not None:
            options["json"] = body
        async with self.client.request(method, path, headers=headers, **options) as response:
            check_documented(method, path, response.status)
            return response.status, await response.json() if response.status != 204 else None


def check_documented(method: str, path: str, status: int) -> None:
    document = openapi_document(ENDPOINTS, "test")
    for template, operations in document["paths"].items():
        parts, theirs = path.partition("?")[0].split("/"), template.split("/")
        if len(parts) == len(theirs) and all(p == t or t.startswith("{") for p, t in zip(parts, theirs, strict=True)):
            operation = operations.get(method.lower())
            if operation is not None:
                assert str(status) in operation["responses"], f"{method} {template} answered {status}"


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture
async def world(clock: StillClock) -> WebWorld:
    return build_world(clock)


@pytest.fixture
async def server(world: WebWorld) -> AsyncIterator[TestServer]:
    server = TestServer(world.app)
    async with server:
        yield server


@pytest.fixture
async def browse(server: TestServer) -> AsyncIterator[Callable[[User | None], Awaitable[Browser]]]:
    """`await browse(ALICE)`: a new browser in which she has logged in; None: nobody."""
    clients: list[Client] = []

    async def open_browser(user: User | None) -> Browser:
        client = TestClient(server, cookie_jar=aiohttp.CookieJar(unsafe=True))
        clients.append(client)
        browser = Browser(client)
        if user is not None:
            await browser.log_in(user)
        return browser

    yield open_browser
    for client in clients:
        await client.session.close()


Browse = Callable[[User | None], Awaitable[Browser]]
