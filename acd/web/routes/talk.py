"""What an agent does with a talk: hold, mute, keys, transfer, consultation, conference; and calls taken by hand."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from acd.domain import commands as cmd
from acd.domain.agent import AgentState
from acd.domain.ids import CallId, QueueName, agent_id_of
from acd.domain.talk import Destination
from acd.service.audit import Deed
from acd.service.views import AgentView, agent_view
from acd.web import agents
from acd.web.endpoint import AGENTS, SUPERVISORS, Exchange, Input, NoBody, Parameter, endpoint
from acd.web.errors import ApiError
from acd.web.fields import Line, Login, Note, Why

_CONFLICT = {409: "The state of the agent, of the call or of the other one does not allow it"}
_UNKNOWN = {404: "There is no such agent, queue or call"}

Digits = Annotated[str, Meta(min_length=1, max_length=32, pattern=r"^[0-9*#A-D]*$(?!\n)")]
Number = Annotated[str, Meta(min_length=2, max_length=25, pattern=r"^\+?[0-9*#]*$(?!\n)")]
Name = Annotated[str, Meta(min_length=1, max_length=40, pattern=r"^[a-z][a-z0-9_-]*$(?!\n)")]
CallIdText = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9_.-]*$(?!\n)")]


class MuteInput(Input, frozen=True, kw_only=True):
    muted: bool


class DigitsInput(Input, frozen=True, kw_only=True):
    digits: Digits


class TransferInput(Input, frozen=True, kw_only=True):
    """Exactly one of `agent` (a login), `queue`, `flow` and `number`. `title` and `note` are for the next agent."""

    agent: Login | None = None
    queue: Name | None = None
    flow: Name | None = None
    number: Number | None = None
    title: Line = ""
    note: Note = ""


class ConsultInput(Input, frozen=True, kw_only=True):
    """`agent` (a login), or a `number`: an extension, or an outside one that the site allows."""

    agent: Login | None = None
    number: Number | None = None


class HandOverInput(Input, frozen=True, kw_only=True):
    title: Line = ""
    note: Note = ""


class PickUpInput(Input, frozen=True, kw_only=True):
    call_id: CallIdText


class TakeOverInput(Input, frozen=True, kw_only=True):
    """`agent`: whose phone gets the call; by default one's own. `why`: for the audit log."""

    agent: Login | None = None
    why: Why


class Colleague(msgspec.Struct, frozen=True, kw_only=True):
    login: str
    name: str
    extension: str
    state: str


