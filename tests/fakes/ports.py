"""Fakes of the service's ports. They subclass the ports and pass the same contract suites as the real parts."""

from __future__ import annotations

import hashlib
import heapq
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import structlog

from acd.domain.call import Call
from acd.domain.caller import Caller, CallerContext, Certainty, ContactCard, TicketCard
from acd.domain.commands import Command
from acd.domain.effects import CommitTicket
from acd.domain.work import Message
from acd.service.ports import Clock, Desk, DeskError, Lookups, Messages, Prompts, PromptsError, Timers
from ivr.model import PromptRef
from tests.fakes.switch import FakeChannel, FakeTelephony

__all__ = [
    "START",
    "FakeChannel",
    "FakeDesk",
    "FakeLookups",
    "FakeMessages",
    "FakePrompts",
    "FakeTelephony",
    "VirtualClock",
    "VirtualTimers",
]

log = structlog.get_logger(__name__)

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

    async def unsettled_calls(self, since: datetime) -> list[Call]:
        self._check()
        calls = [call for call in self.recorded.values() if call.is_answered and call.linkedid not in self.committed]
        return sorted((call for call in calls if call.started_at >= since), key=lambda call: call.started_at)

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


class FakePrompts(Prompts):
    """The sound of a prompt is its text, or the name of its recording; `without_sound` are those that have none."""

    def __init__(self, without_sound: Collection[PromptRef] = ()) -> None:
        self._without_sound = without_sound

    def sounds_of(self, prompts: Sequence[PromptRef]) -> list[str]:
        sounds: list[str] = []
        for prompt in prompts:
            if prompt.pieces:
                there = [piece for piece in prompt.pieces if piece not in self._without_sound]
                has_all = len(there) == len(prompt.pieces)
                sounds += self.sounds_of(there if has_all or prompt.without is None else [prompt.without])
                continue
            sound = prompt.text or prompt.recording
            if sound and prompt not in self._without_sound:
                sounds.append(sound)
            else:
                log.error("prompt_without_sound", language=prompt.language)
        return sounds

    async def speak(self, prompts: Sequence[PromptRef], *, within: timedelta) -> None:
        """All words have a sound here."""

    async def prepare(self, prompts: Iterable[PromptRef]) -> Mapping[PromptRef, str]:
        wanted = tuple(prompts)
        if any(prompt in self._without_sound for prompt in wanted):
            raise PromptsError("a sound cannot be made: made so by the test")
        return {prompt: prompt.text or prompt.recording for prompt in wanted}


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


class FakeMessages(Messages):
    """`lengths` by name, of what callers said; every other message has some seconds."""

    def __init__(self) -> None:
        self.lengths: dict[str, timedelta] = {}
        self._placed: set[str] = set()

    async def place_for(self, name: str) -> str:
        self._placed.add(name)
        return f"/voicemail/{name.removesuffix('.wav')}"

    async def kept(self, name: str) -> Message | None:
        length = self.lengths.get(name, timedelta(seconds=7))
        if name not in self._placed or length < timedelta(seconds=1):
            return None
        return Message(name=name, length=length, sha256=hashlib.sha256(name.encode()).hexdigest())
