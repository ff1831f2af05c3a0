"""One command's turn at the state: events are applied as they happen, effects are collected."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

from acd.domain.effects import Effect
from acd.domain.events import Event, QueuesConfigured
from acd.domain.state import State


class Decision(NamedTuple):
    events: tuple[Event, ...]
    effects: tuple[Effect, ...]


class Turn:
    __slots__ = ("_effects", "_events", "now", "state")

    def __init__(self, state: State, now: datetime) -> None:
        self.state = state
        self.now = now
        self._events: list[Event] = []
        self._effects: list[Effect] = []

    def happened(self, event: Event) -> None:
        self.state.apply(event)
        self._events.append(event)

    def wish(self, effect: Effect) -> None:
        self._effects.append(effect)

    @property
    def events(self) -> tuple[Event, ...]:
        """What has happened so far."""
        return tuple(self._events)

    def concerns(self, queue: str) -> bool:
        """Whether anything has happened so far that names this queue, or may have changed its rules."""
        return any(
            isinstance(event, QueuesConfigured) or getattr(event, "queue", None) == queue for event in self._events
        )

    def decision(self) -> Decision:
        return Decision(tuple(self._events), tuple(self._effects))


Rule = Callable[[Turn, Any], None]  # what one kind of command does
