"""Bringing a waiting call and a ready agent together, and taking them apart again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from acd.domain import commands as cmd
from acd.domain import effects as fx
from acd.domain import events as ev
from acd.domain.agent import AfterCall, Agent, AgentState, NotReadyReason
from acd.domain.call import Call, CallStage
from acd.domain.explanations import why_this_match
from acd.domain.ids import AgentId, CallId, QueueName, ReservationId, reservation_id_of
from acd.domain.offers import awaits_acceptance, mode_for, ring_wish
from acd.domain.people import OfferMode
from acd.domain.ring_wishes import ring_time_of
from acd.domain.state import State
from acd.domain.turn import Turn
from acd.domain.work import CallKind
from routing import Match

# Dial itself gives up after the offer time; the engine's own timer is a net under it, for a lost socket.
RING_GRACE = timedelta(seconds=3)
DIAL_GRACE = timedelta(seconds=10)  # the same for a far end, which may first be listened to
_LEAST = timedelta(seconds=1)  # to accept on the screen


def match_call(turn: Turn, call_id: CallId) -> None:
    """Nothing for a call that waits no more: sent on to another queue, it may have found somebody there already."""
    if turn.state.pool.has_item(call_id) and (match := turn.state.pool.match_for_item(call_id)):
        _reserve(turn, match)


def match_agent(turn: Turn, agent_id: AgentId) -> None:
    if match := turn.state.pool.match_for_candidate(agent_id, turn.now.timestamp()):
        _reserve(turn, match)


def match_all(turn: Turn) -> None:
    """After a change of skills or queues: whatever fits now. Each waiting call is asked once, in order."""
    waiting = (turn.state.pool.item(call_id) for call_id in turn.state.calls if turn.state.pool.has_item(call_id))
    for item in sorted(waiting, key=turn.state.pool.key_of):
        match_call(turn, CallId(item.item_id))


def _reserve(turn: Turn, match: Match) -> None:
    call = turn.state.calls[CallId(match.item.item_id)]
    agent = turn.state.agents[AgentId(match.candidate.agent_id)]
    reserve_for(turn, call, agent, why_this_match(turn.state, match, turn.now))


def reserve_for(turn: Turn, call: Call, agent: Agent, reasons: tuple[str, ...]) -> None:
    """Offer this waiting call to this agent, who is ready or (taken by hand) not ready."""
    policy = turn.state.queue(QueueName(call.queue or ""))
    attempt = call.attempts + 1
    reservation_id = reservation_id_of(call.call_id, attempt)
    mode = mode_for(turn.state.rules.people, agent.profile, policy)
    if call.kind is CallKind.VOICEMAIL:
        mode = OfferMode.RING  # what is accepted on the screen is the message itself
    turn.happened(
        ev.CallReserved(
            at=turn.now,
            call_id=call.call_id,
            queue=policy.name,
            reservation_id=reservation_id,
            agent_id=agent.agent_id,
            attempt=attempt,
            reasons=reasons,
            mode=mode,
        )
    )
    if mode is OfferMode.ACCEPT:
        watch_offer(turn, call, reservation_id)
        return
    if (wish := ring_wish(turn, call, agent, reservation_id, mode)) is not None:
        turn.wish(wish)
    watch_offer(turn, call, reservation_id)


def watch_offer(turn: Turn, call: Call, reservation_id: ReservationId) -> None:
    """Ask again when Dial should long have said how the ring ended, or when nobody has accepted."""
    turn.wish(_offer_watch(turn.state, turn.state.calls[call.call_id], reservation_id, turn.now))


def _offer_watch(state: State, call: Call, reservation_id: ReservationId, now: datetime) -> fx.StartTimer:
    """Counted from the offer, so that it can be told from the state alone: the next of its limits after `now`."""
    policy = state.queue(QueueName(call.queue or ""))
    limit = max(_LEAST, policy.offer_time) if awaits_acceptance(call) else policy.offer_time + RING_GRACE
    offered_at = call.offer_accepted_at or call.offered_at or call.changed_at
    if call.dialled_at is not None:
        limit, offered_at = ring_time_of(policy) + DIAL_GRACE, call.dialled_at
    times = max(0, (now - offered_at) // limit) + 1
    return fx.StartTimer(
        key=_offer_timer(reservation_id),
        due_at=offered_at + times * limit,
        command=cmd.ExpireOffer(call_id=call.call_id, reservation_id=reservation_id),
    )


def timers(state: State, now: datetime) -> Iterator[fx.StartTimer]:
    """Those that run for this state."""
    for call in state.calls.values():
        if call.stage is CallStage.RESERVED and call.reservation_id is not None:
            yield _offer_watch(state, call, call.reservation_id, now)


def _offer_timer(reservation_id: ReservationId) -> str:
    return f"offer:{reservation_id}"


def settle_reservation(turn: Turn, reservation_id: ReservationId) -> None:
    turn.wish(fx.CancelTimer(key=_offer_timer(reservation_id)))


def bench(turn: Turn, agent: Agent, reason: str) -> None:
    """An agent whose reservation failed: not ready with the reason, or what was asked for meanwhile. Whose phone is
    away is ready again when it is back."""
    if agent.after_call is not None and agent.after_call.state is AgentState.LOGGED_OUT:
        turn.happened(ev.AgentLoggedOut(at=turn.now, agent_id=agent.agent_id))
    else:
        wish = agent.after_call or AfterCall(AgentState.NOT_READY, reason)
        resumes = agent.after_call is None and reason == NotReadyReason.PHONE_UNREACHABLE
        turn.happened(
            ev.AgentBecameNotReady(
                at=turn.now,
                agent_id=agent.agent_id,
                reason=wish.reason or reason,
                resumes=resumes,
                ticket=wish.ticket,
            )
        )
