"""Webhooks: events to configured programs, signed, in order, tried again until taken or too old.

Events pass a bounded inbox into the outbox, a table of the database, and from there, one after the other, to each
target: what one target does not take holds up nobody else. A body is the same at every try, and its id too, so that a
receiver can tell a repetition. What is older than the target's days, or beyond its limit, is dropped, oldest first,
counted, and said loudly.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec
import structlog

from acd.domain.events import Event
from acd.domain.outside_events import is_wanted, outside_event
from acd.service.ports import Clock
from acd.service.records import OutboxEntry, RecordsUnavailableError, WebhookOutbox

log = structlog.get_logger(__name__)

SIGNATURE: Final = "Guichet-Signature"
EVENT_ID: Final = "Guichet-Event-Id"
EVENT_TYPE: Final = "Guichet-Event-Type"

MOST_IN_MEMORY = 20_000  # events not yet in the outbox
BATCH = 200
GATHER = timedelta(milliseconds=100)
TRIM_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class WebhookTarget:
    """repr shows nothing: the secret must not reach a log."""

    name: str
    url: str
    secret: str
    events: tuple[str, ...] = ("*",)
    with_personal: bool = True
    timeout: timedelta = timedelta(seconds=10)
    keep: timedelta = timedelta(days=3)
    most_pending: int = 100_000
    ca_file: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    first: timedelta = timedelta(seconds=1)
    last: timedelta = timedelta(minutes=5)

    def after(self, failures: int) -> timedelta:
        return min(self.first * (1 << min(failures - 1, 20)), self.last)


class NotTakenError(Exception):
    """The target did not take the event; the text says why, without anything it said itself."""

    error_id = "webhook.not_taken"


class WebhookTransport(ABC):
    @abstractmethod
    async def post(self, target: WebhookTarget, headers: Mapping[str, str], body: bytes) -> None:
        """Raises NotTakenError for anything but an answer 2xx in time. Goes nowhere else than `target.url`."""


def signature(secret: str, at: datetime, body: bytes) -> str:
    """`t=<seconds since 1970>,v1=<hex of HMAC-SHA256 over "<t>.<body>">`."""
    seconds = int(at.timestamp())
    digest = hmac.new(secret.encode(), f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={seconds},v1={digest}"


class Webhooks:
    """A listener of the dispatcher. `run` works until cancelled; `drain` waits until all heard so far is in the
    outbox, where the next service finds it."""

    def __init__(
        self,
        targets: Sequence[WebhookTarget],
        outbox: WebhookOutbox,
        transport: WebhookTransport,
        clock: Clock,
        backoff: Backoff | None = None,
    ) -> None:
        self._targets = tuple(targets)
        self._outbox = outbox
        self._transport = transport
        self._clock = clock
        self._backoff = backoff or Backoff()
        self._inbox: deque[tuple[str, str, bytes]] = deque()
        self._heard = asyncio.Event()
        self._stored = asyncio.Event()
        self._stored.set()
        self._wakes = {target.name: asyncio.Event() for target in self._targets}
        self.dropped: Counter[str] = Counter()
        self.delivered: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()  # tries in a row that came to nothing

    @property
    def targets(self) -> tuple[str, ...]:
        return tuple(target.name for target in self._targets)

    async def pending(self) -> Mapping[str, int]:
        """By target. Raises RecordsUnavailableError."""
        return await self._outbox.pending()

    # listening -----------------------------------------------------------------------------------------------

    def hear(self, events: Sequence[Event]) -> None:
        for event in events:
            told = outside_event(event)
            if told is None:
                continue
            for target in self._targets:
                if is_wanted(told.type, target.events):
                    body = msgspec.json.encode(told.told(with_personal=target.with_personal))
                    self._inbox.append((target.name, told.event_id, body))
        while len(self._inbox) > MOST_IN_MEMORY:
            target_name, _, _ = self._inbox.popleft()
            self._drop(target_name, 1, "the database takes nothing")
        if self._inbox:
            self._stored.clear()
            self._heard.set()

    def _drop(self, target: str, count: int, why: str) -> None:
        self.dropped[target] += count
        log.critical("webhook_events_dropped", target=target, count=count, in_all=self.dropped[target], why=why)

    # working -------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._store())
            for target in self._targets:
                group.create_task(self._deliver(target))

    async def drain(self) -> None:
        await self._stored.wait()

    async def _store(self) -> None:
        while True:
            await self._heard.wait()
            self._heard.clear()
            await asyncio.sleep(GATHER.total_seconds())  # calls share transactions
            while self._inbox:
                batch = [self._inbox[number] for number in range(min(BATCH, len(self._inbox)))]
                try:
                    await self._outbox.add(batch, self._clock.now())
                except RecordsUnavailableError as error:
                    log.warning("webhook_events_not_stored", pending=len(self._inbox), error=str(error))
                    await asyncio.sleep(self._backoff.first.total_seconds())
                    continue
                for each in batch:
                    if self._inbox and self._inbox[0] is each:  # it may have been dropped meanwhile
                        self._inbox.popleft()
                for name in {name for name, _, _ in batch}:
                    self._wakes[name].set()
            self._stored.set()

    async def _deliver(self, target: WebhookTarget) -> None:
        """One entry after the other: an event is not told before the one that went before it was taken or given up."""
        trim_at = self._clock.now()
        while True:
            try:
                if self._clock.now() >= trim_at:
                    await self._trim(target)
                    trim_at = self._clock.now() + TRIM_EVERY
                entries = await self._outbox.oldest(target.name)
                for entry in entries:
                    if not await self._try(target, entry):
                        break
                if not entries:
                    await self._rest(target, TRIM_EVERY)
            except RecordsUnavailableError as error:
                log.warning("webhook_outbox_away", target=target.name, error=str(error))
                await asyncio.sleep(self._backoff.first.total_seconds())

    async def _try(self, target: WebhookTarget, entry: OutboxEntry) -> bool:
        headers = {
            "Content-Type": "application/json",
            SIGNATURE: signature(target.secret, self._clock.now(), entry.body),
            EVENT_ID: entry.event_id,
            EVENT_TYPE: str(msgspec.json.decode(entry.body)["type"]),
        }
        try:
            await self._transport.post(target, headers, entry.body)
        except NotTakenError as error:
            self.failures[target.name] += 1
            pause = self._backoff.after(self.failures[target.name])
            tries = self.failures[target.name]
            log.warning("webhook_not_taken", target=target.name, tries=tries, why=str(error), again_in=str(pause))
            await asyncio.sleep(pause.total_seconds())
            return False
        self.failures[target.name] = 0
        self.delivered[target.name] += 1
        await self._outbox.remove([entry.number])
        return True

    async def _trim(self, target: WebhookTarget) -> None:
        oldest = self._clock.now() - target.keep
        dropped = await self._outbox.trim(target.name, added_before=oldest, most=target.most_pending)
        if dropped:
            self._drop(target.name, dropped, "the target took nothing for too long")

    async def _rest(self, target: WebhookTarget, limit: timedelta) -> None:
        wake = self._wakes[target.name]
        try:
            async with asyncio.timeout(limit.total_seconds()):
                await wake.wait()
        except TimeoutError:
            return
        wake.clear()
