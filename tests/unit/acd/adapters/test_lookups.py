"""HTTP services that menus ask: good answers, and everything else a server can do to a caller who waits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import web

from acd.adapters.lookups import MOST_BYTES, LookupConfigurationError, LookupService, open_lookups

INTO = {"state": "sites.0.state", "wait": "wait"}
GOOD = {"sites": [{"state": "up"}], "wait": 21, "big": 1.5, "yes": True, "none": None, "deep": {"list": [1]}}
PATIENCE = timedelta(seconds=30)


class Server:
    def __init__(self) -> None:
        self.requests: list[web.Request] = []
        self.port = 0
        self.never = asyncio.Event()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        match request.match_info["how"]:
            case "good":
                return web.json_response(GOOD)
            case "second" if len(self.requests) > 1:
                return web.json_response(GOOD)
            case "hangs":
                await self.never.wait()
            case "stops":
                response = web.StreamResponse(headers={"Content-Length": "100"})
                await response.prepare(request)
                await response.write(b'{"wait"')
                await self.never.wait()
            case "html":
                return web.Response(text="<html>")
            case "large":
                return web.Response(body=b'{"wait": "' + b"x" * MOST_BYTES + b'"}')
            case "deep":
                return web.Response(body=b"[" * 30_000)
            case "elsewhere":
                raise web.HTTPFound(f"http://127.0.0.1:{self.port}/api/good")
            case "hostile":
                return web.json_response({"sites": [{"state": "a\nb\x1b[31m"}], "wait": "x" * 300})
            case "strange":
                return web.json_response({"sites": {"0": {"state": ["up"]}}, "wait": 1})
        return web.Response(status=500)


@asynccontextmanager
async def listening() -> AsyncIterator[Server]:
    server = Server()
    app = web.Application()
    app.router.add_get("/api/{how}", server.answer)
    app.router.add_get("/api/{how}/{more:.*}", server.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.port = runner.addresses[0][1]
    try:
        yield server
    finally:
        await runner.cleanup()


async def ask(
    server: Server, path: str, into: dict[str, str] | None = None, *, deadline: timedelta = PATIENCE, tries: int = 2
) -> dict[str, str] | None:
    service = LookupService(url=f"http://127.0.0.1:{server.port}/api/", token="a-token")
    async with open_lookups({"cmdb": service}) as lookups:
        return await lookups.ask("cmdb", path, INTO if into is None else into, deadline=deadline, tries=tries)


async def test_values_come_as_text() -> None:
    async with listening() as server:
        assert await ask(server, "/good") == {"state": "up", "wait": "21"}
        assert await ask(server, "/good", {"a": "big", "b": "yes"}) == {"a": "1.5", "b": "true"}
        headers = server.requests[0].headers
        assert (headers["Authorization"], headers["Accept"]) == ("Bearer a-token", "application/json")


@pytest.mark.parametrize("place", ["none", "deep", "deep.list", "sites.1.state", "sites.x", "wait.more", "nothing"])
async def test_a_place_without_a_value_is_no_answer(place: str) -> None:
    async with listening() as server:
        assert await ask(server, "/good", {"a": place}) is None
        assert len(server.requests) == 1  # asking again would not help


@pytest.mark.parametrize("how", ["html", "large", "deep", "elsewhere", "refuses"])
async def test_a_bad_answer_is_asked_for_again_and_given_up(how: str) -> None:
    async with listening() as server:
        assert await ask(server, f"/{how}", tries=3) is None
        assert [request.path for request in server.requests] == [f"/api/{how}"] * 3


async def test_the_second_try_may_succeed() -> None:
    async with listening() as server:
        assert await ask(server, "/second") == {"state": "up", "wait": "21"}


@pytest.mark.parametrize("how", ["hangs", "stops"])
async def test_the_deadline_holds_for_all_tries_together(how: str) -> None:
    async with listening() as server:
        assert await ask(server, f"/{how}", deadline=timedelta(seconds=0.2), tries=5) is None
        assert len(server.requests) == 1


async def test_nobody_listens() -> None:
    async with listening() as server:
        pass
    assert await ask(server, "/good") is None


async def test_what_comes_is_made_harmless() -> None:
    async with listening() as server:
        assert await ask(server, "/hostile", {"state": "sites.0.state"}) == {"state": "a b [31m"}
        assert await ask(server, "/hostile", {"wait": "wait"}) is None  # too long to be said
        assert await ask(server, "/strange", {"state": "sites.0.state"}) is None


async def test_encoded_values_stay_encoded() -> None:
    async with listening() as server:
        await ask(server, "/good/%2F..%2Fadmin%3Fx")
        assert server.requests[0].raw_path == "/api/good/%2F..%2Fadmin%3Fx"


async def test_an_unknown_service_is_no_answer() -> None:
    async with open_lookups({}) as lookups:
        assert await lookups.ask("cmdb", "/", INTO, deadline=PATIENCE, tries=1) is None


async def test_a_certificate_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    for name in ("ca.pem", "missing.pem"):
        service = LookupService(url="https://127.0.0.1", ca_file=tmp_path / name)
        with pytest.raises(LookupConfigurationError, match=name):
            async with open_lookups({"cmdb": service}):
                pass
