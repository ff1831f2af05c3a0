"""Two journals behind one port: a bounded memory in this process, and a Redis stream others can follow."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog
from msgspec import DecodeError
from redis.asyncio import Redis
from redis.exceptions import RedisError

from acd.adapters.bus.frames import JournalError
from acd.domain.events import Event
from acd.domain.journal_format import DeskWish, decode_event, encode_event
from acd.service.ports import Journal
from acd.service.tasks import BackgroundTasks

if TYPE_CHECKING:
    from typing import Any

log = structlog.get_logger(__name__)

KEPT_EVENTS = 100_000
STREAM = "guichet:events"
BATCH = 500
RETRY = timedelta(seconds=1)


class MemoryJournal(Journal):
    """The latest `kept` events of this process."""

    def __init__(self, kept: int = KEPT_EVENTS) -> None:
        self._events: deque[Event] = deque(maxlen=kept)
        self._count = 0

    def append(self, events: Sequence[Event], wishes: Sequence[DeskWish] = ()) -> None:
        self._events.extend(events)
        self._count += len(events)

    async def read(self, after: str = "", limit: int = 1000) -> list[tuple[str, Event]]:
        first = self._count - len(self._events)
        start = max(0, int(after) - first + 1) if after else 0
        chosen = list(self._events)[start : start + limit]
        return [(str(first + start + number), event) for number, event in enumerate(chosen)]

    async def flush(self) -> None:
        return


class RedisJournal(Journal):
    """Events on the stream `guichet:events`, about the last `kept` of them, written in batches by `run`.

    While Redis is away events wait here, up to `kept`; beyond it the oldest are dropped and that is counted and said.
    """

    def __init__(self, redis: Redis, *, stream: str = STREAM, kept: int = KEPT_EVENTS) -> None:
        self._redis: Any = redis
        self._stream = stream
        self._kept = kept
        self._outbox: deque[bytes] = deque()
        self._wake = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()
        self.dropped = 0
        self.trouble: str | None = None

    def append(self, events: Sequence[Event], wishes: Sequence[DeskWish] = ()) -> None:
        for event in events:
            if len(self._outbox) >= self._kept:
                self._outbox.popleft()
                self.dropped += 1
            self._outbox.append(encode_event(event))
        self._empty.clear()
        self._wake.set()

    async def run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._outbox:
                try:
                    await self._write_some()
                    self.trouble = None
                except (RedisError, OSError) as error:
                    self.trouble = f"Redis does not take events: {error}"
                    log.warning("journal_write_failed", pending=len(self._outbox), dropped=self.dropped)
                    await asyncio.sleep(RETRY.total_seconds())
            self._empty.set()

    async def _write_some(self) -> None:
        batch = [self._outbox[number] for number in range(min(BATCH, len(self._outbox)))]
        dropped_before = self.dropped
        async with self._redis.pipeline(transaction=True) as pipeline:
            for entry in batch:
                pipeline.xadd(self._stream, {"event": entry}, maxlen=self._kept, approximate=True)
            await pipeline.execute()
        for _ in range(len(batch) - (self.dropped - dropped_before)):
            self._outbox.popleft()

    async def read(self, after: str = "", limit: int = 1000) -> list[tuple[str, Event]]:
        try:
            entries = await self._redis.xrange(self._stream, min=f"({after}" if after else "-", count=limit)
        except (RedisError, OSError) as error:
            raise JournalError(f"Redis stream {self._stream}: {error}") from error
        try:
            return [(position.decode(), decode_event(fields[b"event"])) for position, fields in entries]
        except (KeyError, DecodeError) as error:
            raise JournalError(f"Redis stream {self._stream} holds what is no event: {error}") from error

    async def flush(self) -> None:
        await self._empty.wait()


@asynccontextmanager
async def open_journal(redis_url: str | None, tasks: BackgroundTasks) -> AsyncIterator[MemoryJournal | RedisJournal]:
    """The journal the settings ask for; what is pending at the end is written if Redis still answers."""
    if redis_url is None:
        yield MemoryJournal()
        return
    redis = Redis.from_url(redis_url)
    journal = RedisJournal(redis)
    tasks.start(journal.run(), "journal")
    try:
        yield journal
        try:
            async with asyncio.timeout(2):
                await journal.flush()
        except TimeoutError:
            log.warning("journal_not_flushed")
    finally:
        await redis.aclose()
