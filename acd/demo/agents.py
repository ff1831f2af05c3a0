"""Simulated agents: a real SIP phone and a real screen (HTTP session and WebSocket) each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import aiohttp
import msgspec

from acd.demo.cast import AgentPart
from acd.demo.report import Seen
from acd.phone import IncomingCall, Phone, PhoneAccount, PhoneError

RING_TIME = 0.8  # seconds an agent lets it ring
TALK_LIMIT = 12.0
WRAP_UP_TIME = 1.0


class SimulatedAgent:
    """`on_talk(linked number)` tells that this agent now speaks to the caller of that number."""

    def __init__(
        self,
        part: AgentPart,
        password: str,
        account: PhoneAccount,
        url: str,
        seen: Seen,
        *,
        on_talk: Callable[[str], None],
    ) -> None:
        self._part = part
        self._password = password
        self._account = account
        self._url = url
        self._seen = seen
        self._on_talk = on_talk
        self._offer: dict[str, Any] | None = None
        self._popped_at: float | None = None
        self._state = asyncio.Event()
        self._agent_state = ""
        self.is_ready = asyncio.Event()  # has been, once
        self.is_free = asyncio.Event()  # has no call now

    async def work(self) -> None:
        """Log in, go ready and take calls until cancelled."""
        async with aiohttp.ClientSession(self._url) as http, Phone(self._account) as phone:
            await phone.register()
            headers = await self._log_in(http)
            async with http.ws_connect("/ws", headers=headers) as screen:
                await self._post(http, headers, "ready", {})
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._watch_screen(screen))
                    group.create_task(self._take_calls(phone))
                    group.create_task(self._wrap_up_always(http, headers))

    async def _log_in(self, http: aiohttp.ClientSession) -> dict[str, str]:
        body = {"login": self._part.login, "password": self._password, "token": True}
        async with http.post("/api/v1/session", json=body) as response:
            response.raise_for_status()
            token = (await response.json())["token"]
        return {"Authorization": f"Bearer {token}"}

    async def _post(self, http: aiohttp.ClientSession, headers: dict[str, str], what: str, body: object) -> None:
        async with http.post(f"/api/v1/agents/me/{what}", json=body, headers=headers) as response:
            if response.status >= 400:
                text = await response.text()
                self._seen.agent_troubles.append(f"{self._part.name}: {what}: {response.status} {text[:200]}")

    async def _watch_screen(self, screen: aiohttp.ClientWebSocketResponse) -> None:
        loop = asyncio.get_running_loop()
        async for message in screen:
            if message.type is not aiohttp.WSMsgType.TEXT:
                break
            frame = msgspec.json.decode(message.data)
            if frame["type"] == "offer":
                self._offer, self._popped_at = frame["data"], loop.time()
            agent = frame["data"] if frame["type"] == "agent" else None
            if frame["type"] == "snapshot":
                agent = frame["data"]["agent"]
            if agent is not None:
                self._agent_state = agent["state"]
                self._state.set()
                if self._agent_state == "ready":
                    self.is_ready.set()
                if self._agent_state in {"ready", "not_ready"}:
                    self.is_free.set()
                else:
                    self.is_free.clear()
        self._seen.agent_troubles.append(f"{self._part.name}: the screen was cut off")

    async def _take_calls(self, phone: Phone) -> None:
        while True:
            call = await phone.incoming(timeout=3600)
            self._note_lead(call)
            call.ring()
            with suppress(PhoneError):
                await self._talk(call)

    def _note_lead(self, call: IncomingCall) -> None:
        if self._popped_at is None:
            self._seen.rings_without_pop += 1
            return
        self._seen.pop_leads.append(call.invited_at - self._popped_at)
        self._popped_at = None

    async def _talk(self, call: IncomingCall) -> None:
        with suppress(PhoneError):
            await call.ended(RING_TIME)  # the caller may give up meanwhile
            return
        call.answer()
        await call.answered(5)
        if self._offer is not None:
            self._on_talk(self._offer["number"])
        with suppress(PhoneError):
            await call.ended(TALK_LIMIT)
            return
        await call.hang_up()

    async def _wrap_up_always(self, http: aiohttp.ClientSession, headers: dict[str, str]) -> None:
        while True:
            await self._state.wait()
            self._state.clear()
            if self._agent_state == "wrap_up":
                await asyncio.sleep(WRAP_UP_TIME)
                if self._agent_state == "wrap_up":
                    await self._post(http, headers, "wrap-up", {"code": "solved", "note": "Seen in the demo."})
            elif self._agent_state == "not_ready":
                await asyncio.sleep(WRAP_UP_TIME)  # a missed call made the agent not ready: back to work
                await self._post(http, headers, "ready", {})
