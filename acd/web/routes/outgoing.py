"""Calls that agents place, callbacks, and messages left for a queue."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path
from typing import Annotated

import msgspec
from aiohttp import web
from msgspec import Meta

from acd.domain import commands as cmd
from acd.domain.caller import TicketCard
from acd.domain.ids import CallId
from acd.domain.work import CallKind
from acd.service.ports import Role
from acd.service.views import AgentView
from acd.web import agents
from acd.web.endpoint import AGENTS, Exchange, Input, NoBody, Parameter, endpoint
from acd.web.errors import ApiError
from acd.web.fields import QueueText, TicketNumberText

AGENTS_AND_SUPERVISORS = frozenset({Role.AGENT, Role.SUPERVISOR, Role.ADMIN})
CALL = Parameter("call_id", "path", "The callback's id, as in /api/v1/callbacks", r"^[A-Za-z0-9_.-]{1,200}$")
MESSAGE = Parameter("name", "path", "The file of the message", r"^[A-Za-z0-9_-][A-Za-z0-9._-]{0,118}\.wav$")
_CONFLICT = {409: "The agent's state does not allow it"}


class PlaceCallInput(Input, frozen=True, kw_only=True):
    """`queue`: whose number is shown and whose wrap-up follows; by default the ticket's, else the first. `ticket`: the
    one the call is about; it is linked to it."""

    number: Annotated[str, Meta(pattern=r"^\+?[0-9]{2,18}$(?!\n)")]
    queue: QueueText | None = None
    ticket: TicketNumberText | None = None


class CallbackView(msgspec.Struct, frozen=True, kw_only=True):
    """`stage`: waiting, scheduled (until `due_at`), reserved (an agent's phone rings, or the customer's), talking."""

    call_id: str
    queue: str | None
    number: str
    contact_names: list[str]
    stage: str
    requested_at: datetime | None
    due_at: datetime | None
    tries: int
    agent_id: str | None


@endpoint(
    "POST",
    "/api/v1/agents/me/calls",
    summary="Call somebody: one's own phone rings first, then theirs",
    body=PlaceCallInput,
    answer=AgentView,
    access=AGENTS,
    errors={409: "The agent's state or the site's rules do not allow it", 422: "There is no such ticket or queue"},
)
async def place_call(exchange: Exchange[PlaceCallInput]) -> AgentView:
    said, services = exchange.body, exchange.services
    card: TicketCard | None = None
    if said.ticket is not None:
        ticket = await services.desk.find_ticket(said.ticket)
        if ticket is None:
            raise ApiError(422, "ticket.unknown", "There is no ticket of this number.")
        card = TicketCard(
            number=ticket.number,
            title=ticket.title,
            status=ticket.status,
            created_at=ticket.created_at,
            queue=ticket.queue,
            contact_name=ticket.contact_name,
        )
    if said.queue is not None and said.queue not in services.dispatcher.state.queues:
        raise ApiError(422, "queue.unknown", "There is no queue of this name.")
    agents.be_logged_in(services, exchange.session)
    return agents.ordered(
        exchange, await services.outgoing.order_for(exchange.session.agent_id, said.number, said.queue, card)
    )


@endpoint(
    "GET",
    "/api/v1/callbacks",
    summary="Callbacks that stand in queues, are booked, or under way",
    body=NoBody,
    answer=list[CallbackView],
    access=AGENTS_AND_SUPERVISORS,
)
async def list_callbacks(exchange: Exchange[NoBody]) -> list[CallbackView]:
    state = exchange.services.dispatcher.state
    return [
        CallbackView(
            call_id=call.call_id,
            queue=call.queue,
            number=call.caller.number,
            contact_names=[contact.name for contact in call.caller.contacts],
            stage=call.stage,
            requested_at=call.plan.requested_at if call.plan else None,
            due_at=call.plan.due_at if call.plan else None,
            tries=call.plan.tries if call.plan else 0,
            agent_id=call.agent_id,
        )
        for call in state.calls.values()
        if call.kind is CallKind.CALLBACK and call.termination is None
    ]


@endpoint(
    "POST",
    "/api/v1/callbacks/{call_id}/cancel",
    summary="Call off a callback that is not wanted any more",
    body=NoBody,
    answer=None,
    access=AGENTS_AND_SUPERVISORS,
    parameters=(CALL,),
    errors={404: "There is no such callback", 409: "They talk already"},
)
async def cancel_callback(exchange: Exchange[NoBody]) -> None:
    call_id = CallId(exchange.request.match_info["call_id"])
    call = exchange.services.dispatcher.state.calls.get(call_id)
    if call is None or call.kind is not CallKind.CALLBACK:
        raise ApiError(404, "callback.unknown", "There is no such callback.")
    exchange.services.dispatcher.order(cmd.CancelCallback(call_id=call_id))


@endpoint(
    "POST",
    "/api/v1/agents/me/message/accept",
    summary="Take the message that is offered",
    body=NoBody,
    answer=AgentView,
    access=AGENTS,
    errors=_CONFLICT,
)
async def accept_message(exchange: Exchange[NoBody]) -> AgentView:
    return agents.ordered(exchange, cmd.AcceptMessage(agent_id=exchange.session.agent_id))


@endpoint(
    "POST",
    "/api/v1/agents/me/message/finish",
    summary="The message is dealt with: on to the wrap-up",
    body=NoBody,
    answer=AgentView,
    access=AGENTS,
    errors=_CONFLICT,
)
async def finish_message(exchange: Exchange[NoBody]) -> AgentView:
    return agents.ordered(exchange, cmd.FinishMessage(agent_id=exchange.session.agent_id))


@endpoint(
    "GET",
    "/api/v1/messages/{name}",
    summary="The sound of a message (audio/wav), whole or by ranges",
    body=NoBody,
    answer=None,
    access=AGENTS_AND_SUPERVISORS,
    parameters=(MESSAGE,),
    errors={404: "There is no such message"},
)
async def play_message(exchange: Exchange[NoBody]) -> web.StreamResponse:
    try:
        path = Path(exchange.services.outgoing.message_file(exchange.request.match_info["name"]))
    except ValueError:
        raise ApiError(404, "message.unknown", "There is no such message.") from None
    if not await asyncio.to_thread(path.is_file):
        raise ApiError(404, "message.unknown", "There is no such message.")
    return web.FileResponse(path, headers={"Content-Type": "audio/wav", "Cache-Control": "private, no-store"})


ENDPOINTS = (place_call, list_callbacks, cancel_callback, accept_message, finish_message, play_message)
