"""The service is killed at every boundary of one call's life: before a decision is kept, after it is and before its
effects, after each effect, before and after the desk wrote something; with the journal's last decisions written or
not. Whatever came before, people go on as people do, and in the end nothing is lost, nothing is double, and all is as
if nothing had happened.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from acd.adapters.bus.file_journal import FileJournal
from acd.adapters.bus.frames import HEADER_SIZE, Reading
from acd.adapters.bus.journal_files import EVENTS, files
from acd.domain import commands as cmd
from acd.domain import effects as fx
from acd.domain import events as ev
from acd.domain.agent import AgentState, Draft
from acd.domain.call import Call, Reason, Result, Termination
from acd.domain.ids import QueueName, agent_id_of
from acd.domain.journal_format import DeskWish, decode_record
from acd.service import desk_writer
from acd.service.ports import DialStatus
from acd.service.tasks import BackgroundTasks
from acd.settings import load_settings
from acd.site import Site, load_site
from tests.fakes.disk import FakeDisk
from tests.fakes.ports import FakeChannel, FakeDesk
from tests.scenarios.world import Surroundings, World

ALICE = agent_id_of("alice")
LINKEDID, EXTENSION = "1.1", "1001"
NOTE = "The drum is worn."
SUPPORT = QueueName("support")


class Crash:
    """Counts boundaries; at the one that is wanted everything stops."""

    def __init__(self, at: int | None) -> None:
        self._at = at
        self.count = 0
        self.is_dead = False
        self.where = ""
        self.on_death: Callable[[], None] = lambda: None

    def died(self) -> bool:
        return self.is_dead

    def boundary(self, where: str) -> bool:
        """True: dead, now or before."""
        if not self.is_dead:
            if self.count == self._at:
                self.is_dead, self.where = True, where
                self.on_death()
            self.count += 1
        return self.is_dead


class KilledJournal(FileJournal):
    """Its thread is the test: everything is in the file at once, as long as the service lives."""

    def __init__(self, disk: FakeDisk, around: Surroundings, crash: Crash) -> None:
        super().__init__(disk, around.clock)
        self._crash = crash

    def append(self, events: Sequence[ev.Event], wishes: Sequence[DeskWish] = ()) -> None:
        name = type(events[0]).__name__ if events else "wishes"
        if self._crash.boundary(f"before {name} is kept"):
            return
        super().append(events, wishes)
        self.writer.write()
        self._crash.boundary(f"after {name} is kept")

    def took(self, count: int) -> None:
        if not self._crash.boundary("before the desk's work is noted"):
            super().took(count)
            self.writer.write()


class KilledDesk(FakeDesk):
    """The desk itself lives on; a dead service asks it nothing. Tickets are counted."""

    def __init__(self) -> None:
        super().__init__()
        self.crash = Crash(None)

    async def record_interactions(self, calls: Sequence[Call]) -> None:
        await self._unless_dead("before interactions are written")
        await super().record_interactions(calls)
        await self._unless_dead("after interactions are written")

    async def commit_ticket(self, wish: fx.CommitTicket) -> str | None:
        await self._unless_dead("before the ticket is written")
        number = await super().commit_ticket(wish)
        await self._unless_dead("after the ticket is written")
        return number

    async def _unless_dead(self, where: str) -> None:
        if self.crash.boundary(where):
            await asyncio.get_running_loop().create_future()  # for ever


@dataclass(frozen=True)
class Outcome:
    """All that anybody may see afterwards, but for instants."""

    interaction: dict[str, Any]
    commits: list[dict[str, Any]]
    tickets: int
    agent: AgentState
    figures: dict[str, int]
    calls_left: int
    talks: int
    timers: frozenset[str]
    owed: int


class Life:
    """One caller and one agent, who go on with what they want whatever the service does."""

    def __init__(self, site: Site, crash: Crash, *, unwritten: int = 0, goes_on: bool = False) -> None:
        self._site = site
        self._crash = crash
        self._unwritten = unwritten
        self._goes_on = goes_on  # phones are answered and hung up while no service is there
        self.around = Surroundings()
        self.desk = KilledDesk()
        self.desk.crash = crash
        crash.on_death = self._lose_the_channel
        self.around.desk = self.desk
        self.disk = FakeDisk()
        self.channel: FakeChannel | None = None
        self.talks = 0

    async def lived(self) -> Outcome:
        while True:
            async with self._service() as world:
                if await self._live(world):
                    return self._outcome(world)
            self._crash = self.desk.crash = Crash(None)
            self.disk = without_the_last(self.disk.after_kill(), self._unwritten, self.around.clock.now())
            if self._goes_on:
                self._phones_go_on()

    @asynccontextmanager
    async def _service(self) -> AsyncIterator[World]:
        journal = KilledJournal(self.disk, self.around, self._crash)
        past = journal.load()
        async with BackgroundTasks() as tasks:
            world = World(self._site, tasks, around=self.around, journal=journal, past=past)
            journal.begin(world.core.memory.picture, has_thread=False)
            journal.writer.commit()
            self._instrument(world)
            yield world

    def _instrument(self, world: World) -> None:
        dispatcher, crash = world.core.dispatcher, self._crash
        for kind, handler in tuple(dispatcher._effect_handlers.items()):
            dispatcher.carry_out(kind, self._until_dead(handler, kind.__name__))
        heard = self.around.telephony.hear
        self.around.telephony.listen(lambda fact: None if crash.is_dead else heard(fact))

    def _until_dead(self, handler: Callable[[Any], None], name: str) -> Callable[[Any], None]:
        def carry_out(effect: Any) -> None:
            if not self._crash.died():
                handler(effect)
                self._crash.boundary(f"after {name}")

        return carry_out

    def _lose_the_channel(self) -> None:
        """With the process its sockets are closed: what its flows still wish to do goes nowhere."""
        for channel in self.around.telephony.channels():
            channel.cut()

    # people --------------------------------------------------------------------------------------------------

    async def _live(self, world: World) -> bool:
        """False: the service has died."""
        self.around.telephony.log_in(self.around.clock.now())
        for _ in range(60):
            await world.settle()
            if self._crash.died():
                return False
            if self._is_over(world):
                return True
            self._next(world)
            await world.settle()
            if self._crash.died():
                return False
            await world.pass_time(1)
        raise AssertionError(
            f"stuck after a crash {self._crash.where}: {self.channel and vars(self.channel)}"
            f" {world.core.engine.state.calls} {world.core.engine.state.agents} {self.desk.committed}"
        )

    def _is_over(self, world: World) -> bool:
        agent = world.core.engine.state.agents.get(ALICE)
        is_told = LINKEDID in self.desk.committed and len(world.core.writer) == 0
        is_gone = self.channel is not None and self.channel.has_ended
        return is_told and is_gone and agent is not None and agent.state is AgentState.READY

    def _next(self, world: World) -> None:
        """What people do now, as they see things."""
        channel, agent = self.channel, world.core.engine.state.agents.get(ALICE)
        if channel is None:
            self.channel = self._calls(world)
        elif channel.leg is not None:
            self._use_the_phone(channel)
        elif not channel.has_ended and not channel.is_controlled:
            self.channel = self._comes_back(world, channel)
        elif agent is None or agent.state is AgentState.LOGGED_OUT:
            world.agent("alice", EXTENSION, support=3)
        elif agent.state is AgentState.NOT_READY:
            world.order(cmd.MakeReady(agent_id=ALICE))
        elif agent.state is AgentState.WRAP_UP and agent.call_id is not None:
            if agent.draft is None:
                world.order(cmd.KeepDraft(agent_id=ALICE, call_id=agent.call_id, draft=Draft(note=NOTE[:5])))
            else:
                world.order(cmd.EndWrapUp(agent_id=ALICE, note=NOTE))

    def _calls(self, world: World) -> FakeChannel:
        channel = world.caller(LINKEDID)
        self._keys(channel)
        return channel

    def _comes_back(self, world: World, channel: FakeChannel) -> FakeChannel:
        back = channel.again()
        self._keys(back)
        world.tasks.start(world.core.switchboard.take_call(back), "call again")
        return back

    @staticmethod
    def _keys(channel: FakeChannel) -> None:
        for _ in range(4):
            channel.key("1")

    def _use_the_phone(self, channel: FakeChannel) -> None:
        if not channel.is_answered:
            channel.phone_answers()
            self.talks += 1
        else:
            channel.end_ring(DialStatus.ANSWERED)

    def _phones_go_on(self) -> None:
        self.around.telephony.is_down = True
        for _ in range(2):
            if self.channel is not None and self.channel.leg is not None:
                self._use_the_phone(self.channel)

    # what came of it -----------------------------------------------------------------------------------------

    def _outcome(self, world: World) -> Outcome:
        call = self.desk.recorded[LINKEDID]
        seen = ("queue", "agent_id", "language", "ivr_path", "skills", "caller", "termination", "left_queues")
        committed = ("agent_id", "note", "title", "code", "link_to", "to_qualify")
        figures = world.core.statistics.of(SUPPORT)
        counted = ("offered", "answered", "abandoned", "short_abandoned", "failed", "moved", "no_answers", "wrap_ups")
        return Outcome(
            interaction={name: getattr(call, name) for name in seen},
            commits=[{name: getattr(wish, name) for name in committed} for wish in self.desk.committed.values()],
            tickets=len(set(self.desk.committed)),
            agent=world.state_of(ALICE),
            figures={name: getattr(figures, name) for name in counted},
            calls_left=len(world.core.engine.state.calls),
            talks=self.talks,
            timers=world.pending_timers,
            owed=len(world.core.writer),
        )


def without_the_last(disk: FakeDisk, count: int, now: datetime) -> FakeDisk:
    """As if so many decisions of this very instant had been in memory only: the thread had not come to write them."""
    for first, name in reversed(files(disk, EVENTS)):
        frames = list(Reading(bytes(disk.contents[name]), first).frames())
        if not frames:
            continue
        while frames and count and decode_record(frames[-1].payload).at == now:
            frames.pop()
            count -= 1
        disk.contents[name] = disk.contents[name][: frames[-1].end if frames else HEADER_SIZE]
        break
    return disk


@pytest.fixture(scope="module")
def site() -> Site:
    return load_site(load_settings(environment={}))


@pytest.fixture(autouse=True)
def _no_gathering(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk_writer, "GATHER", timedelta(0))


async def undisturbed(site: Site) -> tuple[Outcome, int]:
    crash = Crash(None)
    outcome = await Life(site, crash).lived()
    return outcome, crash.count


async def test_a_life_without_a_crash(site: Site) -> None:
    outcome, boundaries = await undisturbed(site)
    assert outcome.commits == [
        {"agent_id": ALICE, "note": NOTE, "title": "", "code": "", "link_to": None, "to_qualify": False}
    ]
    assert (outcome.tickets, outcome.talks, outcome.calls_left, outcome.owed) == (1, 1, 0, 0)
    assert outcome.figures["offered"] == outcome.figures["answered"] == outcome.figures["wrap_ups"] == 1
    assert outcome.timers == frozenset()
    assert boundaries > 50, "every decision and effect of a life is one"


@pytest.mark.parametrize("goes_on", [False, True], ids=["", "phones_go_on"])
async def test_a_crash_at_any_boundary_changes_nothing_in_the_end(site: Site, goes_on: bool) -> None:
    expected, boundaries = await undisturbed(site)
    assert await differing(site, expected, boundaries, goes_on=goes_on) == []


@pytest.mark.parametrize("unwritten", [1, 2, 3])
async def test_decisions_lost_with_the_crash_come_out_of_the_switch_and_the_people(site: Site, unwritten: int) -> None:
    """All that may differ: a caller who was let go in a decision that is lost is found gone."""
    expected, boundaries = await undisturbed(site)
    gone = dict(expected.interaction, termination=Termination(Result.ANSWERED, Reason.CHANNEL_GONE))
    also = replace(expected, interaction=gone)
    assert await differing(site, expected, boundaries, also, unwritten=unwritten) == []


async def differing(
    site: Site, expected: Outcome, boundaries: int, also: Outcome | None = None, **how: Any
) -> list[str]:
    found: list[str] = []
    for at in range(boundaries):
        crash = Crash(at)
        outcome = await Life(site, crash, **how).lived()
        assert crash.died()
        if outcome not in (expected, also):
            found.append(f"{at} {crash.where}: {difference(expected, outcome)}")
    return found


def difference(expected: Outcome, outcome: Outcome) -> str:
    return ", ".join(
        f"{name} {getattr(expected, name)} -> {getattr(outcome, name)}"
        for name in expected.__dataclass_fields__
        if getattr(expected, name) != getattr(outcome, name)
    )
