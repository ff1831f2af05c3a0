"""What supervisors do with waiting calls and with queues, and whom their words reach."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from msgspec.structs import replace

from acd.domain import commands as cmd
from acd.domain import effects as fx
from acd.domain import events as ev
from acd.domain.agent import AgentState
from acd.domain.call import CallStage, Reason, Result
from acd.domain.errors import UnknownAgentError, UnknownQueueError, WrongStateError
from acd.domain.ids import AgentId, QueueName
from acd.domain.queue import Overflow, OverflowCause
from ivr.opening import OpeningHours, Window
from tests.unit.acd.domain.floor import ALICE, BOB, FIRST, ORDERS, SECOND, SUPPORT, Floor, policy

CLOSED = (("fr", "Fermé."),)


def test_a_moved_call_keeps_its_age_and_is_taken_there() -> None:
    floor = Floor()
    floor.agent("bob", orders=1)
    floor.queue()
    queued_at = floor.call().queued_at
    floor.pass_time(40)
    floor.give(cmd.MoveCall(call_id=FIRST, queue=ORDERS))
    call = floor.call()
    assert (call.stage, call.queue, call.queued_at, call.agent_id) == (CallStage.RESERVED, ORDERS, queued_at, BOB)
    assert floor.statistics.of(SUPPORT).moved == 1
    assert floor.statistics.of(SUPPORT).overflowed == 0


def test_only_a_waiting_call_is_moved_and_only_elsewhere() -> None:
    floor = Floor()
    floor.queue()
    with pytest.raises(WrongStateError):
        floor.give(cmd.MoveCall(call_id=FIRST, queue=SUPPORT))
    with pytest.raises(UnknownQueueError):
        floor.give(cmd.MoveCall(call_id=FIRST, queue=QueueName("nowhere")))
    floor.agent("alice")
    with pytest.raises(WrongStateError, match="reserved"):
        floor.give(cmd.MoveCall(call_id=FIRST, queue=ORDERS))


def test_a_call_put_first_is_served_first() -> None:
    floor = Floor()
    floor.queue("1.1")
    floor.pass_time(10)
    floor.queue("2.1")
    floor.give(cmd.PrioritiseCall(call_id=SECOND, priority=0))
    floor.agent("alice")
    assert floor.who().call_id == SECOND


def test_a_ready_agent_gets_an_assigned_call_at_once_whatever_their_skills() -> None:
    floor = Floor()
    floor.queue()
    floor.agent("bob", orders=1)
    floor.give(cmd.AssignCall(call_id=FIRST, agent_id=BOB))
    assert floor.call().agent_id == BOB
    assert floor.call().reasons[0] == "given to this agent by a supervisor"


def test_for_a_busy_agent_the_call_is_kept_and_comes_after_theirs() -> None:
    floor = Floor()
    floor.agent("bob", orders=1)
    floor.queue("2.1", ORDERS)
    floor.answer(SECOND)
    floor.queue("1.1")
    floor.give(cmd.AssignCall(call_id=FIRST, agent_id=BOB))
    floor.agent("alice")
    assert floor.state(ALICE) is AgentState.READY, "it is kept for bob"
    floor.end_talk(SECOND)
    floor.give(cmd.EndWrapUp(agent_id=BOB))
    assert floor.call().agent_id == BOB


def test_nobody_away_is_given_a_call() -> None:
    floor = Floor()
    floor.queue()
    floor.agent("bob", AgentState.NOT_READY)
    with pytest.raises(WrongStateError, match="Bob is not_ready"):
        floor.give(cmd.AssignCall(call_id=FIRST, agent_id=BOB))
    with pytest.raises(UnknownAgentError):
        floor.give(cmd.AssignCall(call_id=FIRST, agent_id=AgentId("agent_nobody")))


def test_a_closed_queue_turns_new_callers_away_and_serves_those_inside() -> None:
    floor = Floor()
    floor.queue("1.1")
    floor.give(cmd.SetQueueDoor(queue=SUPPORT, is_open=False, announcement=CLOSED))
    floor.queue("2.1")
    (away,) = floor.wished(fx.TurnAway)
    assert away.announcement == CLOSED
    floor.end(SECOND, Reason.FLOW_ENDED)
    assert floor.seen(ev.CallEnded)[-1].termination.result is Result.TURNED_AWAY
    floor.agent("alice")
    assert floor.who().call_id == FIRST
    floor.give(cmd.ConfigureQueues(queues=tuple(floor.engine.state.queues.values())))  # a reload
    assert not floor.engine.state.doors[SUPPORT].is_open
    floor.give(cmd.SetQueueDoor(queue=SUPPORT, is_open=None))
    floor.queue("3.1")
    assert len(floor.wished(fx.TurnAway)) == 1


def _by_calendar(now: datetime) -> OpeningHours:
    """Open for one hour from `now`."""
    opens = 60 * now.hour + now.minute
    return OpeningHours(time_zone="UTC", week=((Window(opens, opens + 60),),) * 7)


def test_opened_by_hand_goes_before_the_calendar() -> None:
    rule = Overflow(cause=OverflowCause.CLOSED, announcement=CLOSED)
    floor = Floor(policy("support", support=1))
    hours = _by_calendar(floor.now)
    queue = replace(policy("support", support=1), hours=hours, overflow=(rule,))
    floor.give(cmd.ConfigureQueues(queues=(queue,)))
    floor.now += timedelta(hours=2)
    floor.queue("1.1")
    assert len(floor.wished(fx.TurnAway)) == 1
    floor.give(cmd.SetQueueDoor(queue=SUPPORT, is_open=True))
    floor.queue("2.1")
    assert floor.stage(SECOND) is CallStage.WAITING
    floor.give(cmd.SetQueueDoor(queue=SUPPORT, is_open=False))
    assert floor.engine.state.doors[SUPPORT].announcement == CLOSED, "what it says out of hours"


def test_a_text_reaches_those_who_are_there_and_serve_the_queue() -> None:
    floor = Floor()
    floor.agent("alice")
    floor.agent("bob", AgentState.NOT_READY, orders=1)
    floor.agent("carol", AgentState.LOGGED_OUT)
    floor.give(cmd.BroadcastText(text="Outage", sender="Sarah"))
    floor.give(cmd.BroadcastText(text="Orders only", sender="Sarah", queue=ORDERS))
    assert [text.agents for text in floor.seen(ev.TextBroadcast)] == [(ALICE, BOB), (BOB,)]
