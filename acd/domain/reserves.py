"""Reserve agents: called up while a queue is over a threshold, left alone again below a lower one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from acd.domain import commands as cmd
from acd.domain import effects as fx
from acd.domain import events as ev
from acd.domain.assignment import match_all
from acd.domain.ids import QueueName
from acd.domain.queue import ReservePolicy
from acd.domain.state import State
from acd.domain.turn import Rule, Turn


def watch_reserve(turn: Turn, command: cmd.WatchReserve) -> None:
    """The time has come to look."""
    for name, reserve in turn.state.reserves:
        if name == command.queue:
            _tend(turn, name, reserve)


def tend(turn: Turn) -> None:
    """After each command: call up and stand down, where something happened. Costs nothing without reserves."""
    for name, reserve in turn.state.reserves:
        if turn.concerns(name):
            _tend(turn, name, reserve)


def _tend(turn: Turn, name: QueueName, reserve: ReservePolicy) -> None:
    is_called = turn.state.pool.is_reserve_called(name)
    if not is_called and _is_over(turn, name, reserve):
        turn.happened(ev.ReserveCalledUp(at=turn.now, queue=name))
        turn.wish(fx.CancelTimer(key=_timer(name)))
        match_all(turn)
    elif is_called and _is_under(turn, name, reserve):
        turn.happened(ev.ReserveStoodDown(at=turn.now, queue=name))


def _is_over(turn: Turn, name: QueueName, reserve: ReservePolicy) -> bool:
    waiting = turn.state.pool.waiting_in(name)
    if reserve.call_up_waiting is not None and waiting >= reserve.call_up_waiting:
        return True
    if reserve.call_up_wait is None or not waiting:
        return False
    watch = _watch(turn.state, name, reserve.call_up_wait)
    if watch.due_at <= turn.now:
        return True
    turn.wish(watch)
    return False


def _watch(state: State, name: QueueName, call_up_wait: timedelta) -> fx.StartTimer:
    due_at = state.oldest_in(name) + call_up_wait
    return fx.StartTimer(key=_timer(name), due_at=due_at, command=cmd.WatchReserve(queue=name))


def timers(state: State, now: datetime) -> Iterator[fx.StartTimer]:
    """Those that run for this state. (One may go on when its caller has left; it then looks for nothing.)"""
    for name, reserve in state.reserves:
        if reserve.call_up_wait is None or state.pool.is_reserve_called(name):
            continue
        if state.pool.waiting_in(name):
            yield _watch(state, name, reserve.call_up_wait)


def _is_under(turn: Turn, name: QueueName, reserve: ReservePolicy) -> bool:
    """No more waiting than the lower limit, and nobody any more who waits as long as called the reserve up."""
    waiting = turn.state.pool.waiting_in(name)
    if waiting > reserve.stand_down_waiting:
        return False
    if reserve.call_up_wait is None or not waiting:
        return True
    return turn.now - turn.state.oldest_in(name) < reserve.call_up_wait


def _timer(name: QueueName) -> str:
    return f"reserve:{name}"


RULES: Mapping[type[cmd.Command], Rule] = {
    cmd.WatchReserve: watch_reserve,
}
