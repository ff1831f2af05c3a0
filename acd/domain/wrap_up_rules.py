"""The word on a call: which codes there are, whether one must be given, and how much longer it may take."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from acd.domain import commands as cmd
from acd.domain import effects as fx
from acd.domain import events as ev
from acd.domain.agent import Agent, AgentState
from acd.domain.call import Call
from acd.domain.errors import UnknownWrapUpCodeError, WrapUpCodeRequiredError, WrapUpLimitError, WrongStateError
from acd.domain.ids import AgentId, QueueName
from acd.domain.queue import QueuePolicy
from acd.domain.turn import Rule, Turn


def _policy(turn: Turn, agent: Agent, call: Call) -> QueuePolicy:
    """Of the queue the talk was of: the call may be in another by now, or in none. One that is gone asks nothing."""
    name = QueueName(agent.wrap_up_queue or call.queue or "")
    return turn.state.queues.get(name) or QueuePolicy(name=name, label=name)


def check_code(turn: Turn, agent: Agent, call: Call, code: str) -> None:
    """Raises UnknownWrapUpCodeError, WrapUpCodeRequiredError."""
    policy = _policy(turn, agent, call)
    codes = [each.code for each in policy.wrap_up.codes]
    if not code and policy.wrap_up.is_code_required:
        raise WrapUpCodeRequiredError(f"calls of {policy.label} need a wrap-up code: {', '.join(codes)}")
    if code and codes and code not in codes:
        raise UnknownWrapUpCodeError(f"{policy.label} has no wrap-up code `{code}`: {', '.join(codes)}")


def extend_wrap_up(turn: Turn, command: cmd.ExtendWrapUp) -> None:
    """By so many seconds, as far as the queue's limit allows. Raises WrapUpLimitError when nothing is left."""
    agent = turn.state.agent(command.agent_id)
    if agent.state is not AgentState.WRAP_UP or agent.call_id is None or agent.wrap_up_until is None:
        raise WrongStateError(f"{agent.profile.name} is {agent.state}, not in wrap-up")
    policy = _policy(turn, agent, turn.state.calls[agent.call_id])
    left = policy.wrap_up.most_extension_time - agent.wrap_up_extended
    if left <= timedelta(0):
        raise WrapUpLimitError(f"the wrap-up of a call of {policy.label} cannot be extended any further")
    asked = policy.wrap_up.extension_time if command.seconds is None else timedelta(seconds=command.seconds)
    until = agent.wrap_up_until + min(asked, left)
    turn.happened(
        ev.WrapUpExtended(
            at=turn.now, agent_id=agent.agent_id, call_id=agent.call_id, until=until, by_time=min(asked, left)
        )
    )
    command_then = cmd.ExpireWrapUp(agent_id=agent.agent_id, call_id=agent.call_id)
    turn.wish(fx.StartTimer(key=wrap_up_timer(agent.agent_id), due_at=until, command=command_then))


def wrap_up_timer(agent_id: AgentId) -> str:
    return f"wrap_up:{agent_id}"


RULES: Mapping[type[cmd.Command], Rule] = {cmd.ExtendWrapUp: extend_wrap_up}
