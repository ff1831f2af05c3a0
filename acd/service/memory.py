"""What a service knows of calls and people, to be written down and known again after a restart.

The engine's state and everything that is folded from events (statistics, figures of menus...) is a `Fold`: it can give
a picture of itself and become what a picture says. Whatever keeps something over a restart is one, and is added in
`acd.bootstrap.build_core`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

from acd.domain.engine import Engine
from acd.domain.events import Event
from acd.domain.journal_format import DeskWish, Record
from acd.domain.picture import pieces_of, restore

_encode = msgspec.json.Encoder().encode


class Fold(Protocol):
    """Something made of events. Pictures of older versions must be understood: new fields have defaults."""

    def hear(self, events: Sequence[Event], /) -> None: ...

    def picture(self) -> Iterator[Any]:
        """Itself in pieces that msgspec can encode. Called at once, encoded later and elsewhere: what is given must not
        change any more."""

    def restore(self, pieces: Sequence[msgspec.Raw], /) -> None:
        """Become what these pieces, in their order, say. Raises msgspec.DecodeError."""


class StateFold:
    """The engine's state as a fold."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def hear(self, events: Sequence[Event]) -> None:
        self._engine.replay(events)

    def picture(self) -> Iterator[Any]:
        return pieces_of(self._engine.state)

    def restore(self, pieces: Sequence[msgspec.Raw]) -> None:
        restore(self._engine.state, pieces)


class Part(msgspec.Struct, frozen=True):
    """One piece of a picture: of the fold named `part`."""

    part: str
    data: msgspec.Raw = msgspec.Raw(b"null")


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What a journal gives back at the start of a service."""

    parts: Sequence[Part] = ()  # the latest picture, if there is one
    records: Sequence[Record] = ()  # what happened after it
    owed: Sequence[DeskWish] = ()  # what the desk has not taken, oldest first
    trouble: str = ""  # why it may not be all there is to know

    @property
    def is_empty(self) -> bool:
        return not self.parts and not self.records


NO_PAST = Past()


@dataclass(slots=True)
class Memory:
    """All folds of a service, by name."""

    folds: dict[str, Fold] = field(default_factory=dict)

    def picture(self) -> Iterator[bytes]:
        """Taken now; encoded as it is asked for, in pieces."""
        pieces = [(name, tuple(fold.picture())) for name, fold in self.folds.items()]
        return (_encode(Part(name, msgspec.Raw(_encode(piece)))) for name, all_of in pieces for piece in all_of)

    def recall(self, past: Past) -> None:
        """Raises msgspec.DecodeError."""
        known: Mapping[str, list[msgspec.Raw]] = {name: [] for name in self.folds}
        for part in past.parts:
            if part.part in known:
                known[part.part].append(part.data)
        for name, pieces in known.items():
            if pieces:
                self.folds[name].restore(pieces)
        for record in past.records:
            for fold in self.folds.values():
                fold.hear(record.events)
