"""Supervisors who listen in, whisper or barge. The supervisor's own phone is rung for it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from acd.domain.ids import AgentId
from acd.service.audit import Deed
from acd.service.monitors import Monitor
from acd.service.ports import MonitorMode
from acd.web.endpoint import SUPERVISORS, Exchange, Input, NoBody, endpoint
from acd.web.errors import ApiError
from acd.web.fields import Why


class MonitorInput(Input, frozen=True, kw_only=True):
    """`listen`: heard by none; `whisper`: by the agent alone; `barge`: by both. While one is under way: the change."""

    agent_id: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.-]{1,60}$(?!\n)")]
    mode: MonitorMode
    why: Why


class MonitorView(msgspec.Struct, frozen=True, kw_only=True):
    supervisor: str
    agent_id: str
    mode: MonitorMode
    since: datetime


class MonitorsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """`own`: the asker's. `all`: everybody's, with it."""

    own: MonitorView | None
    all: list[MonitorView]


@endpoint(
    "POST",
    "/api/v1/monitor",
    summary="Listen in to an agent's talk, whisper or barge; rings one's own phone, or changes what is under way",
    body=MonitorInput,
    answer=MonitorView,
    access=SUPERVISORS,
    errors={
        404: "There is no such agent",
        409: "The agent does not talk, or the supervisor has no telephone extension",
        502: "Asterisk refused, or did not answer in time",
    },
)
async def begin_monitor(exchange: Exchange[MonitorInput]) -> MonitorView:
    user, asked = exchange.session.user, exchange.body
    if user.extension is None:
        raise ApiError(409, "supervisor.no_extension", "You have no telephone extension; an administrator sets it.")
    agent_id = AgentId(asked.agent_id)
    deed = Deed(who=user.login, action=f"talk.{asked.mode}", subject=agent_id, reason=asked.why)
    extension, monitors = user.extension, exchange.services.monitors

    async def begin() -> Monitor:
        return await monitors.begin(user.login, extension, agent_id, asked.mode)

    return _view(await exchange.services.supervision.do(begin, deed))


@endpoint(
    "GET",
    "/api/v1/monitor",
    summary="Who listens in to whom",
    body=NoBody,
    answer=MonitorsAnswer,
    access=SUPERVISORS,
)
async def show_monitors(exchange: Exchange[NoBody]) -> MonitorsAnswer:
    own = exchange.services.monitors.of(exchange.session.user.login)
    everybody = [_view(monitor) for monitor in exchange.services.monitors.all()]
    return MonitorsAnswer(own=_view(own) if own else None, all=everybody)


@endpoint(
    "DELETE",
    "/api/v1/monitor",
    summary="Listen in no more",
    body=NoBody,
    answer=None,
    access=SUPERVISORS,
    errors={502: "Asterisk refused, or did not answer in time"},
)
async def end_monitor(exchange: Exchange[NoBody]) -> None:
    await exchange.services.monitors.end(exchange.session.user.login)


def _view(monitor: Monitor) -> MonitorView:
    return MonitorView(supervisor=monitor.supervisor, agent_id=monitor.agent_id, mode=monitor.mode, since=monitor.since)


ENDPOINTS = (begin_monitor, show_monitors, end_monitor)
