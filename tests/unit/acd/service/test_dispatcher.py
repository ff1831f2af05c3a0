"""The single writer: one decision at a time, whoever asks for the next one, and whatever fails round it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from acd.domain import commands as cmd
from acd.domain import effects as fx
from acd.domain import events as ev
from acd.domain.agent import AgentProfile, AgentState
from acd.domain.engine import Engine
from acd.domain.errors import UnknownAgentError, WrongStateError
from acd.domain.ids import agent_id_of
from acd.domain.queue import QueuePolicy
from acd.service.dispatcher import Dispatcher
from tests.fakes.ports import VirtualClock
from tests.unit.acd.service.calls import SUPPORT, call_the_queue

ALICE = agent_id_of("alice")


def register(login: str) -> cmd.RegisterAgent:
    return cmd.RegisterAgent(
        profile=AgentProfile(agent_id=agent_id_of(login), login=login, name=login, extension="1001")
    )


class Stage:
    """A dispatcher, and all that was seen of it, in order."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.dispatcher = Dispatcher(Engine(), VirtualClock())
        self.dispatcher.add_listener(self.hear)
        for kind in (fx.StartTimer, fx.CancelTimer, fx.RecordInteraction, fx.CommitTicket, fx.StopRinging):
            self.dispatcher.carry_out(kind, self.carry_out)
        self.dispatcher.carry_out(fx.RingAgent, self.carry_out)

    def hear(self, events: Sequence[ev.Event]) -> None:
        self.seen.extend(type(event).__name__ for event in events)

    def carry_out(self, effect: fx.Effect) -> None:
        self.seen.append(f"-> {type(effect).__name__}")

    def open_with_ready_alice(self) -> None:
        self.dispatcher.submit(cmd.ConfigureQueues(queues=(QueuePolicy(name=SUPPORT, label="Support"),)))
        self.dispatcher.submit(register("alice"))
        self.dispatcher.submit(cmd.LogInAgent(agent_id=ALICE))
        self.dispatcher.submit(cmd.MakeReady(agent_id=ALICE))
        self.seen.clear()


def test_a_command_is_decided_before_submit_returns() -> None:
    stage = Stage()
    stage.dispatcher.submit(register("alice"))
    assert stage.seen == ["AgentRegistered"]
    assert ALICE in stage.dispatcher.state.agents


def test_what_a_listener_submits_runs_after_all_listeners_and_effects_of_the_present_command() -> None:
    stage = Stage()

    def on_reserved(events: Sequence[ev.Event]) -> None:
        if any(isinstance(event, ev.CallReserved) for event in events):
            stage.dispatcher.submit(cmd.RejectReservation(agent_id=ALICE))
            stage.seen.append("listener submitted")

    stage.open_with_ready_alice()
    stage.dispatcher.add_listener(on_reserved)
    stage.dispatcher.add_listener(lambda events: stage.seen.append("last listener"))
    call_the_queue(stage.dispatcher)
    assert stage.seen == [
        *("CallStarted", "last listener"),
        *("CallQueued", "CallReserved", "listener submitted", "last listener"),
        *("-> RingAgent", "-> StartTimer", "-> RecordInteraction"),
        *("ReservationRejected", "AgentBecameNotReady", "last listener"),
        *("-> CancelTimer", "-> StopRinging"),
    ]


def test_what_an_effect_submits_runs_after_the_other_effects() -> None:
    stage = Stage()

    def cannot_ring(wish: fx.RingAgent) -> None:
        report = cmd.ReportRingFailed(call_id=wish.call_id, reservation_id=wish.reservation_id, cause="ring_failed")
        stage.dispatcher.submit(report)
        stage.seen.append("-> ring failed")

    stage.open_with_ready_alice()
    stage.dispatcher.carry_out(fx.RingAgent, cannot_ring)
    call_the_queue(stage.dispatcher)
    assert stage.seen[2:] == [
        *("CallReserved", "-> ring failed", "-> StartTimer", "-> RecordInteraction"),
        *("ReservationRescinded", "AgentBecameNotReady", "-> CancelTimer", "-> StopRinging"),
    ]


def test_commands_submitted_meanwhile_keep_their_order() -> None:
    stage = Stage()

    def on_alice(events: Sequence[ev.Event]) -> None:
        for event in events:
            if isinstance(event, ev.AgentRegistered) and event.profile.login == "alice":
                for login in ("bob", "carol"):
                    stage.dispatcher.submit(register(login))

    stage.dispatcher.add_listener(on_alice)
    stage.dispatcher.order(register("alice"))
    assert list(stage.dispatcher.state.agents) == ["agent_alice", "agent_bob", "agent_carol"]


def test_order_raises_what_the_engine_refuses_and_the_rest_works_on() -> None:
    stage = Stage()
    with pytest.raises(UnknownAgentError):
        stage.dispatcher.order(cmd.MakeReady(agent_id=ALICE))
    stage.dispatcher.order(register("alice"))
    with pytest.raises(WrongStateError):
        stage.dispatcher.order(cmd.MakeReady(agent_id=ALICE))
    stage.dispatcher.submit(cmd.LogInAgent(agent_id=ALICE))
    assert stage.dispatcher.state.agents[ALICE].state is AgentState.NOT_READY
    assert stage.seen == ["AgentRegistered", "AgentLoggedIn"]


def test_submit_never_raises_and_goes_on_after_a_refusal() -> None:
    stage = Stage()
    stage.dispatcher.submit(cmd.MakeReady(agent_id=ALICE))
    stage.dispatcher.submit(cmd.Command())  # one that no rule knows
    stage.dispatcher.submit(register("alice"))
    assert stage.seen == ["AgentRegistered"]


def test_a_failing_listener_or_effect_keeps_nothing_from_the_others() -> None:
    stage = Stage()

    def fail(anything: object) -> None:
        raise RuntimeError("broken")

    stage.open_with_ready_alice()
    failing_first = Dispatcher(Engine(), VirtualClock())
    failing_first.add_listener(fail)
    failing_first.add_listener(stage.hear)
    failing_first.submit(register("bob"))
    assert stage.seen == ["AgentRegistered"]
    stage.dispatcher.carry_out(fx.RingAgent, fail)
    stage.seen.clear()
    call_the_queue(stage.dispatcher)
    assert stage.seen[-2:] == ["-> StartTimer", "-> RecordInteraction"]
    stage.dispatcher.order(cmd.MakeNotReady(agent_id=ALICE, reason="lunch"))
    assert stage.seen[-1] == "AfterCallChosen"


def test_an_effect_that_nobody_carries_out_does_not_stop_the_others() -> None:
    stage = Stage()
    stage.open_with_ready_alice()
    del stage.dispatcher._effect_handlers[fx.RingAgent]
    call_the_queue(stage.dispatcher)
    assert stage.seen[-2:] == ["-> StartTimer", "-> RecordInteraction"]


def test_a_listener_may_not_give_orders_and_is_stopped_not_the_service() -> None:
    stage = Stage()
    stage.dispatcher.add_listener(lambda events: stage.dispatcher.order(register("bob")))
    stage.dispatcher.submit(register("alice"))
    assert list(stage.dispatcher.state.agents) == [ALICE]
    stage.dispatcher.submit(register("carol"))
    assert len(stage.dispatcher.state.agents) == 2


def test_a_command_that_changes_nothing_is_told_to_nobody() -> None:
    stage = Stage()
    calls: list[int] = []
    stage.dispatcher.add_listener(lambda events: calls.append(len(events)))
    stage.dispatcher.submit(register("alice"))
    stage.dispatcher.submit(register("alice"))
    assert calls == [1]
