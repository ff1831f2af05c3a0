"""Typed ids. All of them are given from outside or derived: the engine makes up nothing."""

from __future__ import annotations

from typing import NewType

CallId = NewType("CallId", str)  # "call_" + the Linkedid of the caller's channel
AgentId = NewType("AgentId", str)  # "agent_" + the login
QueueName = NewType("QueueName", str)
RecordingId = NewType("RecordingId", str)  # "rec_" + linkedid + "_" + number within the call
ReservationId = NewType("ReservationId", str)  # "rsv_" + linkedid + "_" + attempt

ATTEMPT = "~"  # no channel that Asterisk names by itself has one in its id


def call_id_of(linkedid: str) -> CallId:
    """One call per Linkedid: the same id comes out in any process, so a call that comes back is recognised.

    Channels that are rung on behalf of a call that has none of its own carry its linkedid and the attempt.
    """
    return CallId(f"call_{linkedid.partition(ATTEMPT)[0]}")


def attempt_channel(linkedid: str, attempt: int) -> str:
    """Id (and Linkedid) of the channel on which this attempt of a callback or an outgoing call rings the agent."""
    return f"{linkedid}{ATTEMPT}{attempt}"


def attempt_of(reservation_id: ReservationId) -> int:
    return int(reservation_id.rpartition("_")[2])


def is_attempt(linkedid: str) -> bool:
    return ATTEMPT in linkedid


def linkedid_of(call_id: CallId) -> str:
    return call_id.removeprefix("call_")


def agent_id_of(login: str) -> AgentId:
    return AgentId(f"agent_{login}")


def reservation_id_of(call_id: CallId, attempt: int) -> ReservationId:
    return ReservationId(f"rsv_{call_id.removeprefix('call_')}_{attempt}")


def recording_id_of(call_id: CallId, number: int) -> RecordingId:
    return RecordingId(f"rec_{call_id.removeprefix('call_')}_{number}")
