"""What a service knows of calls and people, to be written down and known again after a restart.

The engine's state and everything that is folded from events (statistics, figures of menus...) is a `Fold`: it can give
a picture of itself and become what a picture says. Whatever keeps something over a restart is one, and is added in
`acd.core.build_core`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
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


class Memory:
    """All folds of a service, by name."""

    def __init__(self) -> None:
        self._folds: dict[str, Fold] = {}
        self._past = NO_PAST

    def join(self, name: str, fold: Fold) -> None:
        """From now on it is in every picture. It is new and empty: what was known of it before is known again at once.
        Raises msgspec.DecodeError."""
        self._folds[name] = fold
        self._recall(name, fold)

    def recall(self, past: Past) -> None:
        """Give all folds their past, those also who join later. Raises msgspec.DecodeError."""
        self._past = past
        for name, fold in self._folds.items():
            self._recall(name, fold)

    def _recall(self, name: str, fold: Fold) -> None:
        if pieces := [part.data for part in self._past.parts if part.part == name]:
            fold.restore(pieces)
        for record in self._past.records:
            fold.hear(record.events)

    def picture(self) -> Iterator[bytes]:
        """Taken now; encoded as it is asked for, in pieces."""
        self._past = NO_PAST  # whoever has not joined by the first picture never will
        pieces = [(name, tuple(fold.picture())) for name, fold in self._folds.items()]
        return (_encode(Part(name, msgspec.Raw(_encode(piece)))) for name, all_of in pieces for piece in all_of)
