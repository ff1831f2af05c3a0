"""Callers and agents who go on whatever happens, and remember what happened to them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random

import aiohttp
import pytest

from acd.phone import EndedBy, IncomingCall, MediaOptions, OutgoingCall, Phone, PhoneAccount, PhoneError, Tone
from acd.service.ports import User
from tests.integration.hearing import HIGH, LOW
from tests.integration.house import HOTLINE, PASSWORD
from tests.integration.screen import Screen, open_screen

PATIENCE = 20.0
TALK_SECONDS = (1.5, 6.0)
CALLER_PATIENCE = (30.0, 60.0)  # of one whom nobody answers


@dataclass
class CallerAccount:
    """One visit, as the caller tells it. Instants are loop time."""

    number: str
    call: OutgoingCall | None = None
    failed: str = ""  # the PBX did not answer
    has_hung_up: bool = False
    talks: list[TalkAccount] = field(default_factory=list)

    @property
    def is_answered(self) -> bool:
        return self.call is not None and self.call.answered_at is not None

    @property
    def is_talking(self) -> bool:
        return any(talk.call.end is None for talk in self.talks)

    @property
    def was_dropped(self) -> bool:
        """Let go by the far end without having talked."""
        return self.is_answered and not self.has_hung_up and not self.talks


@dataclass
class TalkAccount:
    """A call an agent's phone answered, as the agent tells it."""

    number: str
    agent: str
    call: IncomingCall
    caller_ends: bool  # who hangs up: the caller or the agent
    has_hung_up: bool = False

    @property
    def was_cut(self) -> bool:
        end = self.call.end
        return end is not None and end.by is EndedBy.REMOTE and not self.caller_ends and not self.has_hung_up


class Ledger:
    """What all people tell."""

    def __init__(self) -> None:
        self.callers: dict[str, CallerAccount] = {}
        self.talks: list[TalkAccount] = []

    def talk(self, talk: TalkAccount) -> None:
        self.talks.append(talk)
        if caller := self.callers.get(talk.number):
            caller.talks.append(talk)

    @property
    def live_calls(self) -> list[CallerAccount]:
        return [caller for caller in self.callers.values() if caller.call and caller.call.end is None]


class AgentRobot:
    """A phone that answers and a screen that goes ready, wraps up, and comes back after every loss."""

    def __init__(self, user: User, account: PhoneAccount, url: str, ledger: Ledger, chance: Random) -> None:
        self.user = user
        self.ledger = ledger
        self._account = account
        self._url = url
        self._chance = chance
        self._group: asyncio.TaskGroup | None = None
        self.phone = Phone(account, media=MediaOptions(sound=Tone(LOW), record=False))
        self.cut_screen: Callable[[], None] = lambda: None
        self.screens_lost = 0

    async def work(self) -> None:
        """Until cancelled."""
        async with self.phone, asyncio.TaskGroup() as group:
            self._group = group
            self.phone.on_incoming = self._called
            await self.register()
            await self._look_at_screens()

    async def register(self) -> None:
        for _ in range(20):
            with suppress(PhoneError):
                await self.phone.register()
                return
            await asyncio.sleep(0.5)

    def _called(self, call: IncomingCall) -> None:
        assert self._group is not None
        self._group.create_task(self._take(call))

    async def _take(self, call: IncomingCall) -> None:
        call.ring()
        await asyncio.sleep(self._chance.uniform(0.1, 0.6))
        if call.end is not None:
            return
        try:
            call.answer()
            await call.wait_for(lambda: call.confirmed_at is not None or call.end is not None, PATIENCE, "ACK")
        except PhoneError:
            return
        if call.confirmed_at is None:
            return
        talk = TalkAccount(call.caller_number, self.user.login, call, caller_ends=self._chance.random() < 0.3)
        self.ledger.talk(talk)
        await asyncio.sleep(self._chance.uniform(*TALK_SECONDS))
        if not talk.caller_ends and call.end is None:
            talk.has_hung_up = True
            with suppress(PhoneError):
                await call.hang_up()
        elif caller := self.ledger.callers.get(talk.number):
            await hang_up(caller)

    async def _look_at_screens(self) -> None:
        while True:
            try:
                async with open_screen(self._url, self.user.login, PASSWORD) as screen:
                    self.cut_screen = screen._socket.close
                    await self._attend(screen)
                    raise _ScreenLostError  # not a log-out
            except (_ScreenLostError, aiohttp.ClientError, OSError, AssertionError, TimeoutError, _Failed):
                self.screens_lost += 1
            await asyncio.sleep(0.3)

    async def _attend(self, screen: Screen) -> None:
        while not screen.is_lost:
            state = screen.agent["state"]
            if state == "not_ready":
                await screen.post("/api/v1/agents/me/ready")
            elif state == "wrap_up":
                await screen.post("/api/v1/agents/me/wrap-up", {"note": "chaos"})
            await asyncio.sleep(0.15)


class _ScreenLostError(Exception):
    """The service is gone, or has cut the screen."""


# `until` of the integration tests fails a test; here it is one more lost screen.
_Failed = pytest.fail.Exception


async def visit(account: CallerAccount, registrar: str, chance: Random) -> None:
    """Ring the hotline, walk the menu, wait, talk, leave."""
    phone_account = PhoneAccount(account.number, None, registrar, "", local_ip="127.0.0.2")
    async with Phone(phone_account, media=MediaOptions(sound=Tone(HIGH), record=False)) as phone:
        try:
            call = account.call = await phone.call(HOTLINE)
            await call.answered(PATIENCE)
            await _walk(account, chance)
            await call.ended(600)
        except PhoneError as error:
            account.failed = account.failed or str(error)


async def _walk(account: CallerAccount, chance: Random) -> None:
    """Keys now and then until somebody talks, or patience is over; keys pressed while waiting do no harm."""
    call, loop = account.call, asyncio.get_running_loop()
    assert call is not None
    until = loop.time() + chance.uniform(*CALLER_PATIENCE)
    next_key = loop.time() + 1.0
    while call.end is None and not account.talks and loop.time() < until:
        if loop.time() >= next_key:
            next_key = loop.time() + 3.0
            with suppress(PhoneError):
                await call.send_digits("1")
        await asyncio.sleep(0.1)
    if call.end is None and not account.talks:
        await hang_up(account)


async def hang_up(account: CallerAccount) -> None:
    if account.call is not None and account.call.end is None:
        account.has_hung_up = True
        with suppress(PhoneError):
            await account.call.hang_up()
