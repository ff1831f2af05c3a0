"""What screens are shown: JSON shapes of the WebSocket frames and of /api/v1. Field names are part of the API."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct

from acd.domain.agent import Agent
from acd.domain.call import Call, IvrStep
from acd.domain.caller import CallerContext, ContactCard
from acd.domain.ids import AgentId
from acd.domain.metrics import QueueFigures, average_handle_time, average_speed_of_answer, service_level
from acd.domain.people import WrapUpPolicy
from acd.domain.queue import Door, QueuePolicy, RecordingMode
from acd.domain.talk import Handover


class AgentView(Struct, frozen=True, kw_only=True):
    agent_id: str
    login: str
    name: str
    extension: str
    skills: dict[str, int]
    prefers: tuple[str, ...]  # queues
    allocation: dict[str, int]  # percent of calls, by queue
    state: str
    since: datetime | None
    reason: str
    call_id: str | None
    queue: str | None
    wrap_up_until: datetime | None
    after_call: str | None  # "not_ready" or "logged_out", chosen during the call
    phone_trouble: str  # "", phone_unregistered or do_not_disturb
    limits_passed: tuple[str, ...]  # of the reason: "occurrence", "shift"
    ticket: str  # being worked on after its call


class CallView(Struct, frozen=True, kw_only=True):
    """The screen-pop: everything an agent should know before saying hello. Also the state of the call at hand."""

    call_id: str
    reservation_id: str | None
    stage: str
    queue: str | None
    queue_label: str
    language: str
    called_number: str
    number: str
    e164: str | None
    number_kind: str
    caller_name: str  # as presented by the network
    certainty: str
    contacts: tuple[ContactCard, ...]
    context: CallerContext
    ivr_path: tuple[IvrStep, ...]
    ticket: TicketDraftView
    started_at: datetime
    queued_at: datetime | None
    offered_at: datetime | None
    answered_at: datetime | None
    talk_ended_at: datetime | None
    wait_seconds: float | None
    attempt: int
    reasons: tuple[str, ...]  # why this agent got this call
    kind: str  # inbound, callback, outbound, voicemail
    dialled_at: datetime | None  # of callbacks and outgoing calls: the agent is on the line, the number rings
    tries: int  # of a callback, so far in vain
    due_at: datetime | None  # not before
    message_seconds: float | None  # of a voicemail
    talk_mode: str  # talking, held, consulting, conference
    held_by: str  # screen or phone, while held
    mode_since: datetime | None
    is_muted: bool
    agent_id: str | None  # whose call it is: not the one who is only consulted
    agent_name: str
    consult: ConsultView | None
    handovers: tuple[Handover, ...]  # who had the call before, and what they wrote
    recording: RecordingControlView
    offer_mode: str  # ring, accept (on the screen, then the phone rings) or auto_answer
    offer_accepted_at: datetime | None
    wrap_up: WrapUpView


class ConsultView(Struct, frozen=True, kw_only=True):
    number: str
    name: str  # of an agent
    agent_id: str | None
    stage: str  # ringing, talking, parked
    started_at: datetime


class RecordingControlView(Struct, frozen=True, kw_only=True):
    """`state`: off (nothing is recorded), on, paused. `can_start`, `can_stop`: what the queue leaves to the agent."""

    state: str
    can_start: bool
    can_stop: bool


class CodeView(Struct, frozen=True, kw_only=True):
    code: str
    label: str


class WrapUpView(Struct, frozen=True, kw_only=True):
    """What the queue wants to know at the end. `codes` empty: any code may be given."""

    codes: tuple[CodeView, ...]
    is_code_required: bool
    extension_seconds: float
    most_extension_seconds: float


class TicketDraftView(Struct, frozen=True, kw_only=True):
    """What the wrap-up will commit: a link when `number` is set, else a new ticket with this title."""

    number: str | None
    title: str


class QueueView(Struct, frozen=True, kw_only=True):
    name: str
    label: str
    waiting: int
    longest_wait_seconds: float | None
    longest_waiting_since: datetime | None
    offered: int
    answered: int
    abandoned: int
    short_abandoned: int
    overflowed: int  # not let in, or sent on by a routing step
    failed: int
    moved: int
    no_answers: int
    service_level: float | None
    service_level_seconds: float
    average_speed_of_answer_seconds: float | None
    average_handle_time_seconds: float | None
    door: str  # "closed" or "open" by hand, "" when the calendar rules


def agent_view(agent: Agent, call: Call | None) -> AgentView:
    return AgentView(
        agent_id=agent.agent_id,
        login=agent.profile.login,
        name=agent.profile.name,
        extension=agent.profile.extension,
        skills=dict(agent.profile.skills),
        prefers=agent.profile.taste.preferences if agent.profile.taste else (),
        allocation=dict(agent.profile.taste.allocation) if agent.profile.taste else {},
        state=agent.state,
        since=agent.since,
        reason=agent.reason,
        call_id=agent.call_id,
        queue=call.queue if call else None,
        wrap_up_until=agent.wrap_up_until,
        after_call=agent.after_call.state if agent.after_call else None,
        phone_trouble=agent.phone_trouble,
        limits_passed=agent.limits_passed,
        ticket=agent.ticket,
    )


def call_view(call: Call, policy: QueuePolicy | None, agents: Mapping[AgentId, Agent] | None = None) -> CallView:
    """`agents`: to name people by."""
    leader = (agents or {}).get(call.agent_id) if call.agent_id else None
    until = call.answered_at or call.offered_at
    label = policy.label if policy else ""
    return CallView(
        call_id=call.call_id,
        reservation_id=call.reservation_id,
        stage=call.stage,
        queue=call.queue,
        queue_label=label,
        language=call.language,
        called_number=call.called_number,
        number=call.caller.number,
        e164=call.caller.e164,
        number_kind=call.caller.number_kind,
        caller_name=call.caller.name,
        certainty=call.caller.certainty,
        contacts=call.caller.contacts,
        context=call.context,
        ivr_path=call.ivr_path,
        ticket=draft_view(call, label),
        started_at=call.started_at,
        queued_at=call.queued_at,
        offered_at=call.offered_at,
        answered_at=call.answered_at,
        talk_ended_at=call.talk_ended_at,
        wait_seconds=(until - call.queued_at).total_seconds() if until and call.queued_at else None,
        attempt=call.attempts,
        reasons=call.reasons,
        kind=call.kind,
        dialled_at=call.dialled_at,
        tries=call.plan.tries if call.plan else 0,
        due_at=call.plan.due_at if call.plan else None,
        message_seconds=call.message.length.total_seconds() if call.message else None,
        talk_mode=call.talk_mode,
        held_by=call.held_by,
        mode_since=call.mode_since,
        is_muted=call.is_muted,
        agent_id=call.agent_id,
        agent_name=leader.profile.name if leader else "",
        consult=_consult_view(call, agents or {}),
        handovers=call.handovers,
        recording=recording_view(call, policy),
        offer_mode=call.offer_mode,
        offer_accepted_at=call.offer_accepted_at,
        wrap_up=wrap_up_view(policy.wrap_up if policy else WrapUpPolicy()),
    )


def _consult_view(call: Call, agents: Mapping[AgentId, Agent]) -> ConsultView | None:
    if call.consult is None:
        return None
    asked = agents.get(call.consult.agent_id) if call.consult.agent_id else None
    return ConsultView(
        number=call.consult.to.number,
        name=asked.profile.name if asked else "",
        agent_id=call.consult.agent_id,
        stage=call.consult.stage,
        started_at=call.consult.started_at,
    )


def recording_view(call: Call, policy: QueuePolicy | None) -> RecordingControlView:
    running = call.recording
    is_allowed = policy is not None and policy.recording.mode is not RecordingMode.OFF
    return RecordingControlView(
        state="off" if running is None else "paused" if running.is_paused else "on",
        can_start=is_allowed and running is None,
        can_stop=running is not None and running.mode is RecordingMode.ON_DEMAND,
    )


def wrap_up_view(wrap_up: WrapUpPolicy) -> WrapUpView:
    return WrapUpView(
        codes=tuple(CodeView(code=each.code, label=each.label) for each in wrap_up.codes),
        is_code_required=wrap_up.is_code_required,
        extension_seconds=wrap_up.extension_time.total_seconds(),
        most_extension_seconds=wrap_up.most_extension_time.total_seconds(),
    )


def draft_view(call: Call, queue_label: str) -> TicketDraftView:
    linked = call.context.linked_ticket
    before = call.handovers[-1] if call.handovers else None
    if call.ticket_number is not None:
        return TicketDraftView(number=call.ticket_number, title=before.title if before else "")
    if linked is not None:
        return TicketDraftView(number=linked.number, title=linked.title)
    title = (before.title if before else "") or draft_title(call, queue_label)
    return TicketDraftView(number=None, title=title)


def draft_title(call: Call, queue_label: str) -> str:
    who = call.caller.contacts[0].name if len(call.caller.contacts) == 1 else call.caller.number or "unknown caller"
    return f"{queue_label or 'Call'}: {who}"


def queue_view(
    policy: QueuePolicy, figures: QueueFigures, waiting: list[Call], now: datetime, door: Door | None = None
) -> QueueView:
    """`waiting`: the calls of this queue that are waiting or reserved."""
    oldest = min((call.queued_at for call in waiting if call.queued_at), default=None)
    return QueueView(
        name=policy.name,
        label=policy.label,
        waiting=len(waiting),
        longest_wait_seconds=(now - oldest).total_seconds() if oldest else None,
        longest_waiting_since=oldest,
        offered=figures.offered,
        answered=figures.answered,
        abandoned=figures.abandoned,
        short_abandoned=figures.short_abandoned,
        overflowed=figures.overflowed,
        failed=figures.failed,
        moved=figures.moved,
        no_answers=figures.no_answers,
        service_level=service_level(figures),
        service_level_seconds=policy.service_level_time.total_seconds(),
        average_speed_of_answer_seconds=average_speed_of_answer(figures),
        average_handle_time_seconds=average_handle_time(figures),
        door="" if door is None else "open" if door.is_open else "closed",
    )
