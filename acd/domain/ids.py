"""Typed ids. All of them are given from outside or derived: the engine makes up nothing."""

from __future__ import annotations

from typing import NewType

CallId = NewType("CallId", str)  # "call_" + the Linkedid of the caller's channel
AgentId = NewType("AgentId", str)  # "agent_" + the login
QueueName = NewType("QueueName", str)
RecordingId = NewType("RecordingId", str)  # "rec_" + linkedid + "_" + number within the call
ReservationId = NewType("ReservationId", str)  # "rsv_" + linkedid + "_" + attempt


def call_id_of(linkedid: str) -> CallId:
    """One call per Linkedid: the same id comes out in any process, so a call that comes back is recognised."""
    return CallId(f"call_{linkedid}")


def linkedid_of(call_id: CallId) -> str:
    return call_id.removeprefix("call_")


def agent_id_of(login: str) -> AgentId:
    return AgentId(f"agent_{login}")


def reservation_id_of(call_id: CallId, attempt: int) -> ReservationId:
    return ReservationId(f"rsv_{call_id.removeprefix('call_')}_{attempt}")


def recording_id_of(call_id: CallId, number: int) -> RecordingId:
    return RecordingId(f"rec_{call_id.removeprefix('call_')}_{number}")