class QueueTarget(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    label: str


class WaitingCall(msgspec.Struct, frozen=True, kw_only=True):
    call_id: str
    queue: str
    queue_label: str
    number: str
    names: list[str]
    queued_at: datetime | None


class Targets(msgspec.Struct, frozen=True, kw_only=True):
    """Where a call can go, and which waiting calls may be taken by hand."""

    agents: list[Colleague]
    queues: list[QueueTarget]
    flows: list[str]
    may_dial_outside: bool
    waiting: list[WaitingCall]


@endpoint(
    "GET",
    "/api/v1/agents/me/targets",
    summary="Whom a call can be sent to, and the calls that may be taken by hand",
    body=NoBody,
    answer=Targets,
    access=AGENTS,
    errors=_CONFLICT,
)
async def show_targets(exchange: Exchange[NoBody]) -> Targets:
    state = exchange.services.dispatcher.state
    here = [agent for agent in state.agents.values() if agent.state is not AgentState.LOGGED_OUT]
    return Targets(
        agents=[
            Colleague(
                login=agent.profile.login,
                name=agent.profile.name,
                extension=agent.profile.extension,
                state=agent.state,
            )
            for agent in sorted(here, key=lambda agent: agent.profile.name)
            if agent.agent_id != exchange.session.agent_id
        ],
        queues=[QueueTarget(name=name, label=policy.label) for name, policy in sorted(state.queues.items())],
        flows=sorted(exchange.services.flow_names()),
        may_dial_outside=bool(state.rules.outgoing.trunk and state.rules.outgoing.allow),
        waiting=list(_waiting(exchange)),
    )


def _waiting(exchange: Exchange[NoBody]) -> Iterator[WaitingCall]:
    state = exchange.services.dispatcher.state
    for call in state.calls.values():
        policy = state.queues.get(call.queue) if call.queue else None
        if policy is not None and policy.pick_up and state.pool.has_item(call.call_id):
            yield WaitingCall(
                call_id=call.call_id,
                queue=policy.name,
                queue_label=policy.label,
                number=call.caller.number,
                names=[contact.name for contact in call.caller.contacts],
                queued_at=call.queued_at,
            )


@endpoint(
    "POST",
    "/api/v1/agents/me/hold",
    summary="Music for the caller",
    body=NoBody,
    answer=AgentView,
    access=AGENTS,
    errors=_CONFLICT,
)
async def hold(exchange: Exchange[NoBody]) -> AgentView:
    return _ordered(exchange, cmd.HoldCall(agent_id=exchange.session.agent_id))


@endpoint(
    "POST",
    "/api/v1/agents/me/resume",
    summary="Back to the caller on hold",
    body=NoBody,
    answer=AgentView,
    access=AGENTS,
    errors=_CONFLICT,
)
async def resume(exchange: Exchange[NoBody]) -> AgentView:
    return _ordered(exchange, cmd.ResumeCall(agent_id=exchange.session.agent_id))


@endpoint(
    "POST",
    "/api/v1/agents/me/mute",
    summary="Let the caller hear nothing of the agent, or hear them again",
    body=MuteInput,
    answer=AgentView,
    access=AGENTS,
    errors=_CONFLICT,
)
async def mute(exchange: Exchange[MuteInput]) -> AgentView:
    return _ordered(exchange, cmd.MuteCall(agent_id=exchange.session.agent_id, is_muted=exchange.body.muted))


@endpoint(
    "POST",
    "/api/v1/agents/me/digits",
    summary="Send keys to whom the agent speaks with",
    body=DigitsInput,
    answer=AgentView,
    access=AGENTS,
    errors=_CONFLICT,
)
async def send_digits(exchange: Exchange[DigitsInput]) -> AgentView:
    return _ordered(exchange, cmd.SendDigits(agent_id=exchange.session.agent_id, digits=exchange.body.digits))


@endpoint(
    "POST",
    "/api/v1/agents/me/transfer",
    summary="Send the caller on: to an agent, a queue, a menu or an allowed outside number",
    body=TransferInput,
    answer=AgentView,
    access=AGENTS,
    errors={**_CONFLICT, **_UNKNOWN, 422: "Not one destination, or no such flow"},
)
async def transfer(exchange: Exchange[TransferInput]) -> AgentView:
    said = exchange.body
    if sum(target is not None for target in (said.agent, said.queue, said.flow, said.number)) != 1:
        raise ApiError(422, "transfer.one_destination", "Give one of `agent`, `queue`, `flow` and `number`.")
    if said.flow is not None and said.flow not in exchange.services.flow_names():
        raise ApiError(422, "transfer.flow_unknown", "There is no flow of this name that callers can be sent to.")
    to = Destination(
        agent_id=agent_id_of(said.agent) if said.agent is not None else None,
        queue=QueueName(said.queue) if said.queue is not None else None,
        flow=said.flow or "",
        number=said.number or "",
    )
    order = cmd.TransferCall(agent_id=exchange.session.agent_id, to=to, title=said.title, note=said.note)
    return _ordered(exchange, order)


@endpoint(
    "POST",
    "/api/v1/agents/me/consult",
    summary="Ask an agent or a number while the caller hears music",
    body=ConsultInput,
    answer=AgentView,
    access=AGENTS,
    errors={**_CONFLICT, **_UNKNOWN, 422: "Not one of `agent` and `number`"},
)
async def consult(exchange: Exchange[ConsultInput]) -> AgentView:
    said = exchange.body
    if (said.agent is None) == (said.number is None):
        raise ApiError(422, "consult.one_destination", "Give `agent` or `number`.")
    asked = agent_id_of(said.agent) if said.agent is not None else None
    order = cmd.ConsultAgent(agent_id=exchange.session.agent_id, to_agent=asked, number=said.number or "")
    return _ordered(exchange, order)


@endpoint(
    "POST",
    "/api/v1/agents/me/swap",
    summary="Speak with the other one of caller and consulted party",
    body=NoBody,
    answer=AgentView,
    access=AGENTS,
    errors=_CONFLICT,
)
async def swap(exchange: Exchange[NoBody]) -> AgentView:
    return _ordered(exchange, cmd.SwapCalls(agent_id=exchange.session.agent_id))


@endpoint(
    "POST",
    "/api/v1/agents/me/cancel-consult",
    summary="Let the consulted party go, back to the caller",
    body=NoBody,
    answer=AgentView,
    access=AGENTS,
    errors=_CONFLICT,
)
async def cancel_consult(exchange: Exchange[NoBody]) -> AgentView:
    return _ordered(exchange, cmd.CancelConsult(agent_id=exchange.session.agent_id))


@endpoint(
    "POST",
    "/api/v1/agents/me/complete-transfer",
    summary="Leave caller and consulted party together, also out of a conference",
    body=HandOverInput,
    answer=AgentView,
    access=AGENTS,
    errors=_CONFLICT,
)
async def complete_transfer(exchange: Exchange[HandOverInput]) -> AgentView:
    said = exchange.body
    order = cmd.CompleteTransfer(agent_id=exchange.session.agent_id, title=said.title, note=said.note)
    return _ordered(exchange, order)


@endpoint(
    "POST",
    "/api/v1/agents/me/conference",
    summary="Caller, agent and consulted party together",
    body=NoBody,
    answer=AgentView,
    access=AGENTS,
    errors=_CONFLICT,
)
async def start_conference(exchange: Exchange[NoBody]) -> AgentView:
    return _ordered(exchange, cmd.StartConference(agent_id=exchange.session.agent_id))


@endpoint(
    "POST",
    "/api/v1/agents/me/pick-up",
    summary="Take a waiting call by hand, where its queue permits",
    body=PickUpInput,
    answer=AgentView,
    access=AGENTS,
    errors={**_CONFLICT, **_UNKNOWN},
)
async def pick_up(exchange: Exchange[PickUpInput]) -> AgentView:
    order = cmd.PickUpCall(agent_id=exchange.session.agent_id, call_id=CallId(exchange.body.call_id))
    return _ordered(exchange, order)


@endpoint(
    "POST",
    "/api/v1/calls/{call_id}/take-over",
    summary="Move a talk to another agent's phone at once",
    body=TakeOverInput,
    answer=AgentView,
    access=SUPERVISORS,
    parameters=(Parameter("call_id", "path", "The call's id, as in /api/v1/calls", r"^[A-Za-z0-9_.-]{1,200}$"),),
    errors={**_CONFLICT, **_UNKNOWN},
)
async def take_over(exchange: Exchange[TakeOverInput]) -> AgentView:
    agent = exchange.body.agent
    taker = agent_id_of(agent) if agent is not None else exchange.session.agent_id
    call_id = CallId(exchange.request.match_info["call_id"])
    deed = Deed(
        who=exchange.session.user.login,
        action="call.take_over",
        subject=call_id,
        reason=exchange.body.why,
        details={"agent": taker},
    )
    await exchange.services.supervision.order(cmd.TakeOverCall(call_id=call_id, agent_id=taker), deed)
    state = exchange.services.dispatcher.state
    return agent_view(state.agent(taker), state.calls.get(call_id))


def _ordered(exchange: Exchange[object], command: cmd.Command) -> AgentView:
    """The state after the command: the answer and the feed say the same."""
    agents.be_logged_in(exchange.services, exchange.session)
    exchange.services.dispatcher.order(command)
    return agents.view_of(exchange.services, exchange.session)


ENDPOINTS = (
    show_targets,
    hold,
    resume,
    mute,
    send_digits,
    transfer,
    consult,
    swap,
    cancel_consult,
    complete_transfer,
    start_conference,
    pick_up,
    take_over,
)
