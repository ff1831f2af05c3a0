"""Something to be told outside, in order, one after the other, without anybody here waiting for it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from datetime import timedelta
from typing import Generic, TypeVar

import structlog

from acd.service.ports import TelephonyError

log = structlog.get_logger(__name__)

T = TypeVar("T")

MOST_PENDING = 20_000
RETRY = timedelta(seconds=1)


class Relay(Generic[T]):
    """`put` returns at once. `send` raises TelephonyError when it is to be tried again: what follows waits behind it.
    Beyond `most` the oldest is dropped, counted and told of."""

    def __init__(
        self, name: str, send: Callable[[T], Awaitable[None]], *, most: int = MOST_PENDING, retry: timedelta = RETRY
    ) -> None:
        self._name = name
        self._send = send
        self._pending: deque[T] = deque()
        self._most = most
        self._retry = retry
        self._wake = asyncio.Event()
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._pending)

    def put(self, items: Iterable[T]) -> None:
        self._pending.extend(items)
        dropped = max(0, len(self._pending) - self._most)
        for _ in range(dropped):
            self._pending.popleft()
        if dropped:
            self.dropped += dropped
            log.error("relay_dropped", relay=self._name, dropped=dropped, in_all=self.dropped)
        if self._pending:
            self._wake.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            is_down = False
            while self._pending:
                item = self._pending[0]
                try:
                    await self._send(item)
                except TelephonyError as error:
                    if not is_down:
                        log.warning("relay_waits", relay=self._name, pending=len(self._pending), error=str(error))
                    is_down = True
                    await asyncio.sleep(self._retry.total_seconds())
                    continue
                except Exception:
                    # One that can never be sent must not keep all the others back.
                    self.dropped += 1
                    log.exception("relay_refused", relay=self._name, in_all=self.dropped)
                is_down = False
                if self._pending and self._pending[0] is item:  # it may have been dropped meanwhile
                    self._pending.popleft()
