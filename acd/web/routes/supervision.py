"""What supervisors do, and the audit log of it. Every deed names its reason (`why`)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from acd.domain import commands as cmd
from acd.domain.agent import NotReadyReason
from acd.domain.ids import AgentId, CallId, QueueName
from acd.service.audit import Deed
from acd.service.taste import taste_of
from acd.service.users import UserError
from acd.service.views import AgentView, QueueView, agent_view
from acd.web.endpoint import SUPERVISORS, Exchange, Input, NoBody, Parameter, endpoint
from acd.web.errors import ApiError
from acd.web.fields import Announcement, OptionalReason, QueueText, Skill, Text, Why
from routing import Taste

Share = Annotated[int, Meta(ge=1, le=100)]
AGENT = Parameter("agent_id", "path", "The agent's id, as in /api/v1/agents", r"^[A-Za-z0-9_.-]{1,60}$")
CALL = Parameter("call_id", "path", "The call's id, as in /api/v1/calls", r"^[A-Za-z0-9_.-]{1,200}$")
QUEUE = Parameter("queue", "path", "The queue's name, as in /api/v1/queues", r"^[a-z][a-z0-9_-]{0,39}$")
_NO_AGENT = {404: "There is no such agent"}
_NO_CALL = {404: "There is no such call, queue or agent", 409: "The call does not wait"}


class StateInput(Input, frozen=True, kw_only=True):
    """During a call it takes effect after it. `reason`: of not_ready; by default that a supervisor did it."""

    state: Literal["ready", "not_ready", "logged_out"]
    reason: OptionalReason = ""
    why: Why


class SkillsInput(Input, frozen=True, kw_only=True):
    """All skills with their levels. `is_stored` false: until the agent logs in again."""

    skills: Annotated[dict[Skill, Annotated[int, Meta(ge=0, le=100)]], Meta(max_length=50)]
    is_stored: bool = False
    why: Why


class PreferencesInput(Input, frozen=True, kw_only=True):
    """`prefers`: queues, the liked ones first; or `allocation`: percent of the agent's calls by queue, 100 together.
    Nothing of both: the common way. `is_stored` false: until the agent logs in again."""

    prefers: Annotated[tuple[QueueText, ...], Meta(max_length=50)] = ()
    allocation: Annotated[dict[QueueText, Share], Meta(max_length=50)] = msgspec.field(default_factory=dict)
    is_stored: bool = False
    why: Why


class MoveInput(Input, frozen=True, kw_only=True):
    queue: QueueText
    why: Why


class PriorityInput(Input, frozen=True, kw_only=True):
    """0 is served first."""

    priority: Annotated[int, Meta(ge=0, le=9)]
    why: Why


class AssignInput(Input, frozen=True, kw_only=True):
    agent_id: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.-]{1,60}$(?!\n)")]
    why: Why


class DoorInput(Input, frozen=True, kw_only=True):
    """`is_open` null: back to the calendar. `announcement` by language (fr, en): what callers hear of a closed queue;
    without it what the queue says out of hours, else what is configured for all."""

    is_open: bool | None
    announcement: Mapping[Literal["fr", "en"], Announcement] = msgspec.field(default_factory=dict)
    why: Why


class BroadcastInput(Input, frozen=True, kw_only=True):
    """Without `queue`: to all agents logged in."""

    text: Text
    queue: QueueText | None = None
    why: Why


class AuditView(msgspec.Struct, frozen=True, kw_only=True):
    """`outcome`: asked (cut off by a crash), done, or the error id of the refusal."""

    entry_id: int
    at: datetime
    who: str
    action: str
    subject: str
    reason: str
    outcome: str
    details: Mapping[str, str]


@endpoint(
    "POST",
    "/api/v1/agents/{agent_id}/state",
    summary="Change an agent's state, or log them out",
    body=StateInput,
    answer=AgentView,
    access=SUPERVISORS,
    parameters=(AGENT,),
    errors={**_NO_AGENT, 409: "The agent's state does not allow it", 422: "There is no such reason"},
)
async def set_agent_state(exchange: Exchange[StateInput]) -> AgentView:
    asked, agent_id = exchange.body, AgentId(exchange.request.match_info["agent_id"])
    command: cmd.Command
    match asked.state:
        case "ready":
            command = cmd.MakeReady(agent_id=agent_id)
        case "not_ready":
            command = cmd.MakeNotReady(agent_id=agent_id, reason=asked.reason or NotReadyReason.SUPERVISOR)
        case "logged_out":
            command = cmd.LogOutAgent(agent_id=agent_id)
    details = {"state": asked.state} | ({"reason": asked.reason} if asked.reason else {})
    await exchange.services.supervision.order(command, _deed(exchange, "agent.set_state", agent_id, asked.why, details))
    return _agent_view(exchange, agent_id)


@endpoint(
    "POST",
    "/api/v1/agents/{agent_id}/preferences",
    summary="Which queues an agent prefers, or gets what share of",
    body=PreferencesInput,
    answer=AgentView,
    access=SUPERVISORS,
    parameters=(AGENT,),
    errors={**_NO_AGENT, 422: "The preferences make no sense"},
)
async def set_agent_preferences(exchange: Exchange[PreferencesInput]) -> AgentView:
    asked, agent_id = exchange.body, AgentId(exchange.request.match_info["agent_id"])
    taste = _taste(exchange, asked)
    told = ", ".join(asked.prefers) or ", ".join(f"{queue} {share} %" for queue, share in asked.allocation.items())
    details = {"preferences": told or "none", "stored": "yes" if asked.is_stored else "no"}
    deed = _deed(exchange, "agent.set_preferences", agent_id, asked.why, details)
    await exchange.services.supervision.set_taste(agent_id, taste, deed, is_stored=asked.is_stored)
    return _agent_view(exchange, agent_id)


def _taste(exchange: Exchange[PreferencesInput], asked: PreferencesInput) -> Taste | None:
    queues = exchange.services.dispatcher.state.queues
    if unknown := [name for name in (*asked.prefers, *asked.allocation) if name not in queues]:
        raise ApiError(422, "agent.preferences", f"There is no queue {unknown[0]}.")
    try:
        return taste_of(asked.prefers, asked.allocation)
    except UserError as error:
        raise ApiError(422, "agent.preferences", f"{error}.") from None


@endpoint(
    "POST",
    "/api/v1/agents/{agent_id}/skills",
    summary="Change an agent's skills, for good or until the next log-in",
    body=SkillsInput,
    answer=AgentView,
    access=SUPERVISORS,
    parameters=(AGENT,),
    errors=_NO_AGENT,
)
async def set_agent_skills(exchange: Exchange[SkillsInput]) -> AgentView:
    asked, agent_id = exchange.body, AgentId(exchange.request.match_info["agent_id"])
    told = ", ".join(f"{skill} {level}" for skill, level in sorted(asked.skills.items()))
    details = {"skills": told, "stored": "yes" if asked.is_stored else "no"}
    deed = _deed(exchange, "agent.set_skills", agent_id, asked.why, details)
    await exchange.services.supervision.set_skills(agent_id, asked.skills, deed, is_stored=asked.is_stored)
    return _agent_view(exchange, agent_id)


@endpoint(
    "POST",
    "/api/v1/calls/{call_id}/move",
    summary="Move a waiting call to another queue, with its age",
    body=MoveInput,
    answer=None,
    access=SUPERVISORS,
    parameters=(CALL,),
    errors=_NO_CALL,
)
async def move_call(exchange: Exchange[MoveInput]) -> None:
    asked, call_id = exchange.body, CallId(exchange.request.match_info["call_id"])
    deed = _deed(exchange, "call.move", call_id, asked.why, {"queue": asked.queue})
    await exchange.services.supervision.order(cmd.MoveCall(call_id=call_id, queue=QueueName(asked.queue)), deed)


@endpoint(
    "POST",
    "/api/v1/calls/{call_id}/priority",
    summary="Change a waiting call's priority",
    body=PriorityInput,
    answer=None,
    access=SUPERVISORS,
    parameters=(CALL,),
    errors=_NO_CALL,
)
async def prioritise_call(exchange: Exchange[PriorityInput]) -> None:
    asked, call_id = exchange.body, CallId(exchange.request.match_info["call_id"])
    deed = _deed(exchange, "call.prioritise", call_id, asked.why, {"priority": str(asked.priority)})
    await exchange.services.supervision.order(cmd.PrioritiseCall(call_id=call_id, priority=asked.priority), deed)


@endpoint(
    "POST",
    "/api/v1/calls/{call_id}/assign",
    summary="Give a waiting call to an agent: at once when ready, else kept for them for some minutes",
    body=AssignInput,
    answer=None,
    access=SUPERVISORS,
    parameters=(CALL,),
    errors={**_NO_CALL, 409: "The call does not wait, or the agent is not at work"},
)
async def assign_call(exchange: Exchange[AssignInput]) -> None:
    asked, call_id = exchange.body, CallId(exchange.request.match_info["call_id"])
    deed = _deed(exchange, "call.assign", call_id, asked.why, {"agent": asked.agent_id})
    await exchange.services.supervision.order(cmd.AssignCall(call_id=call_id, agent_id=AgentId(asked.agent_id)), deed)


@endpoint(
    "POST",
    "/api/v1/queues/{queue}/door",
    summary="Close or open a queue at once, or give it back to its calendar",
    body=DoorInput,
    answer=QueueView,
    access=SUPERVISORS,
    parameters=(QUEUE,),
    errors={404: "There is no such queue", 503: "The announcement cannot be made, or the database not be asked"},
)
async def set_queue_door(exchange: Exchange[DoorInput]) -> QueueView:
    asked, queue = exchange.body, QueueName(exchange.request.match_info["queue"])
    announcement = {str(language): text for language, text in asked.announcement.items()}
    door = {True: "open", False: "closed", None: "calendar"}[asked.is_open]
    deed = _deed(exchange, "queue.set_door", queue, asked.why, {"door": door, **announcement})
    await exchange.services.supervision.set_door(queue, deed, is_open=asked.is_open, announcement=announcement)
    (view,) = exchange.services.screens.queue_views([queue])
    return view


@endpoint(
    "POST",
    "/api/v1/broadcasts",
    summary="A text to the agents' screens, to all or to those of a queue",
    body=BroadcastInput,
    answer=None,
    access=SUPERVISORS,
    errors={404: "There is no such queue"},
)
async def broadcast(exchange: Exchange[BroadcastInput]) -> None:
    asked = exchange.body
    deed = _deed(exchange, "text.broadcast", asked.queue or "", asked.why, {"text": asked.text})
    queue = QueueName(asked.queue) if asked.queue is not None else None
    command = cmd.BroadcastText(text=asked.text, sender=exchange.session.user.name, queue=queue)
    await exchange.services.supervision.order(command, deed)


@endpoint(
    "GET",
    "/api/v1/audit",
    summary="Who did what, when and why, newest first, a hundred at a time",
    body=NoBody,
    answer=list[AuditView],
    access=SUPERVISORS,
    parameters=(
        Parameter("before", "query", "Entries older than the one of this id", r"^[0-9]{1,18}$", is_required=False),
        Parameter("who", "query", "A login: what this person did", r"^[a-z0-9._-]{1,40}$", is_required=False),
    ),
)
async def show_audit(exchange: Exchange[NoBody]) -> list[AuditView]:
    query = exchange.request.query
    before = int(query["before"]) if "before" in query else None
    entries = await exchange.services.supervision.audit.entries(before=before, who=query.get("who", ""))
    return [
        AuditView(
            entry_id=entry.entry_id,
            at=entry.at,
            who=entry.deed.who,
            action=entry.deed.action,
            subject=entry.deed.subject,
            reason=entry.deed.reason,
            outcome=entry.outcome,
            details=entry.deed.details,
        )
        for entry in entries
    ]


def _deed(exchange: Exchange[object], action: str, subject: str, why: str, details: Mapping[str, str]) -> Deed:
    return Deed(who=exchange.session.user.login, action=action, subject=subject, reason=why, details=details)


def _agent_view(exchange: Exchange[object], agent_id: AgentId) -> AgentView:
    state = exchange.services.dispatcher.state
    agent = state.agent(agent_id)
    return agent_view(agent, state.calls.get(agent.call_id) if agent.call_id else None)


ENDPOINTS = (
    set_agent_state,
    set_agent_skills,
    set_agent_preferences,
    move_call,
    prioritise_call,
    assign_call,
    set_queue_door,
    broadcast,
    show_audit,
)
