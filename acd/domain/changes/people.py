"""What events change: queues, rules and agents."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from msgspec.structs import replace

from acd.domain import events as ev
from acd.domain.agent import Agent, AgentState
from acd.domain.changes.kinds import Change
from acd.domain.work import CallKind, kind_of
from routing import AgentChoice

if TYPE_CHECKING:
    from acd.domain.state import State


def _queues_configured(state: State, event: ev.QueuesConfigured) -> None:
    new = {policy.name: policy for policy in event.queues}
    used = {call.queue for call in state.calls.values() if call.queue}
    state.queues = {name: policy for name, policy in state.queues.items() if name in used} | new
    state.rules = event.rules
    is_drawn = any(policy.agent_choice is AgentChoice.WEIGHTED_RANDOM for policy in state.queues.values())
    state.tallies.seed = event.rules.seed if is_drawn else None
    state.forget_stages()
    state.reserves = tuple((name, policy.reserve) for name, policy in state.queues.items() if policy.reserve)
    state.pool.configure(event.rules, {name: policy.rules() for name, policy in state.queues.items()})
    for call in state.calls.values():
        state.wait_anew(call)


def _agent_registered(state: State, event: ev.AgentRegistered) -> None:
    agent_id = event.profile.agent_id
    known = state.agents.get(agent_id)
    agent = replace(known, profile=event.profile) if known else Agent(profile=event.profile, since=event.at)
    state.agents[agent_id] = agent
    if state.pool.has_candidate(agent_id):
        state.pool.remove_candidate(agent_id)
        state.offer_agent(agent, agent.idle_since or event.at, event.at)
    if agent.state is not AgentState.LOGGED_OUT:
        state.pool.log_in(agent_id, agent.profile.skills)


def _agent_removed(state: State, event: ev.AgentRemoved) -> None:
    state.leave_pool(event.agent_id)
    state.pool.log_out(event.agent_id)
    state.tallies.forget(event.agent_id)
    del state.agents[event.agent_id]


def _agent_logged_in(state: State, event: ev.AgentLoggedIn) -> None:
    state.settle(event.agent_id, AgentState.NOT_READY, event.at, reason="logged_in", after_call=None)
    state.pool.log_in(event.agent_id, state.agents[event.agent_id].profile.skills)
    state.tallies.logged_in(event.agent_id, event.at)


def _agent_logged_out(state: State, event: ev.AgentLoggedOut) -> None:
    state.settle(event.agent_id, AgentState.LOGGED_OUT, event.at, after_call=None, idle_since=None)
    state.pool.log_out(event.agent_id)


def _agent_became_ready(state: State, event: ev.AgentBecameReady) -> None:
    state.settle(event.agent_id, AgentState.READY, event.at, idle_since=event.idle_since, after_call=None)
    state.offer_agent(state.agents[event.agent_id], event.idle_since, event.at)


def _agent_became_not_ready(state: State, event: ev.AgentBecameNotReady) -> None:
    state.settle(
        event.agent_id,
        AgentState.NOT_READY,
        event.at,
        reason=event.reason,
        after_call=None,
        resumes_ready=event.resumes,
        ticket=event.ticket,
    )


def _after_call_chosen(state: State, event: ev.AfterCallChosen) -> None:
    state.replace_agent(event.agent_id, after_call=event.after_call)


def _wrap_up_started(state: State, event: ev.WrapUpStarted) -> None:
    state.replace_agent(
        event.agent_id,
        state=AgentState.WRAP_UP,
        since=event.at,
        wrap_up_until=event.until,
        wrap_up_extended=timedelta(0),
        reservation_id=None,
        wrap_up_queue=event.queue,
    )


def _draft_kept(state: State, event: ev.DraftKept) -> None:
    state.replace_agent(event.agent_id, draft=event.draft)


def _wrap_up_extended(state: State, event: ev.WrapUpExtended) -> None:
    extended = state.agents[event.agent_id].wrap_up_extended + event.by_time
    state.replace_agent(event.agent_id, wrap_up_until=event.until, wrap_up_extended=extended)


def _phone_changed(state: State, event: ev.PhoneChanged) -> None:
    state.replace_agent(event.agent_id, phone_trouble=event.trouble)


def _reason_limit_passed(state: State, event: ev.ReasonLimitPassed) -> None:
    passed = state.agents[event.agent_id].limits_passed
    state.replace_agent(event.agent_id, limits_passed=(*passed, event.limit))


def _wrap_up_ended(state: State, event: ev.WrapUpEnded) -> None:
    kind, call = kind_of(event.call_id), state.calls.get(event.call_id)
    seconds = state.agents[event.agent_id].talked_seconds + event.wrap_up_seconds
    if call is not None and call.dialled_at is not None and call.answered_at is not None:
        seconds += (call.answered_at - call.dialled_at).total_seconds()
    if kind in {CallKind.INBOUND, CallKind.CALLBACK}:
        state.tallies.handled(event.agent_id, event.queue, seconds, event.at)
    else:  # the agent was busy, but it says nothing of how long this queue's callers take
        state.tallies.was_busy(event.agent_id, seconds, event.at)
    state.replace_agent(event.agent_id, call_id=None, wrap_up_until=None, draft=None, idle_since=event.at)
    state.forget_if_over(event.call_id)


def _reserve_called_up(state: State, event: ev.ReserveCalledUp) -> None:
    state.pool.call_up_reserve(event.queue)


def _reserve_stood_down(state: State, event: ev.ReserveStoodDown) -> None:
    state.pool.stand_down_reserve(event.queue)


CHANGES: Mapping[type[ev.Event], Change] = {
    ev.QueuesConfigured: _queues_configured,
    ev.AgentRegistered: _agent_registered,
    ev.AgentRemoved: _agent_removed,
    ev.AgentLoggedIn: _agent_logged_in,
    ev.AgentLoggedOut: _agent_logged_out,
    ev.AgentBecameReady: _agent_became_ready,
    ev.AgentBecameNotReady: _agent_became_not_ready,
    ev.AfterCallChosen: _after_call_chosen,
    ev.WrapUpStarted: _wrap_up_started,
    ev.DraftKept: _draft_kept,
    ev.WrapUpExtended: _wrap_up_extended,
    ev.WrapUpEnded: _wrap_up_ended,
    ev.PhoneChanged: _phone_changed,
    ev.ReasonLimitPassed: _reason_limit_passed,
    ev.ReserveCalledUp: _reserve_called_up,
    ev.ReserveStoodDown: _reserve_stood_down,
}
