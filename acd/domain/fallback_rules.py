"""What became of calls in the switch's own fallback queues, while no service was there or it was too busy."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from acd.domain import commands as cmd
from acd.domain import effects as fx
from acd.domain import events as ev
from acd.domain.agent import AfterCall, Agent, AgentState
from acd.domain.agent_rules import finish_wrap_up
from acd.domain.assignment import match_agent
from acd.domain.call import Call, CallStage, Reason, Result, Termination
from acd.domain.call_rules import cancel_reservation, take_back_offer
from acd.domain.ids import AgentId, QueueName, reservation_id_of
from acd.domain.turn import Rule, Turn
from acd.domain.waiting_rules import forget_steps

_KNOWN_BETTER = frozenset({CallStage.TALKING, CallStage.ENDED})


def account_for_call(turn: Turn, command: cmd.AccountForCall) -> None:
    """A call that is talking, or over, as far as the state knows, is not touched: what it knows is better."""
    known = turn.state.calls.get(command.call.call_id)
    if known is not None and known.stage in _KNOWN_BETTER:
        return
    freed = _leave(turn, known)
    call = _with_what_is_known(turn, command.call, known)
    waited = _waited(call)
    ended = replace(
        call,
        stage=CallStage.ENDED,
        is_controlled=False,
        ended_at=call.ended_at or turn.now,
        talk_ended_at=(call.ended_at or turn.now) if call.is_answered else None,
        changed_at=turn.now,
        termination=Termination(_result(turn, call, waited), Reason.SERVED_ELSEWHERE),
    )
    turn.happened(ev.CallServedElsewhere(at=turn.now, call_id=call.call_id, call=ended, wait_seconds=waited or 0.0))
    if ended.is_answered and ended.agent_id is not None:
        turn.wish(
            fx.CommitTicket(call=ended, agent_id=ended.agent_id, to_qualify=True, wrap_up_ended_at=ended.ended_at)
        )
    else:
        turn.wish(fx.RecordInteraction(call=ended))
    if freed is not None:
        match_agent(turn, freed)


def adopt_served_talk(turn: Turn, command: cmd.AdoptServedTalk) -> None:
    """Nobody is offered a second call while they talk: a wrap-up is over with it, a call that rings goes back to its
    place. What cannot be carried on (an agent or queue removed, an agent in another talk) stays as it is."""
    known = turn.state.calls.get(command.call.call_id)
    if known is not None and known.stage in _KNOWN_BETTER:
        return
    freed = _leave(turn, known)
    call = _with_what_is_known(turn, command.call, known)
    agent = turn.state.agents.get(call.agent_id) if call.agent_id else None
    if agent is not None and agent.state is not AgentState.TALKING and call.queue in turn.state.queues:
        _make_free_and_adopt(turn, call, agent)
    elif known is not None and known.stage in {CallStage.WAITING, CallStage.RESERVED}:
        turn.happened(ev.CallDetached(at=turn.now, call_id=call.call_id))
        if known.stage is CallStage.RESERVED and known.reservation_id is not None and known.agent_id is not None:
            turn.happened(  # or it would pass for one that still rings
                ev.ReservationRescinded(
                    at=turn.now,
                    call_id=known.call_id,
                    queue=QueueName(known.queue or ""),
                    reservation_id=known.reservation_id,
                    agent_id=known.agent_id,
                    cause="served_elsewhere",
                )
            )
    if freed is not None and freed != call.agent_id:
        match_agent(turn, freed)


def _make_free_and_adopt(turn: Turn, call: Call, agent: Agent) -> None:
    other = turn.state.calls.get(agent.call_id) if agent.call_id else None
    if agent.state is AgentState.WRAP_UP:
        finish_wrap_up(turn, agent, by_agent=False, then=lambda turn, agent: _adopt(turn, call, agent))
    elif agent.state is AgentState.RESERVED and other is not None:
        take_back_offer(turn, other, lambda: _adopt(turn, call, agent))
    else:
        _adopt(turn, call, agent)


def _adopt(turn: Turn, call: Call, agent: Agent) -> None:
    call = replace(
        call,
        stage=CallStage.TALKING,
        is_controlled=False,
        attempts=call.attempts + 1,
        answered_at=min(call.answered_at or turn.now, turn.now),
        ended_at=None,
        changed_at=turn.now,
    )
    after_call = AfterCall(AgentState.LOGGED_OUT) if agent.state is AgentState.LOGGED_OUT else agent.after_call
    turn.happened(
        ev.TalkAdopted(
            at=turn.now,
            call=call,
            agent_id=agent.agent_id,
            after_call=after_call,
            wait_seconds=_waited(call) or 0.0,
        )
    )
    turn.wish(fx.RecordInteraction(call=call))


def _leave(turn: Turn, known: Call | None) -> AgentId | None:
    """The call neither waits nor rings in our hands any more; the agent whom that sets free."""
    freed = None
    if known is not None and known.stage is CallStage.RESERVED:
        freed = cancel_reservation(turn, known)
    if known is not None and known.stage in {CallStage.WAITING, CallStage.RESERVED}:
        forget_steps(turn, known)
    return freed


def _with_what_is_known(turn: Turn, found: Call, known: Call | None) -> Call:
    queue = found.queue if found.queue in turn.state.queues else None
    attempts = found.attempts
    if known is not None:
        queue, attempts = queue or known.queue, known.attempts
    base = found if known is None else known
    agent_id = found.agent_id if found.is_answered else None
    return replace(
        base,
        queue=queue,
        queued_at=base.queued_at or found.queued_at,
        attempts=attempts,
        agent_id=agent_id,
        reservation_id=reservation_id_of(base.call_id, attempts + 1) if agent_id else None,
        answered_at=found.answered_at,
        ended_at=found.ended_at,
    )


def _result(turn: Turn, call: Call, waited: float | None) -> Result:
    if call.is_answered:
        return Result.ANSWERED
    policy = turn.state.queues.get(QueueName(call.queue or ""))
    limit = policy.short_abandon_time.total_seconds() if policy else 0.0
    return Result.SHORT_ABANDONED if waited is not None and waited < limit else Result.ABANDONED


def _waited(call: Call) -> float | None:
    until = call.answered_at or call.ended_at
    if call.queued_at is None or until is None:
        return None
    return max(0.0, (until - call.queued_at).total_seconds())


RULES: Mapping[type[cmd.Command], Rule] = {
    cmd.AccountForCall: account_for_call,
    cmd.AdoptServedTalk: adopt_served_talk,
}
