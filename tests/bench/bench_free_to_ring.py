"""How long an agent who has hung up waits for the next caller, with callers always waiting.

Agents answer at once, talk for a drawn time and hang up; each caller who is gone is replaced. Measured from the BYE
that the agent's phone sends to the next INVITE at the same phone, while all callers are there. The talks are so long
that this machine carries the calls with ease: what is measured is waiting, not overload.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.bench.bench import Bench
from tests.bench.phones_process import Behave, Done, Place
from tests.bench.statistics import free_to_ring, in_milliseconds
from tests.bench.world import APP_QUEUE, GUICHET_ITSELF, Turn, World

NEW_CALLS_PER_SECOND = 50.0


@dataclass(frozen=True, slots=True)
class Load:
    agents: int
    backlog: int
    talk_from: float
    talk_to: float

    @property
    def measure(self) -> str:
        return f"agent_free_to_ring_{self.agents}x{self.backlog}"


LOADS = (Load(10, 50, 0.3, 1.0), Load(10, 200, 0.3, 1.0), Load(50, 200, 2.0, 4.0))


async def measure(bench: Bench) -> None:
    loads = LOADS[::2] if bench.is_quick else LOADS
    for load in loads:
        gaps: dict[str, list[float]] = {}
        for number in range(1 if bench.is_quick else 2):
            for turn in (APP_QUEUE, GUICHET_ITSELF):
                done = await _run(bench, turn, load, number)
                gaps.setdefault(turn.name, []).extend(free_to_ring(done))
        for name, found in gaps.items():
            bench.figures.put(load.measure, name, **in_milliseconds(found))


async def _run(bench: Bench, turn: Turn, load: Load, number: int) -> Done:
    world: World = bench.world
    bench.say(f"{load.measure}, {turn.name}, round {number + 1}")
    async with turn.taken(world, load.agents) as running:
        await world.phones.do(Behave(talk_from=load.talk_from, talk_to=load.talk_to, seed=number))
        callers = load.agents + load.backlog
        window = 8.0 if bench.is_quick else 12.0
        return await bench.place(
            turn,
            running,
            Place(
                target=turn.number,
                numbers=bench.first_number(),
                count=100_000,
                at_once=callers,
                most_per_second=NEW_CALLS_PER_SECOND,
                seconds=callers / NEW_CALLS_PER_SECOND + window,
                is_patient=False,
            ),
        )
