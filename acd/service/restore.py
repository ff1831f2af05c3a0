"""What a service does with its past: it goes on where the one before it stopped, however that ended.

Whoever waited or was in a menu is out of reach until the dialplan brings the channel back; who talks, talks; agents
are what they were. Timers are told from the state. What differs in Asterisk meanwhile comes out with the first list of
its live channels, and Asterisk wins (see `acd.service.switchboard`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import structlog
from msgspec import DecodeError

from acd.domain import commands as cmd
from acd.domain import effects as fx
from acd.domain.engine import Engine
from acd.domain.events import Event
from acd.domain.metrics import QueueStatistics
from acd.service.desk_writer import DeskWriter
from acd.service.dispatcher import Dispatcher, Keeper
from acd.service.ivr_figures import IvrFigures
from acd.service.memory import Memory, Past, StateFold
from acd.service.ports import Clock, Journal, Timers

log = structlog.get_logger(__name__)

# An agent whose time for the wrap-up ran out while nobody could be told anything has so long to say the last word.
WRAP_UP_GRACE = timedelta(seconds=10)


class PastNotUnderstoodError(Exception):
    """The picture of the state was made by a version that this one does not understand."""

    error_id = "journal.newer_version"


def check_past(past: Past) -> None:
    """Before anything else is touched. Raises PastNotUnderstoodError."""
    trial = Memory()
    try:
        trial.recall(replace(past, records=()))
        trial.join("state", StateFold(Engine()))
        trial.join("statistics", QueueStatistics())
        trial.join("ivr_figures", IvrFigures())
    except DecodeError as error:
        raise PastNotUnderstoodError(
            f"the journal's snapshot holds what this version of Guichet does not know ({error}): start the one that"
            " wrote it, or move the journal away (calls under way are then taken up from their channels)"
        ) from error


def journal_keeper(journal: Journal) -> Keeper:
    def keep(events: Sequence[Event], effects: Sequence[fx.Effect]) -> None:
        wishes = tuple(each for each in effects if isinstance(each, fx.RecordInteraction | fx.CommitTicket))
        if events or wishes:
            journal.append(events, wishes)

    return keep


def take_up(
    past: Past,
    memory: Memory,
    engine: Engine,
    *,
    dispatcher: Dispatcher,
    writer: DeskWriter,
    timers: Timers,
    clock: Clock,
) -> None:
    """Before anything else is given to the dispatcher. Raises msgspec.DecodeError."""
    if past.is_empty and not past.owed:
        return
    memory.recall(past)
    for wish in past.owed:
        if isinstance(wish, fx.CommitTicket):
            writer.commit(wish)
        else:
            writer.record(wish)
    now = clock.now()
    for timer in engine.timers(now):
        is_overdue = timer.due_at <= now
        grace = WRAP_UP_GRACE if isinstance(timer.command, cmd.ExpireWrapUp) else timedelta()
        timers.start(timer.key, now + grace if is_overdue else timer.due_at, timer.command)
    state = engine.state
    log.info("taken_up", calls=len(state.calls), agents=len(state.agents), owed=len(past.owed))
    for call in tuple(state.calls.values()):
        dispatcher.submit(cmd.ReportControlLost(call_id=call.call_id))
