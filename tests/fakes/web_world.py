"""The web layer round a real engine, dispatcher and screens; people, clock and desk store are fakes.

Calls are made by the test, in commands: no Asterisk. Effects are only remembered, in order.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from aiohttp import web

from acd.domain import commands as cmd
from acd.domain import effects as fx
from acd.domain.call import IvrStep, Reason
from acd.domain.caller import Caller, CallerContext
from acd.domain.engine import Engine
from acd.domain.ids import AgentId, CallId, QueueName, agent_id_of, call_id_of
from acd.domain.metrics import QueueStatistics
from acd.domain.outgoing import OutgoingRules
from acd.domain.queue import QueuePolicy
from acd.service.dispatcher import Dispatcher
from acd.service.hotline import Hotline
from acd.service.incidents import IncidentBoard
from acd.service.ivr_figures import IvrFigures
from acd.service.monitors import Monitors
from acd.service.notices import Notices
from acd.service.outgoing import Outgoing
from acd.service.ports import Clock, MonitorEnded, Role, User
from acd.service.screens import Screens
from acd.service.supervision import Supervision
from acd.service.tasks import BackgroundTasks
from acd.settings import Settings, load_settings
from acd.web.app import WebServices, build_app
from acd.web.metrics import Metrics
from tests.fakes.audit import FakeAuditLog
from tests.fakes.desk_store import FakeDeskStore
from tests.fakes.hotline import fake_hotline
from tests.fakes.ports import FakeDesk, FakePrompts, FakeTelephony
from tests.fakes.records import FakeRecords
from tests.fakes.users import FakeUserDirectory
from ticketing.api import Desk

PASSWORD = "correct horse"
SUPPORT = QueuePolicy(
    name=QueueName("support"), label="Support", requirements=(("support", 1),), wrap_up_time=timedelta(seconds=30)
)
ORDERS = QueuePolicy(name=QueueName("orders"), label="Orders", requirements=(("orders", 1),))

ALICE = User(login="alice", name="Alice Martin", roles=frozenset({Role.AGENT}), extension="1001", skills={"support": 3})
BOB = User(login="bob", name="Bob Petit", roles=frozenset({Role.AGENT}), extension="1002", skills={"orders": 3})
SARAH = User(login="sarah", name="Sarah Lefèvre", roles=frozenset({Role.SUPERVISOR}))
PHONELESS = User(login="phoneless", name="No Phone", roles=frozenset({Role.AGENT}))


OUTGOING = OutgoingRules(trunk="trunk", allow=("+33.",))


class StillClock(Clock):
    """Stands still until moved."""

    def __init__(self, at: datetime = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def advance(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@dataclass(slots=True, kw_only=True)
class WebWorld:
    clock: Clock
    engine: Engine
    dispatcher: Dispatcher
    screens: Screens
    users: FakeUserDirectory
    audit: FakeAuditLog
    telephony: FakeTelephony
    desk: Desk
    metrics: Metrics
    app: web.Application
    records: FakeRecords
    hotline: Hotline
    incidents: IncidentBoard
    effects: list[fx.Effect] = field(default_factory=list)
    unready: list[str] = field(default_factory=list)

    def call_comes(
        self, linkedid: str = "1700000000.1", queue: QueuePolicy = SUPPORT, caller: Caller | None = None, **more: Any
    ) -> CallId:
        """A caller passes the menu and enters a queue. `more`: context, steps."""
        call_id = call_id_of(linkedid)
        who = caller or Caller(number="0612345678", e164="+33612345678", number_kind="e164")
        submit = self.dispatcher.submit
        submit(
            cmd.StartCall(
                call_id=call_id, linkedid=linkedid, channel="PJSIP/t", called_number="100", caller=who, language="fr"
            )
        )
        submit(cmd.IdentifyCaller(call_id=call_id, caller=who, context=more.get("context", CallerContext())))
        path = more.get("steps", (IvrStep("welcome", "1"),))
        submit(cmd.RecordIvrPath(call_id=call_id, path=path, language="fr"))
        submit(cmd.EnqueueCall(call_id=call_id, queue=queue.name))
        return call_id

    def agent_answers(self, call_id: CallId) -> None:
        reservation_id = self.engine.state.call(call_id).reservation_id
        assert reservation_id is not None, "no phone rings"
        self.dispatcher.submit(cmd.ReportRinging(call_id=call_id, reservation_id=reservation_id))
        self.dispatcher.submit(cmd.ReportAnswer(call_id=call_id, reservation_id=reservation_id))

    def caller_hangs_up(self, call_id: CallId) -> None:
        self.dispatcher.submit(cmd.EndCall(call_id=call_id, reason=Reason.CALLER_HUNG_UP))

    def state_of(self, user: User) -> str:
        return str(self.engine.state.agent(self.agent_id(user)).state)

    @staticmethod
    def agent_id(user: User) -> AgentId:
        return agent_id_of(user.login)

    @property
    def commits(self) -> list[fx.CommitTicket]:
        return [effect for effect in self.effects if isinstance(effect, fx.CommitTicket)]


def build_world(
    clock: Clock | None = None,
    settings: Settings | None = None,
    schedule: Callable[[timedelta, Callable[[], None]], Any] | None = None,
) -> WebWorld:
    clock = clock or StillClock()
    engine = Engine()
    dispatcher = Dispatcher(engine, clock)
    statistics = QueueStatistics()
    screens = Screens(engine.state, statistics, clock, schedule or _call_later)
    metrics = Metrics()
    metrics.watch(screens)
    users = FakeUserDirectory((user, PASSWORD) for user in (ALICE, BOB, SARAH, PHONELESS))
    audit = FakeAuditLog()
    telephony = FakeTelephony()
    monitors = Monitors(engine.state, telephony, screens, clock)
    telephony.listen(lambda fact: monitors.hear_switch(fact) if isinstance(fact, MonitorEnded) else None)
    notices = Notices(engine.state, screens)
    unready: list[str] = []
    effects: list[fx.Effect] = []
    records = FakeRecords(clock.now())
    hotline = fake_hotline()
    services = WebServices(
        dispatcher=dispatcher,
        screens=screens,
        outgoing=Outgoing(
            state=dispatcher.state,
            desk=FakeDesk(),
            far_end=lambda number, shown: OUTGOING.far_end(number, None, shown),
            message_file=lambda name: Path(tempfile.gettempdir()) / "guichet-messages" / name,
        ),
        monitors=monitors,
        supervision=Supervision(dispatcher, audit, clock, FakePrompts(), users),
        users=users,
        desk=Desk(FakeDeskStore(), clock.now),
        clock=clock,
        settings=settings or load_settings(environment={}),
        readiness=lambda: list(unready),
        why_waiting=engine.why_waiting,
        outlook=engine.outlook,
        metrics=metrics,
        ivr_figures=IvrFigures(),
        records=records.access,
        hotline=hotline,
        incidents=IncidentBoard(hotline.incidents, FakePrompts(), clock, BackgroundTasks(), ZoneInfo("Europe/Paris")),
    )
    for listener in (records.book.hear, statistics.hear, screens.hear, notices.hear, metrics.hear):
        dispatcher.add_listener(listener)
    kinds = (
        fx.RingAgent,
        fx.TurnAway,
        fx.CallAgentFirst,
        fx.Announce,
        fx.StopRinging,
        fx.StartTimer,
        fx.CancelTimer,
        fx.RecordInteraction,
        fx.CommitTicket,
        fx.StartRecording,
        fx.PauseRecording,
        fx.StopRecording,
        fx.FindRecording,
    )
    for kind in kinds:
        dispatcher.carry_out(kind, effects.append)
    dispatcher.submit(cmd.ConfigureQueues(queues=(SUPPORT, ORDERS)))
    return WebWorld(
        clock=clock,
        engine=engine,
        dispatcher=dispatcher,
        screens=screens,
        users=users,
        audit=audit,
        telephony=telephony,
        desk=services.desk,
        metrics=metrics,
        app=build_app(services),
        effects=effects,
        unready=unready,
        records=records,
        hotline=hotline,
        incidents=services.incidents,
    )


def _call_later(delay: timedelta, callback: Callable[[], None]) -> asyncio.TimerHandle:
    return asyncio.get_running_loop().call_later(delay.total_seconds(), callback)
