"""How long from a caller's INVITE to the INVITE at an idle agent's phone, one call at a time.

All three ways answer the call first, wait for its first audio, and then ring: plain Dial, app_queue, and Guichet with
identification, screen-pop, ticket and journal.
"""

from __future__ import annotations

from tests.bench.bench import Bench
from tests.bench.phones_process import Behave, Place
from tests.bench.statistics import caller_to_ring, in_milliseconds
from tests.bench.world import APP_QUEUE, GUICHET_ITSELF, PLAIN_DIAL

AGENTS = 10


async def measure(bench: Bench) -> None:
    from_invite: dict[str, list[float]] = {}
    from_answer: dict[str, list[float]] = {}
    for number in range(1 if bench.is_quick else 3):
        for turn in (PLAIN_DIAL, APP_QUEUE, GUICHET_ITSELF):
            bench.say(f"caller_to_ring, {turn.name}, round {number + 1}")
            async with turn.taken(bench.world, AGENTS) as running:
                await bench.world.phones.do(Behave(talk_from=0.1, talk_to=0.2, seed=number))
                done = await bench.place(
                    turn,
                    running,
                    Place(
                        target=turn.number,
                        numbers=bench.first_number(),
                        count=30 if bench.is_quick else 40,
                        at_once=1,
                        most_per_second=10.0,
                        pause=0.1,
                    ),
                )
            invited, answered = caller_to_ring(done)
            from_invite.setdefault(turn.name, []).extend(invited)
            from_answer.setdefault(turn.name, []).extend(answered)
    for name, found in from_invite.items():
        bench.figures.put("caller_to_ring", name, **in_milliseconds(found))
        bench.figures.put("answer_to_ring", name, **in_milliseconds(from_answer[name]))
