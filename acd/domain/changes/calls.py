"""What events change: a call's coming, its menus and its end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from acd.domain import events as ev
from acd.domain import places
from acd.domain.call import Call, CallStage, Result
from acd.domain.changes.kinds import Change

if TYPE_CHECKING:
    from acd.domain.state import State

_LEFT = frozenset({Result.ABANDONED, Result.SHORT_ABANDONED})


_GOES_ON_ALONE = frozenset({CallStage.TALKING, CallStage.FORWARDED})


def _call_started(state: State, event: ev.CallStarted) -> None:
    state.calls[event.call_id] = Call(
        call_id=event.call_id,
        linkedid=event.linkedid,
        channel=event.channel,
        called_number=event.called_number,
        caller=event.caller,
        language=event.language,
        started_at=event.started_at,
        changed_at=event.at,
    )


def _call_rejoined(state: State, event: ev.CallRejoined) -> None:
    stage = state.calls[event.call_id].stage
    stage = CallStage.ARRIVING if stage is CallStage.DETACHED else stage
    state.replace_call(event.call_id, event.at, channel=event.channel, stage=stage, is_controlled=True)


def _call_detached(state: State, event: ev.CallDetached) -> None:
    if state.pool.has_item(event.call_id):
        state.pool.remove_item(event.call_id)
    call = state.calls[event.call_id]
    agent = state.agents.get(call.agent_id) if call.agent_id else None
    is_rung = agent is not None and agent.reservation_id == call.reservation_id
    if call.stage in _GOES_ON_ALONE or (call.stage is CallStage.RESERVED and is_rung):
        state.replace_call(event.call_id, event.at, is_controlled=False)  # it rings, or is talked to, on its own
        return
    state.replace_call(
        event.call_id,
        event.at,
        stage=CallStage.DETACHED,
        is_controlled=False,
        reservation_id=None,
        agent_id=None,
        offered_at=None,
        ringing_at=None,
    )


def _caller_identified(state: State, event: ev.CallerIdentified) -> None:
    state.replace_call(event.call_id, event.at, caller=event.caller, context=event.context)


def _ivr_path_recorded(state: State, event: ev.IvrPathRecorded) -> None:
    call = state.calls[event.call_id]
    began = max(0.0, round((event.at - call.started_at).total_seconds(), 1))
    known = call.ivr_times[: len(event.path)]
    state.replace_call(
        event.call_id,
        event.at,
        stage=CallStage.IVR,
        is_controlled=True,
        ivr_path=event.path,
        ivr_times=(*known, *[began] * (len(event.path) - len(known))),
        language=event.language,
        flow=f"{event.flow}@{event.flow_version}" if event.flow else "",
    )


def _ticket_keyed(state: State, event: ev.TicketKeyed) -> None:
    ticket = event.context.linked_ticket
    state.replace_call(event.call_id, event.at, context=event.context, keyed_ticket=ticket.number if ticket else None)


def _call_ended(state: State, event: ev.CallEnded) -> None:
    if state.pool.has_item(event.call_id):
        state.pool.remove_item(event.call_id)
    if event.queue is not None and event.wait_seconds is not None and event.termination.result in _LEFT:
        state.tallies.waited(event.queue, event.wait_seconds, has_left=True)
    state.replace_call(event.call_id, event.at, stage=CallStage.ENDED, ended_at=event.at, termination=event.termination)
    places.keep_left_place(state, event.call_id, event.at)
    places.forget_callback(state, state.calls[event.call_id])
    state.forget_if_over(event.call_id)


CHANGES: Mapping[type[ev.Event], Change] = {
    ev.CallStarted: _call_started,
    ev.CallRejoined: _call_rejoined,
    ev.CallDetached: _call_detached,
    ev.CallerIdentified: _caller_identified,
    ev.IvrPathRecorded: _ivr_path_recorded,
    ev.TicketKeyed: _ticket_keyed,
    ev.CallEnded: _call_ended,
}
