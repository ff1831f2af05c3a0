"""Fakes of the service's ports. They subclass the ports and pass the same contract suites as the real parts."""

from __future__ import annotations

import asyncio
import heapq
import re
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from acd.domain.call import Call
from acd.domain.caller import Caller, CallerContext, Certainty, ContactCard, TicketCard
from acd.domain.commands import Command
from acd.domain.effects import CommitTicket
from acd.service.ports import (
    CallerChannel,
    CallerHungUpError,
    ChannelFacts,
    Clock,
    ControlLostError,
    Desk,
    DeskError,
    DialStatus,
    Keyed,
    Lookups,
    Prompts,
    Telephony,
    TelephonyFact,
    Timers,
)
from ivr.model import PromptRef

T = TypeVar("T")

START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


class VirtualClock(Clock):
    """Time that stands still until it is moved."""

    def __init__(self, now: datetime = START) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now

    def move(self, to: datetime) -> None:
        assert to >= self._now, "time does not run backwards"
        self._now = to


class VirtualTimers(Timers):
    """Timers on a virtual clock: `advance` moves time and fires what falls due, in order."""

    def __init__(self, clock: VirtualClock, submit: Callable[[Command], None]) -> None:
        self._clock = clock
        self._submit = submit
        self._due: list[tuple[datetime, int, str]] = []
        self._commands: dict[str, tuple[int, Command]] = {}
        self._serial = 0

    def start(self, key: str, due_at: datetime, command: Command) -> None:
        self._serial += 1
        self._commands[key] = (self._serial, command)
        heapq.heappush(self._due, (due_at, self._serial, key))

    def cancel(self, key: str) -> None:
        self._commands.pop(key, None)

    def advance(self, by: timedelta) -> None:
        until = self._clock.now() + by
        while self._due and self._due[0][0] <= until:
            due_at, serial, key = heapq.heappop(self._due)
            known = self._commands.get(key)
            if known is None or known[0] != serial:
                continue
            del self._commands[key]
            self._clock.move(max(due_at, self._clock.now()))
            self._submit(known[1])
        self._clock.move(until)

    @property
    def pending(self) -> frozenset[str]:
        return frozenset(self._commands)


class FakeDesk(Desk):
    """A desk in memory. `contacts` by number, `tickets` by number of the ticket with their owner's number."""

    def __init__(self) -> None:
        self.contacts: dict[str, list[ContactCard]] = {}
        self.tickets: dict[str, str] = {}
        self.recorded: dict[str, Call] = {}
        self.committed: dict[str, CommitTicket] = {}
        self._numbers: dict[str, str | None] = {}  # of the tickets, by Linkedid
        self.is_down = False
        self._next_ticket = 1000

    def classify(self, number: str, name: str) -> Caller:
        e164 = number if re.fullmatch(r"\+[0-9]{5,15}", number) else None
        return Caller(number=number, name=name, number_kind="e164" if e164 else "anonymous", e164=e164)

    async def identify(self, caller: Caller) -> tuple[Caller, CallerContext]:
        self._check()
        found = tuple(self.contacts.get(caller.number, ()))
        certainty = (Certainty.UNKNOWN, Certainty.KNOWN)[len(found)] if len(found) < 2 else Certainty.UNCERTAIN
        identified = Caller(
            number=caller.number,
            name=caller.name,
            number_kind=caller.number_kind,
            e164=caller.e164,
            certainty=certainty,
            contacts=found,
        )
        return identified, CallerContext()

    async def check_ticket(self, caller: Caller, context: CallerContext, digits: str) -> CallerContext | None:
        self._check()
        if self.tickets.get(digits) != caller.number:
            return None
        ticket = TicketCard(number=digits, title="Printer", status="open", created_at=START)
        return CallerContext(linked_ticket=ticket)

    async def call_under_way(self, linkedid: str) -> Call | None:
        self._check()
        call = self.recorded.get(linkedid)
        return call if call is not None and call.queue is not None and call.ended_at is None else None

    async def record_interactions(self, calls: Sequence[Call]) -> None:
        self._check()
        for call in calls:
            self.recorded[call.linkedid] = call

    async def commit_ticket(self, wish: CommitTicket) -> str | None:
        self._check()
        linkedid = wish.call.linkedid
        if linkedid not in self.committed:
            self.committed[linkedid] = wish
            self._numbers[linkedid] = self._number_for(wish)
        return self._numbers[linkedid]

    def _number_for(self, wish: CommitTicket) -> str | None:
        if wish.code in {"wrong_number", "spam"}:
            return None
        if known := wish.link_to or (None if wish.new_ticket else wish.call.keyed_ticket):
            return known
        self._next_ticket += 1
        return str(self._next_ticket)

    def _check(self) -> None:
        if self.is_down:
            raise DeskError("the desk is down")


