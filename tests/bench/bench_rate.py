"""How many calls per second the whole machine carries without losing one: callers and agents included.

Every call is answered, queued, offered to one of 50 agents, talked for a moment and hung up. A call is lost when no
agent answered it within the caller's ten seconds of patience, or when its signalling failed.
"""

from __future__ import annotations

from tests.bench.bench import Bench
from tests.bench.phones_process import Behave, Done, Place
from tests.bench.world import APP_QUEUE, GUICHET_ITSELF, Turn

AGENTS = 50
RATES = (10, 20, 40, 60, 80)


async def measure(bench: Bench) -> None:
    seconds = 4 if bench.is_quick else 8
    for turn in (APP_QUEUE, GUICHET_ITSELF):
        highest = 0.0
        async with turn.taken(bench.world, AGENTS) as running:
            await bench.world.phones.do(Behave(talk_from=0.2, talk_to=0.4, seed=0))
            for rate in RATES:
                bench.say(f"calls_per_second, {turn.name}, {rate}/s")
                done = await bench.place(turn, running, _ramp(bench, turn, rate, seconds))
                reached, lost = _reached(done), _lost(done)
                bench.figures.put(
                    "calls_per_second", turn.name, **{f"lost_at_{rate}": lost, f"reached_{rate}": reached}
                )
                if lost:
                    break
                highest = max(highest, reached)
        bench.figures.put("calls_per_second", turn.name, highest_without_loss=highest)


def _ramp(bench: Bench, turn: Turn, rate: int, seconds: int) -> Place:
    return Place(
        target=turn.number,
        numbers=bench.first_number(),
        count=rate * seconds,
        at_once=rate * seconds,
        most_per_second=rate,
        patience=10.0,
    )


def _reached(done: Done) -> float:
    """What the callers really placed: they slow down when this machine is exhausted."""
    invited = sorted(call.invited_at for call in done.placed)
    return (len(invited) - 1) / (invited[-1] - invited[0]) if len(invited) > 1 else 0.0


def _lost(done: Done) -> int:
    served = {ring.number for ring in done.rung if ring.answered_at is not None}
    return sum(call.number not in served or bool(call.trouble) for call in done.placed)
