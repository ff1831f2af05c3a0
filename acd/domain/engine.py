"""The engine: commands in, events and effects out. Pure and synchronous.

`handle` never waits, reads no clock and draws no chance: the same commands at the same instants give the same events,
in production, in a test of a whole day in milliseconds, and on yesterday's journal.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from acd.domain import (
    agent_rules,
    announce_rules,
    assignment,
    call_rules,
    callback_rules,
    fallback_rules,
    hotline_rules,
    message_rules,
    offer_rules,
    outbound_rules,
    phone_rules,
    reason_rules,
    recording_rules,
    reserves,
    restart_rules,
    supervision,
    talk_rules,
    transfer_rules,
    waiting_rules,
    wrap_up_rules,
)
from acd.domain import commands as cmd
from acd.domain.effects import StartTimer
from acd.domain.estimates import Outlook, outlook
from acd.domain.events import Event
from acd.domain.explanations import why_waiting
from acd.domain.ids import CallId
from acd.domain.state import State
from acd.domain.turn import Decision, Rule, Turn

_RULES: dict[type[cmd.Command], Rule] = {
    **agent_rules.RULES,
    **call_rules.RULES,
    **waiting_rules.RULES,
    **reserves.RULES,
    **recording_rules.RULES,
    **hotline_rules.RULES,
    **reason_rules.RULES,
    **phone_rules.RULES,
    **wrap_up_rules.RULES,
    **offer_rules.RULES,
    **supervision.RULES,
    **fallback_rules.RULES,
    **callback_rules.RULES,
    **outbound_rules.RULES,
    **message_rules.RULES,
    **announce_rules.RULES,
    **talk_rules.RULES,
    **transfer_rules.RULES,
    **restart_rules.RULES,
}

_TIMERS = (
    agent_rules.timers,
    assignment.timers,
    waiting_rules.timers,
    reserves.timers,
    reason_rules.timers,
    callback_rules.timers,
    message_rules.timers,
    announce_rules.timers,
    talk_rules.timers,
)


class Engine:
    def __init__(self) -> None:
        self.state = State()

    def handle(self, command: cmd.Command, now: datetime) -> Decision:
        """Decide on one command at `now` (aware UTC).

        Raises a `DomainError`, with the state unchanged, when a person's command does not fit the state.
        """
        turn = Turn(self.state, now)
        _RULES[type(command)](turn, command)
        recording_rules.tend(turn)
        reserves.tend(turn)
        announce_rules.tend(turn)
        reason_rules.tend(turn)
        return turn.decision()

    def replay(self, events: Iterable[Event]) -> None:
        """Rebuild the state from a journal."""
        for event in events:
            self.state.apply(event)

    def timers(self, now: datetime) -> list[StartTimer]:
        """Those that run for the state as it is: timers are not journalled, they are told from the state after a
        restart. Every rules module that starts some tells of them; the any-day test compares."""
        return [timer for told in _TIMERS for timer in told(self.state, now)]

    def why_waiting(self, call_id: CallId) -> tuple[str, ...]:
        """One line per agent: the first reason why this waiting call is not theirs."""
        return why_waiting(self.state, self.state.call(call_id))

    def outlook(self, call_id: CallId) -> Outlook:
        """Where a call stands in its queue, for how long, and what is in its way."""
        return outlook(self.state, self.state.call(call_id))
