"""Queues and the calls in progress, for supervisors."""

from __future__ import annotations

from datetime import datetime

import msgspec

from acd.domain.call import Call, CallStage
from acd.domain.explanations import Obstacle
from acd.domain.ids import CallId
from acd.service.views import QueueView
from acd.web.endpoint import SUPERVISORS, Exchange, NoBody, Parameter, endpoint


class CallInProgress(msgspec.Struct, frozen=True, kw_only=True):
    call_id: str
    stage: str
    queue: str | None
    priority: int
    priority_reason: str  # what made it so
    number: str
    caller_name: str
    contact_names: list[str]
    is_vip: bool
    agent_id: str | None
    attempts: int
    started_at: datetime
    queued_at: datetime | None
    answered_at: datetime | None


class WhyWaiting(msgspec.Struct, frozen=True, kw_only=True):
    """Why this call waits, as far as can be told; all empty when it does not.

    `reasons`: one line per agent, the first reason why the call is not theirs; `obstacles`: the same, counted.
    `position`: among those who ask for the same. `expected_wait_seconds`: null where it is not known.
    """

    call_id: str
    reasons: list[str]
    obstacles: list[Obstacle]
    priority: int  # now, a routing step considered
    priority_reason: str
    position: int | None
    expected_wait_seconds: float | None
    step: int
    kept_for: list[str]  # agent ids


@endpoint(
    "GET",
    "/api/v1/queues",
    summary="All queues with their figures",
    body=NoBody,
    answer=list[QueueView],
    access=SUPERVISORS,
)
async def list_queues(exchange: Exchange[NoBody]) -> list[QueueView]:
    return exchange.services.screens.queue_views()


@endpoint(
    "GET",
    "/api/v1/calls",
    summary="Calls in progress, oldest first",
    body=NoBody,
    answer=list[CallInProgress],
    access=SUPERVISORS,
)
async def list_calls(exchange: Exchange[NoBody]) -> list[CallInProgress]:
    calls = exchange.services.dispatcher.state.calls.values()
    in_progress = (call for call in calls if call.stage is not CallStage.ENDED)
    return [_in_progress(call) for call in sorted(in_progress, key=lambda call: call.started_at)]


@endpoint(
    "GET",
    "/api/v1/calls/{call_id}/why-waiting",
    summary="Why no agent has this call yet",
    body=NoBody,
    answer=WhyWaiting,
    access=SUPERVISORS,
    parameters=(Parameter("call_id", "path", "The call's id, as in /api/v1/calls", r"^[A-Za-z0-9_.-]{1,200}$"),),
    errors={404: "There is no such call in progress"},
)
async def show_why_waiting(exchange: Exchange[NoBody]) -> WhyWaiting:
    call_id = CallId(exchange.request.match_info["call_id"])
    call = exchange.services.dispatcher.state.call(call_id)
    reasons = exchange.services.why_waiting(call_id) if call.stage is CallStage.WAITING else ()
    outlook = exchange.services.outlook(call_id)
    return WhyWaiting(
        call_id=call_id,
        reasons=list(reasons),
        obstacles=list(outlook.obstacles),
        priority=outlook.priority,
        priority_reason=outlook.priority_reason,
        position=outlook.position,
        expected_wait_seconds=outlook.expected_wait_seconds,
        step=outlook.step,
        kept_for=list(outlook.kept_for),
    )


def _in_progress(call: Call) -> CallInProgress:
    return CallInProgress(
        call_id=call.call_id,
        stage=call.stage,
        queue=call.queue,
        priority=call.priority,
        priority_reason=call.priority_reason,
        number=call.caller.number,
        caller_name=call.caller.name,
        contact_names=[contact.name for contact in call.caller.contacts],
        is_vip=call.caller.is_vip,
        agent_id=call.agent_id,
        attempts=call.attempts,
        started_at=call.started_at,
        queued_at=call.queued_at,
        answered_at=call.answered_at,
    )


ENDPOINTS = (list_queues, list_calls, show_why_waiting)
