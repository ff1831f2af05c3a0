"""Events as other programs are told them: few, stable words of their own, so that ours may change.

`call.*` goes by a call's way, `agent.*` by what agents are, `recording.*` by recordings. Each has the same id whoever
asks and however often: a receiver that has seen an id has seen the event.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from hashlib import blake2b
from typing import Any

from msgspec import Struct

from acd.domain import events as ev
from acd.domain.journal_format import encode_event


class OutsideEvent(Struct, frozen=True, kw_only=True):
    """`data`: plain values. `personal`: of these, what tells who calls."""

    event_id: str
    type: str
    at: datetime
    data: dict[str, Any]
    personal: dict[str, Any]

    def told(self, *, with_personal: bool) -> dict[str, Any]:
        data = self.data | self.personal if with_personal else self.data
        return {"id": self.event_id, "type": self.type, "at": self.at, "data": data}


_Parts = tuple[str, tuple[str, ...]]  # type, and the event's fields that are told

_TOLD: Mapping[type[ev.Event], _Parts] = {
    ev.CallStarted: ("call.started", ("called_number", "language", "started_at")),
    ev.CallQueued: ("call.queued", ("queue", "priority", "queued_at")),
    ev.CallOverflowed: ("call.overflowed", ("queue", "cause", "to_queue")),
    ev.CallReserved: ("call.offered", ("queue", "agent_id", "attempt")),
    ev.ReservationRejected: ("call.not_answered", ("queue", "agent_id", "reason")),
    ev.ReservationTimedOut: ("call.not_answered", ("queue", "agent_id")),
    ev.ReservationRescinded: ("call.not_answered", ("queue", "agent_id", "cause")),
    ev.ReservationAccepted: ("call.answered", ("queue", "agent_id", "wait_seconds")),
    ev.TalkHeld: ("call.held", ("queue", "agent_id", "by")),
    ev.TalkResumed: ("call.resumed", ("queue", "agent_id", "cause")),
    ev.ConsultStarted: ("call.consult_started", ("queue", "agent_id")),
    ev.ConsultEnded: ("call.consult_ended", ("queue", "agent_id", "cause")),
    ev.ConferenceStarted: ("call.conference_started", ("queue", "agent_id")),
    ev.CallTransferred: ("call.transferred", ("queue", "agent_id", "to_agent")),
    ev.TalkEnded: ("call.talk_ended", ("queue", "agent_id", "talk_seconds")),
    ev.CallEnded: ("call.ended", ("queue", "wait_seconds")),
    ev.WrapUpEnded: ("call.wrap_up_ended", ("queue", "agent_id", "wrap_up_seconds", "by_agent")),
    ev.TicketCommitted: ("call.ticket", ("agent_id", "ticket_number", "to_qualify")),
    ev.RecordingStarted: ("recording.started", ("recording_id", "queue", "agent_id", "mode")),
    ev.RecordingPaused: ("recording.paused", ("recording_id", "agent_id")),
    ev.RecordingResumed: ("recording.resumed", ("recording_id", "agent_id")),
    ev.RecordingStopped: ("recording.stopped", ("recording_id", "agent_id", "cause")),
    ev.RecordingFailed: ("recording.failed", ("recording_id", "queue", "agent_id", "cause")),
    ev.AgentLoggedIn: ("agent.logged_in", ("agent_id",)),
    ev.AgentLoggedOut: ("agent.logged_out", ("agent_id",)),
    ev.AgentBecameReady: ("agent.ready", ("agent_id",)),
    ev.AgentBecameNotReady: ("agent.not_ready", ("agent_id", "reason")),
    ev.WrapUpStarted: ("agent.wrap_up", ("agent_id", "until")),
}

_MORE: Mapping[type[ev.Event], Callable[[Any], dict[str, Any]]] = {
    ev.CallEnded: lambda event: {"result": event.termination.result, "reason": event.termination.reason},
    ev.CallTransferred: lambda event: {"to": event.handover.to},
}

_PERSONAL: Mapping[type[ev.Event], Callable[[Any], dict[str, Any]]] = {
    ev.CallStarted: lambda event: {"number": event.caller.number, "e164": event.caller.e164, "name": event.caller.name},
}

TYPES = tuple(sorted({told for told, _ in _TOLD.values()}))


def outside_event(event: ev.Event) -> OutsideEvent | None:
    """None for what is nobody's business outside."""
    parts = _TOLD.get(type(event))
    if parts is None:
        return None
    kind, fields = parts
    call_id = getattr(event, "call_id", None)
    data: dict[str, Any] = {} if call_id is None else {"call_id": call_id}
    data |= {name: getattr(event, name) for name in fields}
    if (more := _MORE.get(type(event))) is not None:
        data |= more(event)
    personal = _PERSONAL.get(type(event))
    return OutsideEvent(
        event_id=f"evt_{blake2b(encode_event(event), digest_size=16).hexdigest()}",
        type=kind,
        at=event.at,
        data=data,
        personal=personal(event) if personal else {},
    )


def is_wanted(kind: str, patterns: tuple[str, ...]) -> bool:
    """`*`, `call.*`, `call.ended`."""
    area = kind.partition(".")[0]
    return any(pattern in ("*", f"{area}.*", kind) for pattern in patterns)