class FakeTelephony(Telephony):
    def __init__(self) -> None:
        self.hear: Callable[[TelephonyFact], None] = lambda fact: None
        self.stopped: list[str] = []

    def listen(self, hear: Callable[[TelephonyFact], None]) -> None:
        self.hear = hear

    async def stop_ringing(self, linkedid: str) -> None:
        self.stopped.append(linkedid)

    def dial_is_over(self, linkedid: str) -> None:
        """Nothing is kept between rings."""


class FakePrompts(Prompts):
    def sounds_of(self, prompts: Sequence[PromptRef]) -> list[str]:
        return [prompt.text or prompt.recording for prompt in prompts]

    async def speak(self, prompts: Sequence[PromptRef], *, within: timedelta) -> None:
        """All words have a sound here."""


class FakeLookups(Lookups):
    """`answers` by service and path: a JSON object of one level."""

    def __init__(self) -> None:
        self.answers: dict[tuple[str, str], dict[str, str]] = {}

    async def ask(
        self, service: str, path: str, into: Mapping[str, str], *, deadline: timedelta, tries: int
    ) -> dict[str, str] | None:
        answer = self.answers.get((service, path), {})
        found = {name: answer[place] for name, place in into.items() if place in answer}
        return found if len(found) == len(into) else None


class FakeChannel(CallerChannel):
    """A caller's channel whose other end is the test: it keys, hangs up, cuts the session, answers rings."""

    def __init__(self, linkedid: str, number: str = "+33612345678", **facts: object) -> None:
        self.facts = ChannelFacts(
            linkedid=linkedid,
            channel=f"PJSIP/trunk-{linkedid}",
            caller_number=number,
            caller_name="",
            called_number="100",
            **facts,  # type: ignore[arg-type]  # the test names real fields
        )
        self.state: dict[str, str] = {}
        self.heard: list[str] = []
        self.has_music = False
        self.dialled: list[str] = []
        self.is_finished = False
        self._keys: deque[str] = deque()
        self._keyed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._end: asyncio.Future[Exception] = asyncio.get_running_loop().create_future()
        self._ring: asyncio.Future[DialStatus] | None = None
        self.rings = asyncio.Event()

    # the test's side

    def key(self, digits: str) -> None:
        self._keys.append(digits)
        if not self._keyed.done():
            self._keyed.set_result(None)

    def hang_up(self, *, after_talk: bool = False) -> None:
        if not self._end.done():
            self._end.set_result(CallerHungUpError(after_talk=after_talk))

    def cut(self) -> None:
        if not self._end.done():
            self._end.set_result(ControlLostError("the socket is gone"))

    def end_ring(self, status: DialStatus) -> None:
        assert self._ring is not None, "nobody is being rung"
        self._ring.set_result(status)

    # the port

    async def set_state(self, **variables: str) -> None:
        self._check()
        self.state.update(variables)

    async def play(self, sounds: Sequence[str], *, interruptible: bool = False) -> None:
        self._check()
        self.heard.extend(sounds)

    async def collect(
        self,
        sounds: Sequence[str],
        *,
        max_digits: int,
        terminator: str | None,
        timeout: timedelta,
        digit_timeout: timedelta,
        interruptible: bool = True,
        is_retry: bool = False,
    ) -> Keyed:
        """A test's `key` is one whole entry; "" is a time-out."""
        self._check()
        self.heard.extend(sounds)
        if not self._keys:
            self._keyed = asyncio.get_running_loop().create_future()
            await self.idle_until(self._keyed)
        digits = self._keys.popleft()
        return Keyed(digits.rstrip(terminator or ""), is_complete=bool(digits))

    async def start_music(self) -> None:
        self._check()
        self.has_music = True

    async def stop_music(self) -> None:
        self._check()
        self.has_music = False

    async def idle_until(self, happens: asyncio.Future[T]) -> T:
        await asyncio.wait((happens, self._end), return_when=asyncio.FIRST_COMPLETED)
        if not happens.done():
            raise self._end.result()
        return happens.result()

    async def dial(self, extension: str, offer_time: timedelta) -> DialStatus:
        self._check()
        self.has_music = False
        self.dialled.append(extension)
        self._ring = asyncio.get_running_loop().create_future()
        self.rings.set()
        try:
            return await self.idle_until(self._ring)
        finally:
            self._ring = None
            self.rings.clear()

    async def finish(self) -> None:
        self._check()
        self.is_finished = True

    def _check(self) -> None:
        if self._end.done():
            raise self._end.result()
