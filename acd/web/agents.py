"""Agents as the web sees them: a person logged in by session is an agent logged in to the queues."""

from __future__ import annotations

from typing import Any

from acd.domain import commands as cmd
from acd.domain.agent import AgentState
from acd.service.taste import profile_of
from acd.service.views import AgentView, agent_view
from acd.web.auth import Session
from acd.web.endpoint import Exchange
from acd.web.errors import ApiError
from acd.web.services import WebServices


def log_in(services: WebServices, session: Session) -> None:
    """Raises DomainError, ApiError."""
    if session.user.extension is None:
        raise ApiError(409, "agent.no_extension", "This agent has no telephone extension; an administrator sets it.")
    services.dispatcher.order(cmd.RegisterAgent(profile=profile_of(session.user)))
    services.dispatcher.order(cmd.LogInAgent(agent_id=session.agent_id))


def be_logged_in(services: WebServices, session: Session) -> None:
    """The session outlives a restart of the service; the engine's knowledge of who is logged in may not."""
    agent = services.dispatcher.state.agents.get(session.agent_id)
    is_leaving = agent is not None and agent.after_call is not None and agent.after_call.state is AgentState.LOGGED_OUT
    if agent is None or agent.state is AgentState.LOGGED_OUT or is_leaving:
        log_in(services, session)


def ordered(exchange: Exchange[Any], command: cmd.Command) -> AgentView:
    """An agent's own command, and the state after it: the answer and the feed say the same. Raises DomainError."""
    be_logged_in(exchange.services, exchange.session)
    exchange.services.dispatcher.order(command)
    return view_of(exchange.services, exchange.session)


def view_of(services: WebServices, session: Session) -> AgentView:
    """Raises UnknownAgentError."""
    state = services.dispatcher.state
    agent = state.agent(session.agent_id)
    return agent_view(agent, state.calls.get(agent.call_id) if agent.call_id else None)
