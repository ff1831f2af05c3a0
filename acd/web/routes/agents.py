"""What agents do, and agents as supervisors see them."""

from __future__ import annotations

from acd.domain import commands as cmd
from acd.service.views import AgentView
from acd.web import agents
from acd.web.endpoint import AGENTS, SUPERVISORS, Exchange, Input, NoBody, endpoint
from acd.web.errors import ApiError
from acd.web.fields import Code, Line, Note, OptionalReason, Reason, TicketNumberText

_CONFLICT = {409: "The agent's state does not allow it"}


class NotReadyInput(Input, frozen=True, kw_only=True):
    reason: Reason


class RejectInput(Input, frozen=True, kw_only=True):
    reason: OptionalReason = ""


class WrapUpInput(Input, frozen=True, kw_only=True):
    """`link_to`: the number of the ticket the call belongs to. Without it the call goes to the ticket the caller keyed,
    if that is theirs, else to a new one; `new_ticket` asks for a new one in any case."""

    code: Code = ""
    note: Note = ""
    title: Line = ""
    link_to: TicketNumberText | None = None
    new_ticket: bool = False


@endpoint(
    "GET",
    "/api/v1/agents/me",
    summary="One's own state",
    body=NoBody,
    answer=AgentView,
    access=AGENTS,
    errors=_CONFLICT,
)
async def show_me(exchange: Exchange[NoBody]) -> AgentView:
    agents.be_logged_in(exchange.services, exchange.session)
    return agents.view_of(exchange.services, exchange.session)


@endpoint(
    "POST",
    "/api/v1/agents/me/ready",
    summary="Take calls; during a call: stay in the queues after it",
    body=NoBody,
    answer=AgentView,
    access=AGENTS,
    errors=_CONFLICT,
)
async def make_ready(exchange: Exchange[NoBody]) -> AgentView:
    return agents.ordered(exchange, cmd.MakeReady(agent_id=exchange.session.agent_id))


@endpoint(
    "POST",
    "/api/v1/agents/me/not-ready",
    summary="Take no calls; during a call: after it",
    body=NotReadyInput,
    answer=AgentView,
    access=AGENTS,
    errors={**_CONFLICT, 422: "There is no such reason"},
)
async def make_not_ready(exchange: Exchange[NotReadyInput]) -> AgentView:
    return agents.ordered(exchange, cmd.MakeNotReady(agent_id=exchange.session.agent_id, reason=exchange.body.reason))


@endpoint(
    "POST",
    "/api/v1/agents/me/reject",
    summary="Refuse the call that rings; it goes back to the head of its queue",
    body=RejectInput,
    answer=AgentView,
    access=AGENTS,
    errors=_CONFLICT,
)
async def reject(exchange: Exchange[RejectInput]) -> AgentView:
    return agents.ordered(
        exchange, cmd.RejectReservation(agent_id=exchange.session.agent_id, reason=exchange.body.reason)
    )


@endpoint(
    "POST",
    "/api/v1/agents/me/wrap-up",
    summary="The word on the call just ended; commits its ticket",
    body=WrapUpInput,
    answer=AgentView,
    access=AGENTS,
    errors={**_CONFLICT, 422: "`link_to` is no ticket's number, or the code is missing or unknown"},
)
async def end_wrap_up(exchange: Exchange[WrapUpInput]) -> AgentView:
    said = exchange.body
    # Checked before the engine lets the agent go: afterwards nobody would be there to mend it.
    if said.link_to is not None and await exchange.services.desk.find_ticket(said.link_to) is None:
        raise ApiError(422, "ticket.unknown", "There is no ticket of this number to link the call to.")
    command = cmd.EndWrapUp(
        agent_id=exchange.session.agent_id,
        code=said.code,
        note=said.note,
        title=said.title,
        link_to=said.link_to,
        new_ticket=said.new_ticket,
    )
    return agents.ordered(exchange, command)


@endpoint(
    "GET",
    "/api/v1/agents",
    summary="All agents, by state and since when",
    body=NoBody,
    answer=list[AgentView],
    access=SUPERVISORS,
)
async def list_agents(exchange: Exchange[NoBody]) -> list[AgentView]:
    return exchange.services.screens.agent_views()


ENDPOINTS = (show_me, make_ready, make_not_ready, reject, end_wrap_up, list_agents)
