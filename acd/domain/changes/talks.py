"""What events change: reservations and talks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from acd.domain import events as ev
from acd.domain.agent import AgentState
from acd.domain.call import CallStage
from acd.domain.changes.kinds import Change
from acd.domain.talk import TalkMode
from acd.domain.work import CallKind
from routing import AgentChoice

if TYPE_CHECKING:
    from acd.domain.state import State


def _call_reserved(state: State, event: ev.CallReserved) -> None:
    is_drawn = state.queues[event.queue].agent_choice is AgentChoice.WEIGHTED_RANDOM
    if is_drawn and state.pool.has_candidate(event.agent_id):  # else it was taken by hand
        drawn = state.pool.agent_key(event.call_id, event.agent_id)[0]
        state.tallies.draws_stand_at = max(state.tallies.draws_stand_at, drawn)
    state.tallies.offered(event.agent_id, event.queue, event.at)
    state.pool.remove_item(event.call_id)
    state.replace_call(
        event.call_id,
        event.at,
        stage=CallStage.RESERVED,
        reservation_id=event.reservation_id,
        agent_id=event.agent_id,
        attempts=event.attempt,
        offered_at=event.at,
        ringing_at=None,
        dialled_at=None,
        reasons=event.reasons,
        offer_mode=event.mode,
        offer_accepted_at=None,
    )
    state.settle(
        event.agent_id,
        AgentState.RESERVED,
        event.at,
        reservation_id=event.reservation_id,
        call_id=event.call_id,
    )


def _offer_accepted(state: State, event: ev.OfferAccepted) -> None:
    state.replace_call(event.call_id, event.at, offer_accepted_at=event.at)


def _agent_rang(state: State, event: ev.AgentRang) -> None:
    state.replace_call(event.call_id, event.at, ringing_at=event.at)


def _reservation_accepted(state: State, event: ev.ReservationAccepted) -> None:
    state.replace_call(event.call_id, event.at, stage=CallStage.TALKING, answered_at=event.at)
    state.replace_agent(event.agent_id, state=AgentState.TALKING, since=event.at)
    kind = state.calls[event.call_id].kind
    if kind is not CallKind.OUTBOUND:  # which is not dealt out, and weighs nothing there
        state.tallies.answered(event.agent_id, event.queue, event.at)
    if kind is CallKind.INBOUND:
        state.tallies.waited(event.queue, event.wait_seconds, has_left=False)


def _back_to_queue(
    state: State, event: ev.ReservationRejected | ev.ReservationTimedOut | ev.ReservationRescinded
) -> None:
    """The agent's own change is an event of its own, which always follows."""
    before = state.calls[event.call_id]
    is_controlled = before.is_controlled or before.kind is not CallKind.INBOUND  # whom no channel brings back
    call = state.replace_call(
        event.call_id,
        event.at,
        stage=CallStage.WAITING if is_controlled else CallStage.DETACHED,
        is_controlled=is_controlled,
        reservation_id=None,
        agent_id=None,
        offered_at=None,
        ringing_at=None,
        dialled_at=None,
    )
    if is_controlled:
        state.wait(call)


def _talk_adopted(state: State, event: ev.TalkAdopted) -> None:
    if state.pool.has_item(event.call.call_id):
        state.pool.remove_item(event.call.call_id)
    call = state.calls[event.call.call_id] = event.call
    state.settle(
        event.agent_id,
        AgentState.TALKING,
        call.answered_at or event.at,
        reservation_id=call.reservation_id,
        call_id=call.call_id,
        after_call=event.after_call,
    )
    state.pool.log_in(event.agent_id, state.agents[event.agent_id].profile.skills)


def _talk_ended(state: State, event: ev.TalkEnded) -> None:
    state.replace_call(
        event.call_id, event.at, talk_ended_at=event.at, talk_mode=TalkMode.TALKING, held_by="", is_muted=False
    )
    state.replace_agent(event.agent_id, talked_seconds=event.talk_seconds)


CHANGES: Mapping[type[ev.Event], Change] = {
    ev.CallReserved: _call_reserved,
    ev.OfferAccepted: _offer_accepted,
    ev.AgentRang: _agent_rang,
    ev.ReservationAccepted: _reservation_accepted,
    ev.ReservationRejected: _back_to_queue,
    ev.ReservationTimedOut: _back_to_queue,
    ev.ReservationRescinded: _back_to_queue,
    ev.TalkAdopted: _talk_adopted,
    ev.TalkEnded: _talk_ended,
}
