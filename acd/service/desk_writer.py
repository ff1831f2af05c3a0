"""Interactions and tickets are written behind the calls: in order, in batches, tried again until taken."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

import structlog

from acd.domain import commands as cmd
from acd.domain import effects as fx
from acd.domain.call import Call
from acd.domain.ids import CallId
from acd.domain.journal_format import DeskWish
from acd.service.ports import Desk, DeskError

log = structlog.get_logger(__name__)

FIRST_RETRY = timedelta(seconds=0.5)
LAST_RETRY = timedelta(seconds=30)
MOST_PENDING = 100_000  # wishes; beyond it no more records are taken (commits always are), and that is said loudly
BATCH = 200
# Records gather for so long, so that calls share transactions and a call's pictures become one: at 20 calls/s that is
# half of what writing costs. A ticket does not wait: the agent looks for its number.
GATHER = timedelta(milliseconds=100)
MOST_TRIES = 3  # of a wish that fails for another reason than the desk's: then it is set aside, the others go on


class DeskWriter:
    """`record` and `commit` return at once. `run` writes until cancelled; `drain` waits for all of it.

    `took` hears how many wishes have left the outbox, in order: written, or given up.
    """

    def __init__(
        self, desk: Desk, submit: Callable[[cmd.Command], None], took: Callable[[int], None] = lambda count: None
    ) -> None:
        self._desk = desk
        self._submit = submit
        self._took = took
        self._outbox: deque[DeskWish | None] = deque()  # None: one that was not taken
        self._wake = asyncio.Event()
        self._hurry = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._batch = BATCH
        self._tries = 0  # of the first wish alone, that failed unexpectedly
        self.set_aside = 0
        self.trouble: str | None = None  # why the desk does not take what is pending, for /readyz

    def __len__(self) -> int:
        return len(self._outbox)

    def record(self, wish: fx.RecordInteraction) -> None:
        if len(self._outbox) >= MOST_PENDING:
            log.critical("interaction_not_recorded", call_id=wish.call.call_id, pending=len(self._outbox))
            self._put(None)
            return
        self._put(wish)

    def commit(self, wish: fx.CommitTicket) -> None:
        self._put(wish)
        self._hurry.set()

    def _put(self, wish: DeskWish | None) -> None:
        self._outbox.append(wish)
        self._idle.clear()
        self._wake.set()

    async def run(self) -> None:
        pause = FIRST_RETRY
        while True:
            await self._wake.wait()
            self._wake.clear()
            await self._gather()
            while self._outbox:
                try:
                    await self._write_some()
                    self.trouble = None
                    self._batch, self._tries = BATCH, 0
                    pause = FIRST_RETRY
                    continue
                except DeskError as error:
                    self.trouble = f"the desk does not take records: {error}"
                    log.warning("desk_write_failed", pending=len(self._outbox), error=str(error))
                except Exception:
                    log.exception("desk_write_failed_unexpectedly", pending=len(self._outbox))
                    if self._is_hopeless():
                        continue
                await asyncio.sleep(pause.total_seconds())
                pause = min(pause * 2, LAST_RETRY)
            self._idle.set()

    async def _gather(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(GATHER.total_seconds()):
                await self._hurry.wait()
        self._hurry.clear()

    async def drain(self) -> None:
        self._hurry.set()
        await self._idle.wait()

    def _is_hopeless(self) -> bool:
        """One wish that cannot be written must not keep all the others from the desk: the batch is narrowed to it,
        and after some tries it is set aside."""
        self._tries = self._tries + 1 if self._batch == 1 else 0
        self._batch = 1
        if self._tries < MOST_TRIES:
            return False
        wish = self._outbox[0]
        self._batch, self._tries = BATCH, 0
        self.set_aside += 1
        call_id = wish.call.call_id if wish is not None else ""
        log.critical("desk_wish_set_aside", wish=type(wish).__name__, call_id=call_id)
        self._done(1)
        return True

    def _done(self, count: int) -> None:
        for _ in range(count):
            self._outbox.popleft()
        self._took(count)

    async def _write_some(self) -> None:
        """Write the first wishes; what is written, and only that, leaves the outbox."""
        first = self._outbox[0]
        if isinstance(first, fx.CommitTicket):
            number = await self._desk.commit_ticket(first)
            self._done(1)
            if number is not None:
                self._submit(
                    cmd.ReportTicket(
                        call_id=first.call.call_id,
                        agent_id=first.agent_id,
                        ticket_number=number,
                        to_qualify=first.to_qualify,
                    )
                )
            return
        latest: dict[CallId, Call] = {}  # a later picture of the same call says all that the earlier one did
        taken = 0
        for wish in self._outbox:
            if isinstance(wish, fx.CommitTicket) or taken == self._batch:
                break
            if wish is not None:
                latest[wish.call.call_id] = wish.call
            taken += 1
        await self._desk.record_interactions(list(latest.values()))
        self._done(taken)
