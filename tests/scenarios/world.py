"""A whole service on fakes and virtual time: the scenarios' stage."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TypeVar

from acd.adapters.bus.journal import MemoryJournal
from acd.core import Core, Ports, build_core
from acd.domain import commands as cmd
from acd.domain import events as ev
from acd.domain.agent import AgentProfile, AgentState
from acd.domain.ids import AgentId, RecordingId, agent_id_of
from acd.records import RecordPorts, build_records, recording_rules
from acd.service.memory import NO_PAST, Past
from acd.service.ports import Clock, Journal
from acd.service.recordings import Patience
from acd.service.records import Recording
from acd.service.tasks import BackgroundTasks
from acd.settings import load_settings
from acd.site import LiveSite, Site, load_site
from routing.model import canonical
from tests.fakes.hotline import fake_hotline
from tests.fakes.ports import (
    FakeChannel,
    FakeDesk,
    FakeLookups,
    FakeMessages,
    FakePrompts,
    FakeTelephony,
    VirtualClock,
    VirtualTimers,
)
from tests.fakes.records import FakeRecorder, FakeShelf, MemoryRecordingStore, MemorySegmentStore

E = TypeVar("E", bound=ev.Event)


class Surroundings:
    """What is there without the service, and stays when it dies."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.desk = FakeDesk()
        self.telephony = FakeTelephony()


class World:
    def __init__(
        self,
        site: Site,
        tasks: BackgroundTasks,
        *,
        around: Surroundings | None = None,
        journal: Journal | None = None,
        past: Past = NO_PAST,
    ) -> None:
        around = around or Surroundings()
        self.clock = around.clock
        self.desk = around.desk
        self.lookups = FakeLookups()
        self.messages = FakeMessages()
        self.hotline = fake_hotline()
        self.telephony = around.telephony
        self.journal: Journal = journal or MemoryJournal()
        self.tasks = tasks
        self.events: list[ev.Event] = []
        self.frames: list[tuple[str, str]] = []
        self._timers: VirtualTimers | None = None
        self.core: Core = build_core(
            LiveSite(site),
            Ports(
                clock=self.clock,
                timers=self._make_timers,
                desk=self.desk,
                telephony=self.telephony,
                prompts=FakePrompts(),
                lookups=self.lookups,
                messages=self.messages,
                hotline=self.hotline,
                journal=self.journal,
                schedule=lambda delay, callback: asyncio.get_running_loop().call_soon(callback),
                tasks=tasks,
                past=past,
            ),
        )
        self.telephony.legs.at_desk = self._at_desk
        self.shelf = FakeShelf()
        self.store = MemoryRecordingStore()
        self.segments = MemorySegmentStore()
        self.recorder = FakeRecorder(self.shelf, self.clock.now())
        self.heard: list[tuple[str, RecordingId]] = []
        self.records = build_records(
            self.core.dispatcher,
            RecordPorts(
                clock=self.clock,
                tasks=tasks,
                segments=self.segments,
                store=self.store,
                shelf=self.shelf,
                recorder=self.recorder,
                rules=lambda: recording_rules(site.settings),
                note_listening=self._note_listening,
                patience=Patience(
                    file_appears=timedelta(seconds=0.05),
                    file_closes=timedelta(seconds=0.05),
                    look_every=timedelta(seconds=0.01),
                ),
            ),
            self.core.memory,
        )
        tasks.start(self.records.writer.run(), "record_writer")
        self.core.dispatcher.add_listener(self._hear)
        tasks.start(self.core.writer.run(), "desk_writer")

    def _make_timers(self, clock: Clock, submit: Callable[[cmd.Command], None]) -> VirtualTimers:
        self._timers = VirtualTimers(self.clock, submit)
        return self._timers

    def _at_desk(self, session: FakeChannel) -> None:
        self.tasks.start(self.core.switchboard.take_leg(session), f"desk {session.facts.channel}")

    def _hear(self, events: Sequence[ev.Event]) -> None:
        self.events.extend(events)

    async def _note_listening(self, login: str, recording: Recording) -> None:
        self.heard.append((login, recording.recording_id))

    # people

    def agent(self, login: str, extension: str, **skills: int) -> AgentId:
        """An agent who is logged in and ready."""
        profile = AgentProfile(
            agent_id=agent_id_of(login), login=login, name=login.title(), extension=extension, skills=canonical(skills)
        )
        self.order(cmd.RegisterAgent(profile=profile))
        self.order(cmd.LogInAgent(agent_id=profile.agent_id))
        self.order(cmd.MakeReady(agent_id=profile.agent_id))
        return profile.agent_id

    def order(self, command: cmd.Command) -> None:
        self.core.dispatcher.order(command)

    def caller(self, linkedid: str, number: str = "+33612345678", **facts: object) -> FakeChannel:
        """A caller's channel comes under control."""
        channel = FakeChannel(linkedid, number, **{"started_at": self.clock.now(), **facts})
        self.telephony.carry(channel)
        self.tasks.start(self.core.switchboard.take_call(channel), f"call {linkedid}")
        return channel

    # time and what was seen

    async def settle(self) -> None:
        """Until nothing more happens without time passing."""
        for _ in range(50):
            await asyncio.sleep(0)

    async def until(self, condition: Callable[[], bool]) -> None:
        """For what the service does in real time (writing to the desk)."""
        async with asyncio.timeout(10):
            while not condition():  # noqa: ASYNC110  # watched from outside
                await asyncio.sleep(0.01)

    async def pass_time(self, seconds: float) -> None:
        assert self._timers is not None
        await self.settle()
        self._timers.advance(timedelta(seconds=seconds))
        await self.settle()

    @property
    def pending_timers(self) -> frozenset[str]:
        assert self._timers is not None
        return self._timers.pending

    def state_of(self, agent: AgentId) -> AgentState:
        return self.core.engine.state.agents[agent].state

    def seen(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]


@asynccontextmanager
async def world(**overrides: object) -> AsyncIterator[World]:
    """`overrides`: sections of the settings."""
    site = load_site(load_settings(environment={}, overrides=overrides))
    async with BackgroundTasks() as tasks:
        yield World(site, tasks)
