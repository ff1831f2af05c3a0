"""Reserve agents: called up while a queue is over a threshold, left alone again below a lower one."""

from __future__ import annotations

from collections.abc import Mapping

from acd.domain import commands as cmd
from acd.domain import effects as fx
from acd.domain import events as ev
from acd.domain.assignment import match_all
from acd.domain.ids import QueueName
from acd.domain.queue import ReservePolicy
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
    due_at = turn.state.oldest_in(name) + reserve.call_up_wait
    if due_at <= turn.now:
        return True
    command = cmd.WatchReserve(queue=name)
    turn.wish(fx.StartTimer(key=_timer(name), due_at=due_at, command=command))
    return False


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
