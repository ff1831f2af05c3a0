"""CPU time per call: 150 callers in three seconds on 50 agents, the same prompt and key, then the queue.

User and system time of every process of the system (Asterisk; Asterisk and the service) from before the first call to a
moment after the last, when everything is written, divided by the calls. Guichet's includes ticket, pop and journal.
"""

from __future__ import annotations

import asyncio

from tests.bench.bench import Bench
from tests.bench.phones_process import Behave, Place
from tests.bench.world import APP_QUEUE, GUICHET_ITSELF, Turn, cpu_seconds

CALLERS, AGENTS = 150, 50
SETTLE_SECONDS = 2.0


async def measure(bench: Bench) -> None:
    totals: dict[str, list[float]] = {}
    parts: list[list[float]] = []
    for number in range(1 if bench.is_quick else 3):
        for turn in (APP_QUEUE, GUICHET_ITSELF):
            spent = await _run(bench, turn, number)
            totals.setdefault(turn.name, []).append(sum(spent))
            if turn is GUICHET_ITSELF:
                parts.append(spent)
    for name, found in totals.items():
        bench.figures.put("cpu_per_call", name, ms=_mean(found), least_ms=min(found), most_ms=max(found))
    asterisk, service = (_mean([spent[place] for spent in parts]) for place in (0, 1))
    bench.figures.put("cpu_per_call", "guichet", asterisk_ms=asterisk, service_ms=service)
    ratio = bench.figures.values["cpu_per_call.guichet.ms"] / bench.figures.values["cpu_per_call.app_queue.ms"]
    bench.figures.put("cpu_per_call", "guichet", ratio=ratio)


async def _run(bench: Bench, turn: Turn, number: int) -> list[float]:
    """Milliseconds per call, of each of the system's processes."""
    bench.say(f"cpu_per_call, {turn.name}, round {number + 1}")
    async with turn.taken(bench.world, AGENTS) as running:
        await bench.world.phones.do(Behave(talk_from=1.5, talk_to=3.0, seed=number))
        await asyncio.sleep(SETTLE_SECONDS)
        before = [cpu_seconds(pid) for pid in running.pids]
        done = await bench.place(
            turn,
            running,
            Place(
                target=turn.menu_number,
                numbers=bench.first_number(),
                count=CALLERS,
                at_once=CALLERS,
                most_per_second=50.0,
                keys="1",
                keys_after=1.0,
            ),
        )
        await asyncio.sleep(SETTLE_SECONDS)
        after = [cpu_seconds(pid) for pid in running.pids]
    served = sum(ring.answered_at is not None for ring in done.rung)
    return [(end - begin) * 1000 / max(1, served) for begin, end in zip(before, after, strict=True)]


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
