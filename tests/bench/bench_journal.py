"""What the journal costs: `python -m tests.bench.bench_journal`.

Per decision in the event loop, until a decision is on the disk for certain, and how long a restart takes to know all of
200 calls and 100 agents again, from a fresh snapshot and with as many records behind it as there ever are.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import Any

from acd.adapters.bus.disk import FolderDisk
from acd.adapters.bus.file_journal import MOST_RECORDS, FileJournal
from acd.adapters.bus.opening import open_file_journal
from acd.adapters.clock import SystemClock
from acd.domain import commands as cmd
from acd.domain.call import Reason
from acd.domain.caller import Caller
from acd.domain.engine import Engine
from acd.domain.ids import CallId, call_id_of
from acd.domain.metrics import QueueStatistics
from acd.service.memory import Memory, StateFold
from acd.service.restore import check_past, journal_keeper
from tests.unit.acd.domain.floor import SUPPORT, policy, profile

CALLS, AGENTS, COMMITS = 200, 100, 400


class Day:
    """An engine whose decisions are kept, with callers who come, wait, talk and go."""

    def __init__(self, journal: FileJournal) -> None:
        self._journal = journal
        self._keep = journal_keeper(journal)
        self._clock = SystemClock()
        self.engine, self.statistics, self.memory = Engine(), QueueStatistics(), Memory()
        self.memory.join("state", StateFold(self.engine))
        self.memory.join("statistics", self.statistics)
        self.seconds: list[float] = []  # of keeping one decision
        self._number = 0

    def give(self, command: cmd.Command) -> None:
        decision = self.engine.handle(command, self._clock.now())
        self.statistics.hear(decision.events)
        began = time.perf_counter()
        self._keep(decision.events, decision.effects)
        self.seconds.append(time.perf_counter() - began)

    def open_up(self) -> None:
        self.give(cmd.ConfigureQueues(queues=(policy("support", support=1),)))
        for number in range(AGENTS):
            who = profile(f"agent{number}", support=1)
            for command in (cmd.RegisterAgent(profile=who), cmd.LogInAgent(agent_id=who.agent_id)):
                self.give(command)
            self.give(cmd.MakeReady(agent_id=who.agent_id))

    def caller(self) -> CallId:
        self._number += 1
        linkedid = f"guichet-{time.time():.0f}.{self._number}"  # noqa: TID251  # as Asterisk makes them
        who = Caller(number="+33612345678", name="Jeanne Roux", number_kind="e164", e164="+33612345678")
        call_id = call_id_of(linkedid)
        self.give(
            cmd.StartCall(
                call_id=call_id,
                linkedid=linkedid,
                channel=f"PJSIP/trunk-{self._number:08x}",
                called_number="100",
                caller=who,
                language="fr",
            )
        )
        self.give(cmd.EnqueueCall(call_id=call_id, queue=SUPPORT))
        return call_id

    def whole_call(self) -> None:
        call_id = self.caller()
        call = self.engine.state.call(call_id)
        assert call.reservation_id is not None
        assert call.agent_id is not None
        self.give(cmd.ReportRinging(call_id=call_id, reservation_id=call.reservation_id))
        self.give(cmd.ReportAnswer(call_id=call_id, reservation_id=call.reservation_id))
        self.give(cmd.ReportTalkEnded(call_id=call_id, reservation_id=call.reservation_id))
        self.give(cmd.EndCall(call_id=call_id, reason=Reason.AGENT_HUNG_UP))
        self.give(cmd.EndWrapUp(agent_id=call.agent_id, note="Solved on the phone."))
        self._journal.took(4)


@contextmanager
def timed(figures: dict[str, float], name: str) -> Iterator[None]:
    began = time.perf_counter()
    yield
    figures[name] = round((time.perf_counter() - began) * 1000, 1)


async def measure(folder: Path) -> dict[str, float]:
    figures: dict[str, float] = {}
    clock = SystemClock()
    async with open_file_journal(folder, clock) as (journal, _):
        day = Day(journal)
        journal.begin(day.memory.picture)
        day.open_up()
        await journal.flush()
        latencies = []
        for _ in range(COMMITS):
            day.whole_call()
            began = time.perf_counter()
            await journal.flush()
            latencies.append((time.perf_counter() - began) * 1000)
        figures["disk.kb_per_call"] = round(kilobytes(folder) / COMMITS, 1)
        figures["keep.us.p50"] = round(median(day.seconds) * 1e6, 1)
        figures["keep.us.p99"] = round(sorted(day.seconds)[int(len(day.seconds) * 0.99)] * 1e6, 1)
        figures["commit.ms.p50"] = round(median(latencies), 1)
        figures["commit.ms.p99"] = round(sorted(latencies)[int(len(latencies) * 0.99)], 1)
        for _ in range(CALLS):
            day.caller()
        with timed(figures, "snapshot.loop.ms"):
            journal.snapshot()
        await journal.flush()
    restart(folder, figures, "restart.snapshot.ms")
    async with open_file_journal(folder, clock) as (journal, past):
        day = Day(journal)
        day.memory.recall(past)
        journal.begin(day.memory.picture)
        await journal.flush()
        while journal.writer.serial < journal._snapshot_serial + MOST_RECORDS:
            day.give(cmd.StartCall(**_again(day)))
            await asyncio.sleep(0)
        await journal.flush()
    restart(folder, figures, "restart.longest.ms")
    return figures


def kilobytes(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.glob("events-*")) / 1024


def _again(day: Day) -> dict[str, Any]:
    call = next(iter(day.engine.state.calls.values()))
    named = ("call_id", "linkedid", "channel", "called_number", "caller", "language")
    return {name: getattr(call, name) for name in named}


def restart(folder: Path, figures: dict[str, float], name: str) -> None:
    with timed(figures, name):
        past = FileJournal(FolderDisk(folder), SystemClock()).load()
        check_past(past)
        engine, memory = Engine(), Memory()
        memory.recall(past)
        memory.join("state", StateFold(engine))
        memory.join("statistics", QueueStatistics())
        engine.timers(SystemClock().now() + timedelta(seconds=1))
    assert len(engine.state.calls) >= CALLS


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as name:
        print(json.dumps(asyncio.run(measure(Path(name))), indent=2))  # noqa: T201
