"""At the door of a queue: may this call come in, and if not, where to?"""

from __future__ import annotations

from datetime import datetime

from acd.domain.agent import Agent, AgentState
from acd.domain.call import Call
from acd.domain.estimates import wait_of
from acd.domain.people import Sentences
from acd.domain.queue import Overflow, OverflowCause, QueuePolicy
from acd.domain.state import State
from routing import Requirements
from routing.eligibility import is_eligible
from routing.estimate import Ahead


def overflow_at_door(
    state: State, call: Call, policy: QueuePolicy, skills: Requirements, now: datetime
) -> Overflow | None:
    """The first of the queue's overflow rules that holds for this call; None: it may come in. A door closed by hand
    goes before all of them."""
    door = state.doors.get(policy.name)
    if door is not None and not door.is_open:
        return Overflow(cause=OverflowCause.CLOSED, announcement=door.announcement)
    return next((rule for rule in policy.overflow if _holds(state, call, policy, skills, rule, now)), None)


def sentences_when_closed(state: State, policy: QueuePolicy) -> Sentences:
    """What callers hear when a queue is closed by hand without a word: what it says out of hours, else what all say."""
    said = (rule.announcement for rule in policy.overflow if rule.cause is OverflowCause.CLOSED and rule.announcement)
    return next(said, state.rules.people.closed_announcement)


def _holds(  # noqa: PLR0917  # each is a thing of its own
    state: State, call: Call, policy: QueuePolicy, skills: Requirements, rule: Overflow, now: datetime
) -> bool:
    match rule.cause:
        case OverflowCause.CLOSED:
            return policy.name not in state.doors and policy.hours is not None and not policy.hours.is_open(now)
        case OverflowCause.HOLIDAY:
            is_by_calendar = policy.hours is not None and policy.name not in state.doors
            return is_by_calendar and policy.hours is not None and policy.hours.status(now) == "holiday"
        case OverflowCause.TOO_MANY_WAITING:
            return state.pool.waiting_in(policy.name) >= rule.limit
        case OverflowCause.NOBODY_LOGGED_IN:
            return all(agent.state is AgentState.LOGGED_OUT for agent in state.agents.values())
        case OverflowCause.NOBODY_ABLE:
            return not _able(state, call, policy, skills)
        case OverflowCause.WAIT_TOO_LONG:
            expected = _expected_wait(state, call, policy, skills)
            return expected is not None and expected > rule.limit


def _able(state: State, call: Call, policy: QueuePolicy, skills: Requirements) -> list[Agent]:
    """Those who are logged in and could ever take this call, at any of the queue's steps."""
    stages = state.stages_for(policy, call, skills)
    return [
        agent
        for agent in state.agents.values()
        if agent.state is not AgentState.LOGGED_OUT
        and any(is_eligible(stage.needs, dict(agent.profile.skills)) for stage in stages)
    ]


def _expected_wait(state: State, call: Call, policy: QueuePolicy, skills: Requirements) -> float | None:
    """Of one more at the end of this queue. Calls of other queues that its agents will do are not reckoned with."""
    able = _able(state, call, policy, skills)
    return wait_of(state, policy.name, able, Ahead({policy.name: state.pool.waiting_in(policy.name)}, {}, ()))
