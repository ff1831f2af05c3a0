"""Callers who wait are told how they stand, at intervals: what is known of it, never what is made up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from acd.domain import commands as cmd
from acd.domain import effects as fx
from acd.domain import events as ev
from acd.domain.call import Call, CallStage
from acd.domain.estimates import expected_wait_seconds, position
from acd.domain.ids import CallId, QueueName
from acd.domain.queue import QueuePolicy
from acd.domain.state import State
from acd.domain.turn import Rule, Turn
from acd.domain.work import AnnouncePolicy, CallKind

_IN_LINE = frozenset({CallStage.WAITING, CallStage.RESERVED})


def tend(turn: Turn) -> None:
    """After each command: who has come into a queue with announcements is told in time."""
    for event in turn.events:
        if isinstance(event, ev.QueuesConfigured):
            for wish in timers(turn.state, turn.now):
                turn.wish(wish)
        if not isinstance(event, ev.CallQueued):
            continue
        call = turn.state.calls.get(event.call_id)
        if call is not None and (watch := _watch(turn.state, call, turn.now)) is not None:
            turn.wish(watch)


def announce_wait(turn: Turn, command: cmd.AnnounceWait) -> None:
    """Nothing is said while a phone rings; the time of the next goes on."""
    call = turn.state.calls.get(command.call_id)
    policy = _policy_of(turn.state, call) if call is not None else None
    if call is None or policy is None or policy.announce is None:
        return
    if call.is_controlled and turn.state.pool.has_item(call.call_id):
        where, wait = position(turn.state, call), expected_wait_seconds(turn.state, call)
        turn.happened(
            ev.WaitAnnounced(
                at=turn.now, call_id=call.call_id, queue=policy.name, position=where, expected_wait_seconds=wait
            )
        )
        turn.wish(
            fx.Announce(call_id=call.call_id, flow=policy.announce.flow, position=where, expected_wait_seconds=wait)
        )
    if (wish := _watch(turn.state, call, turn.now)) is not None:
        turn.wish(wish)


def _policy_of(state: State, call: Call) -> QueuePolicy | None:
    if call.kind is not CallKind.INBOUND or call.stage not in _IN_LINE or call.queue is None:
        return None
    return state.queues.get(QueueName(call.queue))


def _watch(state: State, call: Call, now: datetime) -> fx.StartTimer | None:
    policy = _policy_of(state, call)
    if policy is None or policy.announce is None or call.queued_at is None:
        return None
    command = cmd.AnnounceWait(call_id=call.call_id)
    due_at = next_announcement(policy.announce, call.queued_at, now)
    return fx.StartTimer(key=_timer(call.call_id), due_at=due_at, command=command)


def next_announcement(policy: AnnouncePolicy, queued_at: datetime, now: datetime) -> datetime:
    """The first one after `now`, counted from the time in the queue alone: the same after a restart."""
    first = queued_at + policy.first_after
    return first if now < first else first + policy.every * ((now - first) // policy.every + 1)


def _timer(call_id: CallId) -> str:
    return f"announce:{call_id}"


def timers(state: State, now: datetime) -> Iterator[fx.StartTimer]:
    """Those that run for this state. (One may go on when its call waits no more; it then does nothing.)"""
    if not any(policy.announce for policy in state.queues.values()):
        return
    for call in state.calls.values():
        if (wish := _watch(state, call, now)) is not None:
            yield wish


RULES: Mapping[type[cmd.Command], Rule] = {cmd.AnnounceWait: announce_wait}
