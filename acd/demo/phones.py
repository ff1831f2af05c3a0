"""Simulated agents' phones. Their screens live in a process of their own: see `screens_process`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from acd.demo.cast import AgentPart
from acd.demo.report import Seen
from acd.phone import IncomingCall, Phone, PhoneAccount, PhoneError

RING_TIME = 0.8  # seconds an agent lets it ring
TALK_LIMIT = 12.0


class AgentPhone:
    """`on_talk(agent, caller's number)` tells that this agent has picked up."""

    def __init__(
        self, part: AgentPart, account: PhoneAccount, seen: Seen, on_talk: Callable[[AgentPart, str], None]
    ) -> None:
        self._part = part
        self._account = account
        self._seen = seen
        self._on_talk = on_talk
        self.is_registered = asyncio.Event()

    async def work(self) -> None:
        """Register and take calls until cancelled."""
        async with Phone(self._account) as phone:
            await phone.register()
            self.is_registered.set()
            while True:
                call = await phone.incoming(timeout=float("inf"))
                self._seen.invites.append((self._part.login, call.caller_number, call.invited_at))
                call.ring()
                with suppress(PhoneError):
                    await self._talk(call)

    async def _talk(self, call: IncomingCall) -> None:
        with suppress(PhoneError):
            await call.ended(RING_TIME)  # the caller may give up meanwhile
            return
        call.answer()
        await call.answered(5)
        self._on_talk(self._part, call.caller_number)
        with suppress(PhoneError):
            await call.ended(TALK_LIMIT)
            return
        await call.hang_up()
