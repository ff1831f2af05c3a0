"""Events, and whole decisions, as bytes and back: JSON objects, the kind under `type`.

New fields get defaults and names stay: what an older version wrote is read by every later one. `VERSION` goes up only
when that cannot be held; a reader refuses a higher one than its own.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import cache
from typing import Union

import msgspec
from msgspec import Struct

from acd.domain.effects import CommitTicket, RecordInteraction
from acd.domain.events import Event

VERSION = 1

DeskWish = RecordInteraction | CommitTicket
"""Effects that are owed to the desk until it has taken them: the journal is their outbox."""


class Record(Struct, frozen=True, kw_only=True):
    """One decision: what happened, and what the desk was asked for because of it. All of it is kept, or nothing.

    `took`: so many wishes, the oldest first, have been carried out by the desk. Such a record has nothing else.
    """

    at: datetime
    events: tuple[Event, ...] = ()
    wishes: tuple[DeskWish, ...] = ()
    took: int = 0


def _kinds(kind: type[Event]) -> list[type[Event]]:
    return [each for child in kind.__subclasses__() for each in (child, *_kinds(child))]


@cache
def _event_decoder() -> Callable[[bytes | msgspec.Raw], Event]:
    """Made when first needed: by then every module that has events of its own has been read."""
    return msgspec.json.Decoder(Union[tuple(_kinds(Event))]).decode  # noqa: UP007  # a union made of a list


class _Stored(Struct):
    """A Record as it is read: its events one by one, by the decoder of all kinds."""

    at: datetime
    events: tuple[msgspec.Raw, ...] = ()
    wishes: tuple[DeskWish, ...] = ()
    took: int = 0


encode_event = msgspec.json.Encoder().encode
_decode_stored = msgspec.json.Decoder(_Stored).decode


def decode_event(line: bytes | msgspec.Raw) -> Event:
    """Raises msgspec.DecodeError for what is no event."""
    return _event_decoder()(line)


def encode_record(record: Record) -> bytes:
    return encode_event(record)


def decode_record(payload: bytes) -> Record:
    """Raises msgspec.DecodeError for what is no record, or holds what this version does not know."""
    stored = _decode_stored(payload)
    events = tuple(decode_event(event) for event in stored.events)
    return Record(at=stored.at, events=events, wishes=stored.wishes, took=stored.took)


decode_wishes: Callable[[bytes | msgspec.Raw], list[DeskWish]] = msgspec.json.Decoder(list[DeskWish]).decode
