"""Not ready, and for how long: reasons, their limits, and work on a ticket after its call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from acd.domain import commands as cmd
from acd.domain import effects as fx
from acd.domain import events as ev
from acd.domain.agent import BUSY_STATES, AfterCall, Agent, AgentState, NotReadyReason
from acd.domain.errors import UnknownReasonError, WrongStateError
from acd.domain.ids import AgentId
from acd.domain.state import State
from acd.domain.turn import Rule, Turn
from acd.domain.waiting_rules import agent_left

OCCURRENCE, SHIFT = "occurrence", "shift"


def check_reason(turn: Turn, reason: str) -> None:
    """Raises UnknownReasonError."""
    known = turn.state.rules.people.reasons
    if known and reason != NotReadyReason.SUPERVISOR and all(policy.name != reason for policy in known):
        raise UnknownReasonError(f"there is no reason `{reason}`: {', '.join(policy.name for policy in known)}")


def start_ticket_work(turn: Turn, command: cmd.StartTicketWork) -> None:
    """Not ready, and at work: it counts as handling. From a call it begins when the wrap-up is over."""
    agent = turn.state.agent(command.agent_id)
    if agent.state is AgentState.LOGGED_OUT:
        raise WrongStateError(f"{agent.profile.name} is logged out; log in first")
    if agent.state in BUSY_STATES:
        wish = AfterCall(AgentState.NOT_READY, NotReadyReason.AFTER_CALL_WORK, command.ticket)
        turn.happened(ev.AfterCallChosen(at=turn.now, agent_id=agent.agent_id, after_call=wish))
        return
    turn.happened(
        ev.AgentBecameNotReady(
            at=turn.now, agent_id=agent.agent_id, reason=NotReadyReason.AFTER_CALL_WORK, ticket=command.ticket
        )
    )
    agent_left(turn, agent)


# limits --------------------------------------------------------------------------------------------------------


def tend(turn: Turn) -> None:
    """After each command: watch those who have just become not ready, and no longer those who are not any more."""
    changed: dict[AgentId, None] = {}
    is_new = False
    for event in turn.events:
        if type(event) in _CHANGES:
            changed[event.agent_id] = None  # type: ignore[attr-defined]  # all of these have one
        elif type(event) is ev.QueuesConfigured:
            changed |= dict.fromkeys(turn.state.agents)
            is_new = True
    if changed and (is_new or turn.state.rules.people.has_limits):
        for agent_id in changed:
            watch(turn, agent_id)


_CHANGES: frozenset[type[ev.Event]] = frozenset(
    {
        ev.AgentBecameNotReady,
        ev.AgentBecameReady,
        ev.AgentLoggedIn,
        ev.AgentLoggedOut,
        ev.AgentRemoved,
        ev.TalkAdopted,
        ev.OutgoingCallPlaced,
    }
)


def watch(turn: Turn, agent_id: AgentId) -> None:
    """Until the next limit of the reason, if there is one."""
    agent = turn.state.agents.get(agent_id)
    timer = _timer_of(turn.state, agent, turn.now) if agent else None
    turn.wish(timer or fx.CancelTimer(key=_timer(agent_id)))


def timers(state: State, now: datetime) -> Iterator[fx.StartTimer]:
    """Those that run for this state."""
    for agent in state.agents.values():
        if timer := _timer_of(state, agent, now):
            yield timer


def _timer_of(state: State, agent: Agent, now: datetime) -> fx.StartTimer | None:
    if agent.state is not AgentState.NOT_READY or agent.since is None:
        return None
    due = [due_at for limit, due_at, _ in _limits(state, agent) if limit not in agent.limits_passed]
    if not due:
        return None
    command = cmd.WatchReason(agent_id=agent.agent_id, since=agent.since)
    return fx.StartTimer(key=_timer(agent.agent_id), due_at=max(min(due), now), command=command)


def watch_reason(turn: Turn, command: cmd.WatchReason) -> None:
    """A limit may be passed now, if the agent is still where the timer left them."""
    agent = turn.state.agents.get(command.agent_id)
    if agent is None or agent.state is not AgentState.NOT_READY or agent.since != command.since:
        return
    for limit, due_at, seconds in tuple(_limits(turn.state, agent)):
        if due_at <= turn.now and limit not in agent.limits_passed:
            turn.happened(
                ev.ReasonLimitPassed(
                    at=turn.now, agent_id=agent.agent_id, reason=agent.reason, limit=limit, seconds=seconds
                )
            )
    watch(turn, agent.agent_id)


def _limits(state: State, agent: Agent) -> Iterator[tuple[str, datetime, float]]:
    """Which limit, when it is passed, and how long it is."""
    policy = state.rules.people.reason(agent.reason)
    if policy is None or agent.since is None:
        return
    if policy.limit is not None:
        yield OCCURRENCE, agent.since + policy.limit, policy.limit.total_seconds()
    if policy.shift_limit is not None:
        used = state.tallies.not_ready_time(agent.agent_id, agent.reason)
        yield SHIFT, agent.since + policy.shift_limit - used, policy.shift_limit.total_seconds()


def _timer(agent_id: AgentId) -> str:
    return f"reason:{agent_id}"


RULES: Mapping[type[cmd.Command], Rule] = {
    cmd.StartTicketWork: start_ticket_work,
    cmd.WatchReason: watch_reason,
}
