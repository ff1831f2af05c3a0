"""Steps in which callers do something without an agent, and what the shell reports of them.

Step            the shell performs it, then reports
FindIncident    IncidentFound
AttachCaller    CallerAttached
KeepAnswer      AnswerKept
RecordVoice     VoiceRecorded
OpenRequest     RequestOpened
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TypeAlias

import msgspec


class FindIncident(msgspec.Struct, frozen=True, tag=True):
    """Look for an active major incident that concerns the caller, or one of `services`."""

    services: tuple[str, ...] = ()


class IncidentFound(msgspec.Struct, frozen=True, tag=True):
    """No `incident_id`: there is none. `sentences` by language, `expected` as ISO 8601 with an offset. `can_be_told`:
    there is a number to ring them back at."""

    incident_id: str = ""
    title: str = ""
    sentences: Mapping[str, str] = {}
    expected: str = ""
    can_be_told: bool = False


class AttachCaller(msgspec.Struct, frozen=True, tag=True):
    """Note that the caller wants to be told when this incident is over."""

    incident_id: str


class CallerAttached(msgspec.Struct, frozen=True, tag=True):
    ok: bool


class KeepAnswer(msgspec.Struct, frozen=True, tag=True):
    """Keep what the caller says of the talk, without waiting for it to be written. `measure`: csat (1 to 5), nps (0 to
    10), resolved (yes or no)."""

    measure: str
    value: str


class AnswerKept(msgspec.Struct, frozen=True, tag=True):
    """It is on its way."""


class RecordVoice(msgspec.Struct, frozen=True, tag=True):
    """Record what the caller says until a key, `silence` or `limit`, and keep it under `name`."""

    name: str
    limit: timedelta
    silence: timedelta


class VoiceRecorded(msgspec.Struct, frozen=True, tag=True):
    """Not ok: nothing was said, or it could not be recorded."""

    ok: bool


class OpenRequest(msgspec.Struct, frozen=True, tag=True):
    """Open a ticket for this item of the catalogue; `attributes`: all that the menu knows. `proof`: how the caller has
    shown who they are."""

    item: str
    attributes: Mapping[str, str]
    proof: str


class RequestOpened(msgspec.Struct, frozen=True, tag=True):
    """Not ok: it could not be opened."""

    ok: bool
    ticket: str = ""


SelfService: TypeAlias = FindIncident | AttachCaller | KeepAnswer | RecordVoice | OpenRequest
SelfServiceReport: TypeAlias = IncidentFound | CallerAttached | AnswerKept | VoiceRecorded | RequestOpened
