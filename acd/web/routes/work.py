"""What agents do beside taking calls: accept on the screen, take longer for the word after, work on a ticket."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from acd.domain import commands as cmd
from acd.domain.agent import NotReadyReason
from acd.domain.people import PeopleRules
from acd.service.views import AgentView
from acd.web import agents
from acd.web.endpoint import AGENTS, Exchange, Input, NoBody, endpoint
from acd.web.errors import ApiError
from acd.web.fields import TicketNumberText

_CONFLICT = {409: "The agent's state does not allow it"}
_OWN = {value for name, value in vars(NotReadyReason).items() if name.isupper()}


class ReasonView(msgspec.Struct, frozen=True, kw_only=True):
    """`limit_seconds` each time, `shift_limit_seconds` since log-in; null: none."""

    reason: str
    label: str
    limit_seconds: float | None
    shift_limit_seconds: float | None


class RejectReasonView(msgspec.Struct, frozen=True, kw_only=True):
    reason: str
    label: str


class OptionsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """`reasons` empty: any reason may be given."""

    reasons: list[ReasonView]
    reject_reasons: list[RejectReasonView]


class ExtensionInput(Input, frozen=True, kw_only=True):
    """Without `seconds`: what the queue says."""

    seconds: Annotated[int, Meta(ge=1, le=3600)] | None = None


class TicketWorkInput(Input, frozen=True, kw_only=True):
    ticket: TicketNumberText


@endpoint(
    "GET",
    "/api/v1/agents/me/options",
    summary="The reasons there are for not being ready and for rejecting a call",
    body=NoBody,
    answer=OptionsAnswer,
    access=AGENTS,
)
async def show_options(exchange: Exchange[NoBody]) -> OptionsAnswer:
    return options_of(exchange.services.dispatcher.state.rules.people)


def options_of(rules: PeopleRules) -> OptionsAnswer:
    return OptionsAnswer(
        reasons=[
            ReasonView(
                reason=reason.name,
                label=reason.label,
                limit_seconds=reason.limit.total_seconds() if reason.limit else None,
                shift_limit_seconds=reason.shift_limit.total_seconds() if reason.shift_limit else None,
            )
            for reason in rules.reasons
            if reason.name not in _OWN
        ],
        reject_reasons=[RejectReasonView(reason=name, label=label) for name, label in rules.reject_reasons],
    )


@endpoint(
    "POST",
    "/api/v1/agents/me/accept",
    summary="Accept the call offered, where it is accepted on the screen: now the phone rings",
    body=NoBody,
    answer=AgentView,
    access=AGENTS,
    errors=_CONFLICT,
)
async def accept(exchange: Exchange[NoBody]) -> AgentView:
    return agents.ordered(exchange, cmd.AcceptOffer(agent_id=exchange.session.agent_id))


@endpoint(
    "POST",
    "/api/v1/agents/me/wrap-up/extension",
    summary="More time for the wrap-up, up to the queue's limit",
    body=ExtensionInput,
    answer=AgentView,
    access=AGENTS,
    errors={409: "Not in wrap-up, or the limit is reached"},
)
async def extend_wrap_up(exchange: Exchange[ExtensionInput]) -> AgentView:
    seconds = exchange.body.seconds
    command = cmd.ExtendWrapUp(agent_id=exchange.session.agent_id, seconds=None if seconds is None else float(seconds))
    return agents.ordered(exchange, command)


@endpoint(
    "POST",
    "/api/v1/agents/me/ticket-work",
    summary="Work on a ticket, not ready: counted as handling; during a call: after it",
    body=TicketWorkInput,
    answer=AgentView,
    access=AGENTS,
    errors={**_CONFLICT, 422: "`ticket` is no ticket's number"},
)
async def start_ticket_work(exchange: Exchange[TicketWorkInput]) -> AgentView:
    number = exchange.body.ticket
    if await exchange.services.desk.find_ticket(number) is None:
        raise ApiError(422, "ticket.unknown", "There is no ticket of this number to work on.")
    return agents.ordered(exchange, cmd.StartTicketWork(agent_id=exchange.session.agent_id, ticket=number))


ENDPOINTS = (show_options, accept, extend_wrap_up, start_ticket_work)
