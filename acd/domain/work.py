"""Kinds of work besides a caller's visit: callbacks, calls that agents place, messages left for a queue.

All of them are Calls, with a reservation, a talk (for a message: the time it takes to deal with it) and a wrap-up. What
sets them apart is that no caller's channel waits: the agent's phone is rung first, or none at all.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct

from acd.domain.outgoing import FarEnd


class CallKind(StrEnum):
    INBOUND = "inbound"
    CALLBACK = "callback"
    OUTBOUND = "outbound"  # placed by an agent
    VOICEMAIL = "voicemail"


def kind_of(call_id: str) -> CallKind:
    """The kind that an id tells: Asterisk's own begin with a number, or a name and a hyphen."""
    return _BY_PREFIX.get(call_id.removeprefix("call_").partition(".")[0], CallKind.INBOUND)


PREFIXES = {CallKind.CALLBACK: "callback", CallKind.OUTBOUND: "outgoing", CallKind.VOICEMAIL: "voicemail"}
_BY_PREFIX = {prefix: kind for kind, prefix in PREFIXES.items()}


def linkedid_of(kind: CallKind, rest: str) -> str:
    return f"{PREFIXES[kind]}.{rest}"


class FarEndCause(StrEnum):
    """Why somebody who was called did not speak to the agent."""

    BUSY = "busy"
    NO_ANSWER = "no_answer"
    MACHINE = "machine"
    FAILED = "failed"


class Plan(Struct, frozen=True, kw_only=True):
    """Whom to call, and how that has gone so far. `keys`: numbers by which whoever asked for it is known again."""

    far: FarEnd
    keys: tuple[str, ...] = ()
    requested_at: datetime | None = None
    due_at: datetime | None = None  # not before: a booked time, or the next try
    tries: int = 0


class Message(Struct, frozen=True, kw_only=True):
    """A recording in the voicemail folder. `name`: its file without the folder."""

    name: str
    length: timedelta
    sha256: str


class CallbackPolicy(Struct, frozen=True, kw_only=True):
    """Of one queue. `key`: offered while music plays, by walking `flow`."""

    tries: int = 3
    interval: timedelta = timedelta(minutes=5)
    ring_time: timedelta = timedelta(seconds=30)
    most: int = 100  # that may stand in the queue
    detect_machines: bool = False
    key: str = ""
    flow: str = ""


class AnnouncePolicy(Struct, frozen=True, kw_only=True):
    """`flow` is walked while the caller waits, which ends at once when an agent is found."""

    flow: str
    first_after: timedelta
    every: timedelta


class LeftPlace(Struct, frozen=True, kw_only=True):
    """The place of a caller who was lost, kept for one who rings back."""

    place_at: datetime
    until: datetime


def place_key(queue: str, number_key: str) -> str:
    return f"{queue} {number_key}"
