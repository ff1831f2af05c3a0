"""The engine: commands in, events and effects out. Pure and synchronous.

`handle` never waits, reads no clock and draws no chance: the same commands at the same instants give the same events,
in production, in a test of a whole day in milliseconds, and on yesterday's journal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from acd.domain import agent_rules, call_rules
from acd.domain import commands as cmd
from acd.domain.assignment import why_waiting
from acd.domain.events import Event
from acd.domain.ids import CallId
from acd.domain.state import State
from acd.domain.turn import Decision, Turn

_RULES: dict[type[cmd.Command], Callable[[Turn, Any], None]] = {
    cmd.ConfigureQueues: agent_rules.configure_queues,
    cmd.RegisterAgent: agent_rules.register_agent,
    cmd.RemoveAgent: agent_rules.remove_agent,
    cmd.LogInAgent: agent_rules.log_in_agent,
    cmd.LogOutAgent: agent_rules.log_out_agent,
    cmd.MakeReady: agent_rules.make_ready,
    cmd.MakeNotReady: agent_rules.make_not_ready,
    cmd.EndWrapUp: agent_rules.end_wrap_up,
    cmd.ExpireWrapUp: agent_rules.expire_wrap_up,
    cmd.ReportTicket: agent_rules.report_ticket,
    cmd.StartCall: call_rules.start_call,
    cmd.IdentifyCaller: call_rules.identify_caller,
    cmd.RecordIvrPath: call_rules.record_ivr_path,
    cmd.KeepKeyedTicket: call_rules.keep_keyed_ticket,
    cmd.EnqueueCall: call_rules.enqueue_call,
    cmd.ReportRinging: call_rules.report_ringing,
    cmd.ReportAnswer: call_rules.report_answer,
    cmd.ReportNoAnswer: call_rules.report_no_answer,
    cmd.ExpireOffer: call_rules.expire_offer,
    cmd.ReportRingFailed: call_rules.report_ring_failed,
    cmd.RejectReservation: call_rules.reject_reservation,
    cmd.ReportTalkEnded: call_rules.report_talk_ended,
    cmd.ReportControlLost: call_rules.report_control_lost,
    cmd.AdoptTalk: call_rules.adopt_talk,
    cmd.SettleCall: call_rules.settle_call,
    cmd.EndCall: call_rules.end_call,
    cmd.Reconcile: call_rules.reconcile,
}


class Engine:
    def __init__(self) -> None:
        self.state = State()

    def handle(self, command: cmd.Command, now: datetime) -> Decision:
        """Decide on one command at `now` (aware UTC).

        Raises a `DomainError`, with the state unchanged, when a person's command does not fit the state.
        """
        turn = Turn(self.state, now)
        _RULES[type(command)](turn, command)
        return turn.decision()

    def replay(self, events: Iterable[Event]) -> None:
        """Rebuild the state from a journal."""
        for event in events:
            self.state.apply(event)

    def why_waiting(self, call_id: CallId) -> tuple[str, ...]:
        """One line per agent: the first reason why this waiting call is not theirs."""
        call = self.state.call(call_id)
        return why_waiting(self.state.agents, call, self.state.requirements_of(call))
