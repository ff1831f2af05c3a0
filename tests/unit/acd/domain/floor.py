"""An engine with people round it: commands with few words, time that passes only when told to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from acd.domain import commands as cmd
from acd.domain import effects as fx
from acd.domain import events as ev
from acd.domain.agent import Agent, AgentProfile, AgentState
from acd.domain.call import Call, CallStage, Reason
from acd.domain.caller import Caller
from acd.domain.engine import Engine
from acd.domain.ids import AgentId, CallId, QueueName, ReservationId, agent_id_of, call_id_of
from acd.domain.metrics import QueueStatistics
from acd.domain.queue import QueuePolicy
from acd.domain.turn import Decision
from routing.model import canonical

START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
SUPPORT, ORDERS = QueueName("support"), QueueName("orders")
ALICE, BOB = agent_id_of("alice"), agent_id_of("bob")
FIRST, SECOND = call_id_of("1.1"), call_id_of("2.1")

E = TypeVar("E", bound=ev.Event)
F = TypeVar("F", bound=fx.Effect)


def policy(name: str, wrap_up_seconds: float = 30, **levels: int) -> QueuePolicy:
    return QueuePolicy(
        name=QueueName(name),
        label=name.title(),
        requirements=canonical(levels),
        wrap_up_time=timedelta(seconds=wrap_up_seconds),
    )


def profile(login: str, **levels: int) -> AgentProfile:
    return AgentProfile(
        agent_id=agent_id_of(login),
        login=login,
        name=login.title(),
        extension=str(1000 + sum(login.encode())),
        skills=canonical(levels),
    )


class Floor:
    """Two queues, support and orders, each with a skill of its name."""

    def __init__(self, *policies: QueuePolicy) -> None:
        self.engine = Engine()
        self.statistics = QueueStatistics()
        self.now = START
        self.events: list[ev.Event] = []
        self.effects: list[fx.Effect] = []
        self.give(cmd.ConfigureQueues(queues=policies or (policy("support", support=1), policy("orders", orders=1))))

    # doing

    def give(self, command: cmd.Command) -> Decision:
        decision = self.engine.handle(command, self.now)
        self.events.extend(decision.events)
        self.effects.extend(decision.effects)
        self.statistics.hear(decision.events)
        return decision

    def pass_time(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def agent(self, login: str, state: AgentState = AgentState.READY, **levels: int) -> AgentId:
        """An agent with these skills (support by default), logged out, not ready or ready."""
        who = profile(login, **(levels or {"support": 1}))
        self.give(cmd.RegisterAgent(profile=who))
        if state is not AgentState.LOGGED_OUT:
            self.give(cmd.LogInAgent(agent_id=who.agent_id))
        if state is AgentState.READY:
            self.give(cmd.MakeReady(agent_id=who.agent_id))
        return who.agent_id

    def start(self, linkedid: str = "1.1") -> CallId:
        call_id = call_id_of(linkedid)
        self.give(
            cmd.StartCall(
                call_id=call_id,
                linkedid=linkedid,
                channel=f"PJSIP/trunk-{linkedid}",
                called_number="100",
                caller=Caller(number="+33612345678"),
                language="fr",
            )
        )
        return call_id

    def queue(self, linkedid: str = "1.1", queue: QueueName = SUPPORT, **skills: int) -> CallId:
        call_id = self.start(linkedid)
        self.give(cmd.EnqueueCall(call_id=call_id, queue=queue, skills=canonical(skills)))
        return call_id

    def reservation(self, call_id: CallId = FIRST) -> ReservationId:
        found = self.call(call_id).reservation_id
        assert found is not None
        return found

    def answer(self, call_id: CallId = FIRST) -> Decision:
        return self.give(cmd.ReportAnswer(call_id=call_id, reservation_id=self.reservation(call_id)))

    def no_answer(self, call_id: CallId = FIRST) -> Decision:
        return self.give(cmd.ReportNoAnswer(call_id=call_id, reservation_id=self.reservation(call_id)))

    def end_talk(self, call_id: CallId = FIRST) -> Decision:
        """The agent hangs up first."""
        return self.give(cmd.ReportTalkEnded(call_id=call_id, reservation_id=self.reservation(call_id)))

    def end(self, call_id: CallId = FIRST, reason: Reason = Reason.CALLER_HUNG_UP) -> Decision:
        return self.give(cmd.EndCall(call_id=call_id, reason=reason))

    def lose_control(self, call_id: CallId = FIRST) -> Decision:
        return self.give(cmd.ReportControlLost(call_id=call_id))

    # looking

    def call(self, call_id: CallId = FIRST) -> Call:
        return self.engine.state.call(call_id)

    def who(self, agent_id: AgentId = ALICE) -> Agent:
        return self.engine.state.agent(agent_id)

    def state(self, agent_id: AgentId = ALICE) -> AgentState:
        return self.who(agent_id).state

    def stage(self, call_id: CallId = FIRST) -> CallStage | None:
        """None: forgotten."""
        call = self.engine.state.calls.get(call_id)
        return call.stage if call else None

    def seen(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]

    def wished(self, kind: type[F]) -> list[F]:
        return [effect for effect in self.effects if isinstance(effect, kind)]


def names(happenings: Sequence[ev.Event] | Sequence[fx.Effect]) -> list[str]:
    return [type(happening).__name__ for happening in happenings]
