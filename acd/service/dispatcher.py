"""The single writer: every command passes here, one at a time, and the engine decides on it.

`submit` runs the command at once when nothing else is being decided, in the caller's own stack: no task switch stands
between an agent's hang-up and the next ring. A command given while another is being decided (by a listener or an
effect) waits its turn. There are no locks because there is only this one place.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import structlog

from acd.domain.commands import Command
from acd.domain.effects import Effect
from acd.domain.engine import Engine
from acd.domain.errors import DomainError
from acd.domain.events import Event
from acd.domain.state import State
from acd.domain.turn import Decision
from acd.service.ports import Clock

log = structlog.get_logger(__name__)

E = TypeVar("E", bound=Effect)
Listener = Callable[[Sequence[Event]], None]
Keeper = Callable[[Sequence[Event], Sequence[Effect]], None]


class Dispatcher:
    """Listeners hear the events of each command in order, before any of its effects is carried out."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self._effect_handlers: dict[type[Effect], Callable[[Any], None]] = {}
        self._listeners: list[Listener] = []
        self._keeper: Keeper | None = None
        self._inbox: deque[Command] = deque()
        self._is_deciding = False

    @property
    def state(self) -> State:
        """To be read, never changed."""
        return self._engine.state

    def keep_in(self, keeper: Keeper) -> None:
        """Each decision goes there whole, before anybody hears of it: a journal."""
        self._keeper = keeper

    def add_listener(self, listener: Listener) -> None:
        self._listeners.append(listener)

    def carry_out(self, effect_type: type[E], handler: Callable[[E], None]) -> None:
        """Effects of this type go to this handler, which starts what takes time and returns."""
        self._effect_handlers[effect_type] = handler

    def order(self, command: Command) -> None:
        """A person's command: raises DomainError when the state does not allow it.

        Must not be called by listeners or effects.
        """
        assert not self._is_deciding, "order() came from inside a decision"  # noqa: S101  # a programming error
        self._is_deciding = True
        try:
            self._decide(command)
        finally:
            self._is_deciding = False
        self._drain()

    def submit(self, command: Command) -> None:
        """A report from the world: never raises; what the engine refuses is logged."""
        self._inbox.append(command)
        self._drain()

    def _drain(self) -> None:
        if self._is_deciding:
            return
        self._is_deciding = True
        try:
            while self._inbox:
                command = self._inbox.popleft()
                try:
                    self._decide(command)
                except DomainError as error:
                    log.warning("command_refused", command=type(command).__name__, error_id=error.error_id)
                except Exception:
                    log.exception("command_failed", command=type(command).__name__)
        finally:
            self._is_deciding = False

    def _decide(self, command: Command) -> None:
        decision = self._engine.handle(command, self._clock.now())
        if self._keeper is not None:
            self._keep(self._keeper, decision)
        if decision.events:
            for listener in self._listeners:
                self._tell(listener, decision.events)
        for effect in decision.effects:
            try:
                self._effect_handlers[type(effect)](effect)
            except Exception:
                log.exception("effect_failed", effect=type(effect).__name__)

    @staticmethod
    def _keep(keeper: Keeper, decision: Decision) -> None:
        try:
            keeper(decision.events, decision.effects)
        except Exception:
            log.exception("decision_not_kept")  # calls are routed all the same

    def _tell(self, listener: Listener, events: Sequence[Event]) -> None:
        try:
            listener(events)
        except Exception:
            # A screen or a statistic must not keep a call from its agent.
            log.exception("listener_failed", listener=getattr(listener, "__qualname__", repr(listener)))
