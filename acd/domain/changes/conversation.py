"""What events change: hold, consultation, conference and transfer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from acd.domain import events as ev
from acd.domain.agent import AgentState
from acd.domain.call import Call, CallStage
from acd.domain.changes.kinds import Change
from acd.domain.ids import AgentId, CallId
from acd.domain.talk import ConsultStage, HeldBy, TalkMode

if TYPE_CHECKING:
    from datetime import datetime

    from acd.domain.state import State


def _move(state: State, call_id: CallId, at: datetime, **changes: Any) -> Call:
    """The parties are put together anew."""
    return state.replace_call(call_id, at, moves=state.calls[call_id].moves + 1, **changes)


def _talk_held(state: State, event: ev.TalkHeld) -> None:
    held = {"talk_mode": TalkMode.HELD, "held_by": event.by, "mode_since": event.at}
    if event.by == HeldBy.PHONE:
        state.replace_call(event.call_id, event.at, **held)
    else:
        _move(state, event.call_id, event.at, **held)


def _talk_resumed(state: State, event: ev.TalkResumed) -> None:
    talking = {"talk_mode": TalkMode.TALKING, "held_by": "", "mode_since": event.at}
    if event.cause == "phone":
        state.replace_call(event.call_id, event.at, **talking)
    else:
        _move(state, event.call_id, event.at, **talking)


def _agent_muted(state: State, event: ev.AgentMuted) -> None:
    state.replace_call(event.call_id, event.at, is_muted=event.is_muted)


def _consult_started(state: State, event: ev.ConsultStarted) -> None:
    _move(
        state,
        event.call_id,
        event.at,
        talk_mode=TalkMode.CONSULTING,
        held_by="",
        mode_since=event.at,
        consult=event.consult,
        consults=state.calls[event.call_id].consults + 1,
    )
    if event.consult.agent_id is not None:
        state.settle(event.consult.agent_id, AgentState.RESERVED, event.at, call_id=event.call_id)


def _set_consult(state: State, event: Any, stage: ConsultStage, *, moves: bool = True, **changes: Any) -> None:
    consult = state.calls[event.call_id].consult
    if consult is None:
        return
    consult = replace(consult, stage=stage, answered_at=consult.answered_at or event.at)
    if moves:
        _move(state, event.call_id, event.at, consult=consult, **changes)
    else:
        state.replace_call(event.call_id, event.at, consult=consult, **changes)


def _consult_answered(state: State, event: ev.ConsultAnswered) -> None:
    _set_consult(state, event, ConsultStage.TALKING, moves=False)
    if event.consulted_id is not None:
        state.replace_agent(event.consulted_id, state=AgentState.TALKING, since=event.at)


def _consult_swapped(state: State, event: ev.ConsultSwapped) -> None:
    stage = ConsultStage.PARKED if event.with_caller else ConsultStage.TALKING
    mode = TalkMode.TALKING if event.with_caller else TalkMode.CONSULTING
    _set_consult(state, event, stage, talk_mode=mode, mode_since=event.at)


def _consult_ended(state: State, event: ev.ConsultEnded) -> None:
    held_by = HeldBy.SCREEN if event.mode is TalkMode.HELD else ""
    _move(state, event.call_id, event.at, consult=None, talk_mode=event.mode, held_by=held_by, mode_since=event.at)
    if event.consulted_id is not None:
        state.replace_agent(event.consulted_id, call_id=None)  # an event of their own follows


def _conference_started(state: State, event: ev.ConferenceStarted) -> None:
    _set_consult(state, event, ConsultStage.TALKING, talk_mode=TalkMode.CONFERENCE, mode_since=event.at)


def _call_transferred(state: State, event: ev.CallTransferred) -> None:
    call = state.calls[event.call_id]
    now = {
        "handovers": (*call.handovers, event.handover),
        "talk_mode": TalkMode.TALKING,
        "held_by": "",
        "mode_since": event.at,
        "is_muted": False,
        "consult": None,
        "talk_ended_at": None,
        "ringing_at": None,
        "offered_at": None,
        "reasons": (),
    }
    if event.to_agent is not None and event.reservation_id is not None:
        _move(
            state,
            event.call_id,
            event.at,
            **now,
            agent_id=event.to_agent,
            reservation_id=event.reservation_id,
            attempts=event.attempt,
            answered_at=event.at,
        )
        state.replace_agent(event.to_agent, state=AgentState.TALKING, since=event.at)
        state.tallies.answered(event.to_agent, event.queue, event.at)
        return
    if event.far_end is not None:
        # It goes on, with nobody of ours: `answered_at` says that it was answered.
        _move(
            state,
            event.call_id,
            event.at,
            **now,
            stage=CallStage.FORWARDED,
            forwarded_to=event.far_end,
            agent_id=None,
            reservation_id=None,
        )
        return
    waits = CallStage.IVR if call.is_controlled else CallStage.DETACHED
    now |= {"stage": waits, "agent_id": None, "reservation_id": None, "answered_at": None}
    if event.flow or not call.is_controlled:  # then its channel says where it belongs when it is back
        now |= {"queue": None, "queued_at": None, "place_at": None}
    _move(state, event.call_id, event.at, **now)


def _forward_failed(state: State, event: ev.ForwardFailed) -> None:
    _move(state, event.call_id, event.at, stage=CallStage.IVR, forwarded_to=None, answered_at=None)


def _ticket_committed(state: State, event: ev.TicketCommitted) -> None:
    """The next agent of a call handed on goes on with this ticket."""
    if event.call_id in state.calls:
        call = state.calls[event.call_id]
        state.replace_call(event.call_id, call.changed_at, ticket_number=event.ticket_number)


def consulted_agent(event: ev.Event) -> AgentId | None:
    """Whom besides its `agent_id` an event concerns."""
    if isinstance(event, ev.ConsultStarted):
        return event.consult.agent_id
    if isinstance(event, ev.CallTransferred):
        return event.to_agent
    return getattr(event, "consulted_id", None)


CHANGES: Mapping[type[ev.Event], Change] = {
    ev.TalkHeld: _talk_held,
    ev.TalkResumed: _talk_resumed,
    ev.AgentMuted: _agent_muted,
    ev.ConsultStarted: _consult_started,
    ev.ConsultAnswered: _consult_answered,
    ev.ConsultSwapped: _consult_swapped,
    ev.ConsultEnded: _consult_ended,
    ev.ConferenceStarted: _conference_started,
    ev.CallTransferred: _call_transferred,
    ev.ForwardFailed: _forward_failed,
    ev.TicketCommitted: _ticket_committed,
}
