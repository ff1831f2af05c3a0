"""The whole state of a routing domain, changed by `apply(event)` alone."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from msgspec.structs import replace

from acd.domain import events as ev
from acd.domain.agent import Agent, AgentState, NotReadyReason
from acd.domain.call import Call, CallStage
from acd.domain.changes import CHANGES
from acd.domain.errors import UnknownAgentError, UnknownCallError, UnknownQueueError
from acd.domain.ids import AgentId, CallId, QueueName, ReservationId
from acd.domain.queue import Door, QueuePolicy, ReservePolicy, RoutingRules
from acd.domain.tallies import Tallies
from acd.domain.work import LeftPlace
from routing import Pool, Requirements, WorkItem
from routing.relaxation import Stage, stages_of

# What a new state of an agent ends, unless it says otherwise.
_NOTHING: dict[str, Any] = {
    "reason": "",
    "reservation_id": None,
    "call_id": None,
    "wrap_up_until": None,
    "draft": None,
    "resumes_ready": False,
    "ticket": "",
    "limits_passed": (),
}


class State:
    """Read it freely; only `apply` changes it, by what `acd.domain.changes` says of each event."""

    def __init__(self) -> None:
        self.calls: dict[CallId, Call] = {}
        self.agents: dict[AgentId, Agent] = {}
        self.queues: dict[QueueName, QueuePolicy] = {}
        self.doors: dict[QueueName, Door] = {}  # of queues closed or opened by hand
        self.rules = RoutingRules()
        self.pool = Pool()  # waiting calls, agents logged in and ready
        self.tallies = Tallies()
        self.reserves: tuple[tuple[QueueName, ReservePolicy], ...] = ()  # queues that have one
        self.callbacks: dict[str, CallId] = {}  # not ended, by queue and number (see `work.place_key`)
        self.left_places: dict[str, LeftPlace] = {}  # of callers who were lost, by the same
        self._stages: dict[tuple[QueueName, Requirements, int], tuple[Stage, ...]] = {}  # once per distinct needs

    # questions -----------------------------------------------------------------------------------------------

    def agent(self, agent_id: AgentId) -> Agent:
        try:
            return self.agents[agent_id]
        except KeyError:
            raise UnknownAgentError(f"there is no agent {agent_id}") from None

    def queue(self, name: QueueName) -> QueuePolicy:
        try:
            return self.queues[name]
        except KeyError:
            raise UnknownQueueError(f"there is no queue {name}") from None

    def call(self, call_id: CallId) -> Call:
        try:
            return self.calls[call_id]
        except KeyError:
            raise UnknownCallError(f"there is no call {call_id}") from None

    def reserved_call(self, call_id: CallId, reservation_id: ReservationId) -> Call | None:
        """The call, if this reservation is still pending; None when the report about it is stale."""
        call = self.calls.get(call_id)
        if call is None or call.stage is not CallStage.RESERVED or call.reservation_id != reservation_id:
            return None
        return call

    def stages_of(self, call: Call) -> tuple[Stage, ...]:
        """What this call asks for, stage by stage of its queue's routing steps."""
        return self.stages_for(self.queue(QueueName(call.queue or "")), call, call.skills)

    def stages_for(self, policy: QueuePolicy, call: Call, skills: Requirements) -> tuple[Stage, ...]:
        """The same for a call that is, or would be, in this queue with these skills asked for besides."""
        language = ((call.language, 1),) if policy.language_is_skill and call.language else ()
        signature = (policy.name, (*skills, *language), call.priority)
        stages = self._stages.get(signature)
        if stages is None:
            stages = stages_of(policy.needs_with(signature[1]), call.priority, policy.steps)
            self._stages[signature] = stages
        return stages

    def stage_of(self, call: Call) -> Stage:
        stages = self.stages_of(call)
        return stages[min(call.step, len(stages) - 1)]

    def oldest_in(self, name: QueueName) -> datetime:
        """Since when the longest waiting call of a queue waits. Raises ValueError when nobody does. A scan."""
        calls = (self.calls[CallId(item.item_id)] for item in self.pool.items_of(name))
        return min(call.queued_at or call.started_at for call in calls)

    # change --------------------------------------------------------------------------------------------------

    def apply(self, event: ev.Event) -> None:
        change = CHANGES.get(type(event))
        if change is not None:
            change(self, event)

    # tools of acd.domain.changes, for nobody else

    def replace_call(self, call_id: CallId, at: datetime, **changes: Any) -> Call:
        call = self.calls[call_id] = replace(self.calls[call_id], changed_at=at, **changes)
        return call

    def replace_agent(self, agent_id: AgentId, **changes: Any) -> Agent:
        agent = self.agents[agent_id] = replace(self.agents[agent_id], **changes)
        return agent

    def forget_stages(self) -> None:
        self._stages.clear()

    def wait(self, call: Call) -> None:
        place_at = call.place_at or call.queued_at or call.started_at
        stage = self.stage_of(call)
        only = call.rings[call.ring].agents if call.is_kept else ()
        self.pool.add_item(
            WorkItem(call.call_id, stage.needs, stage.priority, place_at.timestamp(), call.queue or "", only)
        )

    def wait_anew(self, call: Call) -> None:
        if self.pool.has_item(call.call_id):
            self.pool.remove_item(call.call_id)
            self.wait(call)

    def offer_agent(self, agent: Agent, idle_since: datetime, at: datetime) -> None:
        self.pool.add_candidate(self.tallies.candidate(agent, idle_since, at))

    def leave_pool(self, agent_id: AgentId) -> None:
        if self.pool.has_candidate(agent_id):
            self.pool.remove_candidate(agent_id)

    def settle(self, agent_id: AgentId, state: AgentState, at: datetime, **changes: Any) -> None:
        self.leave_pool(agent_id)
        before = self.agents[agent_id]
        if before.state is AgentState.NOT_READY and before.since is not None:
            is_work = before.reason == NotReadyReason.AFTER_CALL_WORK
            seconds = (at - before.since).total_seconds()
            self.tallies.not_ready(agent_id, before.reason, seconds, at, is_work=is_work)
        changes = _NOTHING | changes
        self.replace_agent(agent_id, state=state, since=at, **changes)

    def forget_if_over(self, call_id: CallId) -> None:
        call = self.calls.get(call_id)
        if call is None or call.stage is not CallStage.ENDED:
            return
        had_it = (call.agent_id, *(handover.agent_id for handover in call.handovers))
        agents = (self.agents.get(agent_id) for agent_id in had_it if agent_id)
        if not any(agent is not None and agent.call_id == call_id for agent in agents):
            del self.calls[call_id]
