"""What agents do and what becomes of them: one function per command."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime

from acd.domain import commands as cmd
from acd.domain import effects as fx
from acd.domain import events as ev
from acd.domain.agent import BUSY_STATES, AfterCall, Agent, AgentState, Draft
from acd.domain.assignment import match_agent
from acd.domain.call import Call
from acd.domain.errors import WrongStateError
from acd.domain.ids import AgentId, CallId, QueueName
from acd.domain.phone_rules import become_ready
from acd.domain.reason_rules import check_reason
from acd.domain.state import State
from acd.domain.turn import Rule, Turn
from acd.domain.waiting_rules import agent_came, agent_left, rules_changed
from acd.domain.wrap_up_rules import check_code, wrap_up_timer


def configure_queues(turn: Turn, command: cmd.ConfigureQueues) -> None:
    turn.happened(ev.QueuesConfigured(at=turn.now, queues=command.queues, rules=command.rules))
    rules_changed(turn)


def register_agent(turn: Turn, command: cmd.RegisterAgent) -> None:
    known = turn.state.agents.get(command.profile.agent_id)
    if known is not None and known.profile == command.profile:
        return
    turn.happened(ev.AgentRegistered(at=turn.now, profile=command.profile))
    if known is not None:
        agent_left(turn, known)
        agent_came(turn)
    if turn.state.pool.has_candidate(command.profile.agent_id):
        match_agent(turn, command.profile.agent_id)


def remove_agent(turn: Turn, command: cmd.RemoveAgent) -> None:
    agent = turn.state.agent(command.agent_id)
    if agent.state in BUSY_STATES:
        raise WrongStateError(f"{agent.profile.name} has a call ({agent.state}); remove the agent after it")
    turn.happened(ev.AgentRemoved(at=turn.now, agent_id=agent.agent_id))
    agent_left(turn, agent)


def log_in_agent(turn: Turn, command: cmd.LogInAgent) -> None:
    agent = turn.state.agent(command.agent_id)
    if agent.state is AgentState.LOGGED_OUT:
        turn.happened(ev.AgentLoggedIn(at=turn.now, agent_id=agent.agent_id))
        agent_came(turn)
    elif agent.after_call is not None and agent.after_call.state is AgentState.LOGGED_OUT:
        turn.happened(ev.AfterCallChosen(at=turn.now, agent_id=agent.agent_id, after_call=None))


def log_out_agent(turn: Turn, command: cmd.LogOutAgent) -> None:
    agent = turn.state.agent(command.agent_id)
    if agent.state in BUSY_STATES:
        wish = AfterCall(AgentState.LOGGED_OUT)
        turn.happened(ev.AfterCallChosen(at=turn.now, agent_id=agent.agent_id, after_call=wish))
    elif agent.state is not AgentState.LOGGED_OUT:
        turn.happened(ev.AgentLoggedOut(at=turn.now, agent_id=agent.agent_id))
        agent_left(turn, agent)


def make_ready(turn: Turn, command: cmd.MakeReady) -> None:
    agent = turn.state.agent(command.agent_id)
    if agent.state is AgentState.LOGGED_OUT:
        raise WrongStateError(f"{agent.profile.name} is logged out; log in first")
    if agent.state is AgentState.NOT_READY:
        become_ready(turn, agent.agent_id)
    elif agent.state in BUSY_STATES and agent.after_call is not None:
        turn.happened(ev.AfterCallChosen(at=turn.now, agent_id=agent.agent_id, after_call=None))


def make_not_ready(turn: Turn, command: cmd.MakeNotReady) -> None:
    agent = turn.state.agent(command.agent_id)
    if agent.state is AgentState.LOGGED_OUT:
        raise WrongStateError(f"{agent.profile.name} is logged out; log in first")
    check_reason(turn, command.reason)
    if agent.state in BUSY_STATES:
        wish = AfterCall(AgentState.NOT_READY, command.reason)
        turn.happened(ev.AfterCallChosen(at=turn.now, agent_id=agent.agent_id, after_call=wish))
    else:
        turn.happened(ev.AgentBecameNotReady(at=turn.now, agent_id=agent.agent_id, reason=command.reason))
        agent_left(turn, agent)


def start_wrap_up(turn: Turn, agent: Agent, call: Call) -> None:
    policy = turn.state.queue(QueueName(call.queue or ""))
    until = turn.now + policy.wrap_up_time
    turn.happened(
        ev.WrapUpStarted(at=turn.now, agent_id=agent.agent_id, call_id=call.call_id, until=until, queue=policy.name)
    )
    if not policy.wrap_up_time:
        _finish_wrap_up(turn, turn.state.agents[agent.agent_id], by_agent=False)
        return
    turn.wish(_wrap_up_limit(agent.agent_id, call.call_id, until))


def _wrap_up_limit(agent_id: AgentId, call_id: CallId, until: datetime) -> fx.StartTimer:
    command = cmd.ExpireWrapUp(agent_id=agent_id, call_id=call_id)
    return fx.StartTimer(key=wrap_up_timer(agent_id), due_at=until, command=command)


def timers(state: State, now: datetime) -> Iterator[fx.StartTimer]:
    """Those that run for this state."""
    for agent in state.agents.values():
        if agent.state is AgentState.WRAP_UP and agent.call_id is not None and agent.wrap_up_until is not None:
            yield _wrap_up_limit(agent.agent_id, agent.call_id, agent.wrap_up_until)


def end_wrap_up(turn: Turn, command: cmd.EndWrapUp) -> None:
    agent = turn.state.agent(command.agent_id)
    if agent.state is not AgentState.WRAP_UP:
        raise WrongStateError(f"{agent.profile.name} is {agent.state}, not in wrap-up")
    if agent.call_id is not None:
        check_code(turn, agent, turn.state.calls[agent.call_id], command.code)
    _finish_wrap_up(turn, agent, by_agent=True, said=command)


def keep_draft(turn: Turn, command: cmd.KeepDraft) -> None:
    agent = turn.state.agent(command.agent_id)
    if agent.call_id != command.call_id or agent.state not in {AgentState.TALKING, AgentState.WRAP_UP}:
        raise WrongStateError(f"{agent.profile.name} has no such call (any more)")
    if agent.draft != command.draft:
        turn.happened(ev.DraftKept(at=turn.now, agent_id=agent.agent_id, call_id=command.call_id, draft=command.draft))


def expire_wrap_up(turn: Turn, command: cmd.ExpireWrapUp) -> None:
    agent = turn.state.agents.get(command.agent_id)
    if agent is not None and agent.state is AgentState.WRAP_UP and agent.call_id == command.call_id:
        _finish_wrap_up(turn, agent, by_agent=False)


def report_ticket(turn: Turn, command: cmd.ReportTicket) -> None:
    turn.happened(
        ev.TicketCommitted(
            at=turn.now,
            call_id=command.call_id,
            agent_id=command.agent_id,
            ticket_number=command.ticket_number,
            to_qualify=command.to_qualify,
        )
    )


def _finish_wrap_up(turn: Turn, agent: Agent, *, by_agent: bool, said: cmd.EndWrapUp | None = None) -> None:
    finish_wrap_up(turn, agent, by_agent=by_agent, said=said, then=_next_state)


def finish_wrap_up(
    turn: Turn,
    agent: Agent,
    *,
    by_agent: bool,
    said: cmd.EndWrapUp | None = None,
    then: Callable[[Turn, Agent], None],
) -> None:
    """`then`: what the agent does next."""
    if agent.call_id is None or agent.since is None:
        return
    call = turn.state.calls[agent.call_id]
    turn.happened(
        ev.WrapUpEnded(
            at=turn.now,
            agent_id=agent.agent_id,
            call_id=call.call_id,
            queue=QueueName(agent.wrap_up_queue or call.queue or ""),
            by_agent=by_agent,
            wrap_up_seconds=(turn.now - agent.since).total_seconds(),
        )
    )
    turn.wish(fx.CancelTimer(key=wrap_up_timer(agent.agent_id)))
    then(turn, agent)  # before the ticket: the next caller need not wait for the desk
    word: cmd.EndWrapUp | Draft = said or agent.draft or Draft()
    turn.wish(
        fx.CommitTicket(
            call=call,
            agent_id=agent.agent_id,
            code=word.code,
            note=word.note,
            title=word.title,
            link_to=word.link_to,
            new_ticket=word.new_ticket,
            to_qualify=not by_agent,
            wrap_up_ended_at=turn.now,
        )
    )


def _next_state(turn: Turn, agent: Agent) -> None:
    wish = agent.after_call
    if wish is None:
        become_ready(turn, agent.agent_id)
    elif wish.state is AgentState.LOGGED_OUT:
        turn.happened(ev.AgentLoggedOut(at=turn.now, agent_id=agent.agent_id))
        agent_left(turn, agent)
    else:
        turn.happened(
            ev.AgentBecameNotReady(at=turn.now, agent_id=agent.agent_id, reason=wish.reason, ticket=wish.ticket)
        )
        agent_left(turn, agent)


RULES: Mapping[type[cmd.Command], Rule] = {
    cmd.ConfigureQueues: configure_queues,
    cmd.RegisterAgent: register_agent,
    cmd.RemoveAgent: remove_agent,
    cmd.LogInAgent: log_in_agent,
    cmd.LogOutAgent: log_out_agent,
    cmd.MakeReady: make_ready,
    cmd.MakeNotReady: make_not_ready,
    cmd.EndWrapUp: end_wrap_up,
    cmd.KeepDraft: keep_draft,
    cmd.ExpireWrapUp: expire_wrap_up,
    cmd.ReportTicket: report_ticket,
}
