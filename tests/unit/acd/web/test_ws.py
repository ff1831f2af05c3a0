"""The WebSocket: who gets what, when it is on the wire, what becomes of those who do not read."""

from __future__ import annotations

import asyncio
import base64
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp.test_utils import TestServer

from acd.domain import effects as fx
from acd.service.feeds import KEPT_FRAMES, OUTBOX_FRAMES
from acd.service.ports import User
from acd.web import ws as ws_module
from acd.web.auth import COOKIE
from acd.web.ws import HIGH_WATER, MOST_PER_USER, OPEN_SCREENS, SESSION_OVER, text_frame
from tests.fakes.web_world import ALICE, BOB, ORDERS, SARAH, WebWorld
from tests.unit.acd.web.conftest import Browse, Browser

PATIENCE = 10.0


class Screen:
    def __init__(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        self.ws = ws

    async def frame(self, kind: str | None = None) -> dict[str, Any]:
        """The next frame, or the next of a type."""
        async with asyncio.timeout(PATIENCE):
            while True:
                frame: dict[str, Any] = msgspec.json.decode(await self.ws.receive_str())
                if kind in (None, frame["type"]):
                    return frame


@asynccontextmanager
async def screen_of(browser: Browser, query: str = "") -> AsyncIterator[Screen]:
    async with browser.client.ws_connect(f"/ws{query}") as ws:
        yield Screen(ws)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110  # what is waited for tells nobody
            await asyncio.sleep(0.005)


async def make_ready(browser: Browser) -> None:
    assert (await browser.send("POST", "/api/v1/agents/me/ready"))[0] == 200


async def test_a_screen_begins_with_the_present_state(browse: Browse, world: WebWorld) -> None:
    browser = await browse(ALICE)
    await make_ready(browser)
    call_id = world.call_comes()
    async with screen_of(browser) as screen:
        first = await screen.frame()
    assert set(first) == {"type", "seq", "at", "data"}
    assert (first["type"], first["at"]) == ("snapshot", "2026-11-21T09:00:00Z")
    assert first["data"]["agent"]["state"] == "reserved"
    assert first["data"]["call"]["call_id"] == call_id
    (step,) = first["data"]["call"]["ivr_path"]
    assert (step["node"], step["keys"]) == ("welcome", "1")


async def test_the_pop_reaches_the_agent_concerned_and_nobody_else(browse: Browse, world: WebWorld) -> None:
    alice, bob = await browse(ALICE), await browse(BOB)
    async with screen_of(alice) as hers, screen_of(bob) as his:
        await make_ready(alice)
        await make_ready(bob)
        first = world.call_comes("1.1")
        assert (await hers.frame("offer"))["data"]["call_id"] == first
        second = world.call_comes("1.2", ORDERS)
        offer = await his.frame("offer")  # the first offer he sees is his own
        assert offer["data"]["call_id"] == second
        assert (await his.frame())["data"]["state"] == "reserved"


async def test_the_whole_of_a_call_on_the_screen(browse: Browse, world: WebWorld) -> None:
    browser = await browse(ALICE)
    async with screen_of(browser) as screen:
        await screen.frame("snapshot")
        await make_ready(browser)
        call_id = world.call_comes()
        world.agent_answers(call_id)
        world.caller_hangs_up(call_id)
        said = {"code": "solved", "note": "Password reset.", "title": "Locked out", "link_to": None}
        assert (await browser.send("POST", "/api/v1/agents/me/wrap-up", said))[0] == 200
        frames: list[dict[str, Any]] = []
        while not frames or frames[-1]["data"].get("state") != "ready" or len(frames) < 5:
            frames.append(await screen.frame())
    states = [frame["data"]["state"] for frame in frames if frame["type"] == "agent"]
    assert states[:2] == ["ready", "reserved"]
    assert states[-3:] == ["talking", "wrap_up", "ready"]
    stages = [frame["data"]["stage"] for frame in frames if frame["type"] == "call"]
    assert stages[0] == "talking"
    numbers = [frame["seq"] for frame in frames]
    assert numbers == list(range(numbers[0], numbers[0] + len(frames)))
    (commit,) = world.commits
    assert (commit.code, commit.note, commit.title, commit.to_qualify) == (
        "solved",
        "Password reset.",
        "Locked out",
        False,
    )


async def test_a_reconnecting_screen_gets_the_rest(browse: Browse, world: WebWorld) -> None:
    browser = await browse(ALICE)
    async with screen_of(browser) as screen:
        last = (await screen.frame("snapshot"))["seq"]
    await make_ready(browser)
    world.call_comes()
    async with screen_of(browser, f"?last_seq={last}") as screen:
        frames = [await screen.frame() for _ in range(3)]
    assert [frame["type"] for frame in frames] == ["agent", "offer", "agent"]
    assert [frame["seq"] for frame in frames] == [last + 1, last + 2, last + 3]
    async with screen_of(browser, f"?last_seq={last + 3}") as screen:
        assert (await browser.send("POST", "/api/v1/agents/me/reject"))[0] == 200
        assert (await screen.frame())["seq"] == last + 4  # nothing twice, nothing left out


@pytest.mark.parametrize("last_seq", ["0", "9999999999999999"])
async def test_a_number_of_another_life_is_answered_with_a_snapshot(browse: Browse, last_seq: str) -> None:
    async with screen_of(await browse(ALICE), f"?last_seq={last_seq}") as screen:
        assert (await screen.frame())["type"] == "snapshot"


async def test_whoever_missed_too_much_gets_a_snapshot(browse: Browse, world: WebWorld) -> None:
    browser = await browse(ALICE)
    async with screen_of(browser) as screen:
        last = (await screen.frame())["seq"]
    for _ in range(KEPT_FRAMES + 1):
        world.screens.agent_feed(world.agent_id(ALICE)).publish("agent", None)
    async with screen_of(browser, f"?last_seq={last}") as screen:
        assert (await screen.frame())["type"] == "snapshot"


async def test_supervisors_watch_queues_and_agents(browse: Browse, world: WebWorld) -> None:
    sarah, alice = await browse(SARAH), await browse(ALICE)
    async with screen_of(sarah) as screen:
        first = await screen.frame()
        assert [queue["name"] for queue in first["data"]["queues"]] == ["orders", "support"]
        await make_ready(alice)
        world.call_comes("1.1", ORDERS)
        queues = (await screen.frame("queues"))["data"]
        assert [(queue["name"], queue["waiting"], queue["offered"]) for queue in queues] == [
            ("orders", 1, 1),
            ("support", 0, 0),  # configured a moment ago
        ]
        agents = (await screen.frame("agents"))["data"]
        assert [(agent["login"], agent["state"]) for agent in agents["changed"]] == [("alice", "ready")]


@pytest.mark.parametrize(
    ("user", "query", "headers", "status"),
    [
        (None, "", {}, 401),
        (None, "?token={token}", {}, 401),
        (ALICE, "?feed=supervisor", {}, 403),
        (SARAH, "?feed=agent", {}, 403),
        (ALICE, "?feed=agent_bob", {}, 400),
        (ALICE, "?last_seq=-1", {}, 400),
        (ALICE, "?last_seq=%D9%A1", {}, 400),
        (ALICE, "?last_seq=1e3", {}, 400),
        (ALICE, "?last_seq=" + "9" * 40, {}, 400),
        (ALICE, "", {"Origin": "https://evil.example"}, 403),
        (ALICE, "", {"Origin": "null"}, 403),
        (ALICE, "", {"Origin": "http://127.0.0.1"}, 403),  # another port is another origin
    ],
)
async def test_who_may_not_watch(
    browse: Browse, user: User | None, query: str, headers: dict[str, str], status: int
) -> None:
    token = (await browse(ALICE)).client.session.cookie_jar
    secret = next(cookie.value for cookie in token if cookie.key == COOKIE)
    browser = await browse(user)
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await browser.client.ws_connect("/ws" + query.format(token=secret), headers=headers)
    assert refused.value.status == status


async def test_our_own_pages_may_watch(browse: Browse, server: TestServer) -> None:
    browser = await browse(ALICE)
    origin = {"Origin": f"http://127.0.0.1:{server.port}"}
    async with browser.client.ws_connect("/ws", headers=origin) as ws:
        assert (await Screen(ws).frame())["type"] == "snapshot"


async def test_a_plain_request_to_ws_is_a_clear_error(browse: Browse) -> None:
    browser = await browse(ALICE)
    assert (await browser.send("GET", "/ws"))[0] == 400


async def test_pings_are_answered_and_all_else_is_ignored(browse: Browse, world: WebWorld) -> None:
    async with screen_of(await browse(ALICE)) as screen:
        await screen.frame("snapshot")
        for noise in ("", "{", "null", '{"type":1}', '{"type":"ready"}', "[" * 4000, '{"type":"\\ud800"}'):
            await screen.ws.send_str(noise)
        await screen.ws.send_bytes(b"\xff\x00")
        await screen.ws.send_str('{"type":"ping"}')
        assert msgspec.json.decode(await screen.ws.receive_str()) == {"type": "pong"}
    assert world.state_of(ALICE) == "not_ready"


async def test_a_huge_message_ends_the_connection(browse: Browse) -> None:
    async with screen_of(await browse(ALICE)) as screen:
        await screen.frame("snapshot")
        await screen.ws.send_str("x" * 5000)
        message = await screen.ws.receive(PATIENCE)
        assert (message.type, screen.ws.close_code) == (aiohttp.WSMsgType.CLOSE, 1009)


async def test_whoever_logs_out_sees_nothing_any_more(browse: Browse, world: WebWorld) -> None:
    browser, other = await browse(ALICE), await browse(SARAH)
    async with screen_of(browser) as screen, screen_of(other) as hers:
        await screen.frame("snapshot")
        await hers.frame("snapshot")
        await browser.send("DELETE", "/api/v1/session")
        async with asyncio.timeout(PATIENCE):
            async for _ in screen.ws:
                pass  # the last news, then the end
        assert screen.ws.closed
        world.screens.supervisors.publish("note", 1)
        assert (await hers.frame("note"))["data"] == 1


async def test_a_session_that_ends_closes_its_screens(
    browse: Browse, world: WebWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ws_module, "SESSION_CHECK", ws_module.SESSION_CHECK / 3000)
    async with screen_of(await browse(ALICE)) as screen:
        await screen.frame("snapshot")
        await world.users.remove("alice")
        message = await screen.ws.receive(PATIENCE)
        assert (message.type, screen.ws.close_code) == (aiohttp.WSMsgType.CLOSE, SESSION_OVER)


async def test_a_lost_database_leaves_the_screens_open(
    browse: Browse, world: WebWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ws_module, "SESSION_CHECK", ws_module.SESSION_CHECK / 3000)
    asked: list[str] = []
    async with screen_of(await browse(ALICE)) as screen:
        await screen.frame("snapshot")
        world.users.is_down = True
        monkeypatch.setattr(ws_module.log, "exception", asked.append)
        await until(lambda: len(asked) >= 2)
        world.screens.agent_feed(world.agent_id(ALICE)).publish("note", None)
        assert (await screen.frame())["type"] == "note"


async def test_one_user_cannot_open_screens_without_end(browse: Browse) -> None:
    browser = await browse(SARAH)
    opened = [await browser.client.ws_connect("/ws") for _ in range(MOST_PER_USER)]
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await browser.client.ws_connect("/ws")
    assert refused.value.status == 429
    for ws in opened:
        await ws.close()


async def test_the_session_survives_a_restart_of_the_service(browse: Browse, world: WebWorld) -> None:
    """The engine has forgotten the agent; the cookie is still good."""
    browser = await browse(ALICE)
    del world.engine.state.agents[world.agent_id(ALICE)]
    async with screen_of(browser) as screen:
        assert (await screen.frame("snapshot"))["data"]["agent"]["state"] == "not_ready"


class RawScreen:
    """A WebSocket client without event loop: it reads only when told to."""

    def __init__(self, server: TestServer, browser: Browser, receive_buffer: int | None = None) -> None:
        cookies = browser.client.session.cookie_jar
        self._token = next(cookie.value for cookie in cookies if cookie.key == COOKIE)
        self._port = server.port
        self.socket = socket.socket()
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(PATIENCE)

    def open(self) -> None:
        """Blocks: to be called in a thread."""
        self.socket.connect(("127.0.0.1", self._port))
        key = base64.b64encode(os.urandom(16)).decode()
        lines = (
            "GET /ws HTTP/1.1",
            f"Host: 127.0.0.1:{self._port}",
            f"Cookie: {COOKIE}={self._token}",
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            f"Sec-WebSocket-Key: {key}",
        )
        self.socket.sendall("\r\n".join((*lines, "", "")).encode())
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += self._read(1)
        assert head.startswith(b"HTTP/1.1 101 "), head

    def frame(self) -> dict[str, Any]:
        """Blocks until a text frame is there."""
        first, size = self._read(2)
        assert first == 0x81, f"no whole text frame: {first:#x}"
        if size >= 126:
            size = int.from_bytes(self._read(2 if size == 126 else 8), "big")
        frame: dict[str, Any] = msgspec.json.decode(self._read(size))
        return frame

    def _read(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            part = self.socket.recv(count - len(data))
            if not part:
                raise EOFError
            data += part
        return data


async def test_the_pop_is_on_the_wire_before_the_phone_is_told_to_ring(
    browse: Browse, world: WebWorld, server: TestServer
) -> None:
    """No iteration of the event loop passes between the decision and the socket: the effect that rings the phone
    reads the pop from the other end of the connection, in the very same stack."""
    browser = await browse(ALICE)
    await make_ready(browser)
    screen = RawScreen(server, browser)
    await asyncio.to_thread(screen.open)
    assert (await asyncio.to_thread(screen.frame))["type"] == "snapshot"
    seen: list[dict[str, Any]] = []
    world.dispatcher.carry_out(fx.RingAgent, lambda ring: seen.append(screen.frame()))
    call_id = world.call_comes()  # nothing is awaited from here on
    assert [(frame["type"], frame["data"]["call_id"]) for frame in seen] == [("offer", call_id)]
    screen.socket.close()


async def test_a_screen_that_does_not_read_is_cut_off(browse: Browse, world: WebWorld, server: TestServer) -> None:
    browser, reader = await browse(SARAH), await browse(SARAH)
    screen = RawScreen(server, browser, receive_buffer=4096)
    await asyncio.to_thread(screen.open)
    async with screen_of(reader) as good:
        await good.frame("snapshot")
        open_screens = server.app[OPEN_SCREENS]
        await until(lambda: open_screens.count_of("sarah") == 2)
        padding = "x" * 4096
        sent = 0
        while open_screens.count_of("sarah") == 2:
            world.screens.supervisors.publish("note", [sent, padding])
            sent += 1
            assert (await good.frame("note"))["data"][0] == sent - 1  # who reads is not held up
            # the kernel's buffers take some megabytes first
            assert sent < OUTBOX_FRAMES + HIGH_WATER // 4096 + 8192, "never cut off"
        assert world.metrics.registry.get_sample_value("guichet_screens_cut_total", {"feed": "supervisor"}) == 1
    screen.socket.close()


async def test_a_screen_that_was_slow_for_a_while_gets_every_frame_in_order(
    browse: Browse, world: WebWorld, server: TestServer
) -> None:
    browser = await browse(SARAH)
    screen = RawScreen(server, browser, receive_buffer=4096)
    await asyncio.to_thread(screen.open)
    padding = "x" * 65536
    count = 200  # 13 MB: more than kernel and transport take, fewer frames than the outbox holds
    for number in range(count):
        world.screens.supervisors.publish("note", [number, padding])

    def read_all() -> list[int]:
        numbers: list[int] = []
        while len(numbers) < count + 50:
            frame = screen.frame()
            if frame["type"] == "note":
                numbers.append(frame["data"][0])
        return numbers

    reading = asyncio.get_running_loop().run_in_executor(None, read_all)
    for number in range(count, count + 50):  # new ones while the old ones are still being written
        await asyncio.sleep(0)
        world.screens.supervisors.publish("note", [number, padding])
    assert await asyncio.wait_for(reading, 30) == list(range(count + 50))
    screen.socket.close()


@pytest.mark.parametrize("size", [0, 125, 126, 65535, 65536, 70000])
async def test_frames_of_every_length(browse: Browse, world: WebWorld, size: int) -> None:
    assert text_frame(b"x" * size).endswith(b"x" * size)
    async with screen_of(await browse(SARAH)) as screen:
        await screen.frame("snapshot")
        world.screens.supervisors.publish("note", "é" * size)
        assert (await screen.frame("note"))["data"] == "é" * size


async def test_the_service_stops_without_waiting_for_screens(browse: Browse, server: TestServer) -> None:
    async with screen_of(await browse(ALICE)) as screen:
        await screen.frame("snapshot")
        closing = asyncio.gather(server.close(), screen.ws.receive(PATIENCE))
        _, message = await asyncio.wait_for(closing, PATIENCE)
        assert message.type is aiohttp.WSMsgType.CLOSE
        assert screen.ws.close_code == 1001
