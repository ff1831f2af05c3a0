"""Agents and their telephones: nobody is offered a call whose phone is known to be away, and who was ready is ready
again when it is back, unless they chose something else meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from acd.domain import commands as cmd
from acd.domain import events as ev
from acd.domain.agent import AgentState
from acd.domain.assignment import match_agent
from acd.domain.ids import AgentId
from acd.domain.turn import Rule, Turn
from acd.domain.waiting_rules import agent_left


def report_phone(turn: Turn, command: cmd.ReportPhone) -> None:
    agent = turn.state.agents.get(command.agent_id)
    if agent is None or agent.phone_trouble == command.trouble:
        return
    turn.happened(ev.PhoneChanged(at=turn.now, agent_id=agent.agent_id, trouble=command.trouble))
    if agent.state is AgentState.READY and command.trouble:
        step_aside(turn, agent.agent_id, command.trouble)
        agent_left(turn, agent)
    elif agent.state is AgentState.NOT_READY and agent.resumes_ready:
        if command.trouble:
            step_aside(turn, agent.agent_id, command.trouble)
        else:
            become_ready(turn, agent.agent_id)


def become_ready(turn: Turn, agent_id: AgentId) -> None:
    """Ready, and matched at once; with a phone that is away: not ready, until it is back."""
    if be_ready(turn, agent_id, turn.now):
        match_agent(turn, agent_id)


def be_ready(turn: Turn, agent_id: AgentId, idle_since: datetime) -> bool:
    """The same without looking for a call. False: the phone is away."""
    agent = turn.state.agents[agent_id]
    if agent.phone_trouble:
        if not (agent.state is AgentState.NOT_READY and agent.resumes_ready and agent.reason == agent.phone_trouble):
            step_aside(turn, agent_id, agent.phone_trouble)
            agent_left(turn, agent)
        return False
    turn.happened(ev.AgentBecameReady(at=turn.now, agent_id=agent_id, idle_since=idle_since))
    return True


def step_aside(turn: Turn, agent_id: AgentId, trouble: str) -> None:
    turn.happened(ev.AgentBecameNotReady(at=turn.now, agent_id=agent_id, reason=trouble, resumes=True))


RULES: Mapping[type[cmd.Command], Rule] = {cmd.ReportPhone: report_phone}
