"""Decisions alone, in this process: `python -m tests.bench.bench_routing`.

    engine   500 agents, 2,000 waiting, virtual phones: from the command that frees an agent to the RingAgent effect
    pool     10,000 waiting x 5,000 agents x 200 skills, and what a decision costs as both grow tenfold

A decision of the pool is what a free agent causes: the agent is offered, the first fitting item is found, both leave,
and the next item comes. `teams`: agents share 100 skill sets, as teams do; `alone`: each agent has a set of their own.
"""

from __future__ import annotations

import random
import sys
import time
from datetime import UTC, datetime, timedelta

from acd.domain import commands as cmd
from acd.domain.agent import AgentProfile
from acd.domain.call import Reason
from acd.domain.caller import Caller
from acd.domain.effects import RingAgent
from acd.domain.engine import Engine
from acd.domain.ids import AgentId, CallId, QueueName
from acd.domain.queue import QueuePolicy
from routing.matching import Pool
from routing.model import Candidate, Requirements, Skills, WorkItem, canonical
from tests.bench.statistics import percentile

AGENTS, WAITING, DECISIONS = 500, 2_000, 20_000
SKILLS, TEAMS = 200, 100
ROUNDS = 3  # of which the quickest counts: whatever else runs on the machine only adds
SIZES = ((100, 50), (1_000, 500), (10_000, 5_000))
START = datetime(2026, 1, 5, 9, tzinfo=UTC)


def measure(decisions: int = DECISIONS) -> dict[str, float]:
    """`engine_free_to_ring_500x2000.guichet.…`, `routing.…`; microseconds and decisions per second."""
    figures: dict[str, float] = {}
    spent = sorted(_engine(decisions))
    prefix = f"engine_free_to_ring_{AGENTS}x{WAITING}.guichet"
    for percent in (50, 99):
        figures[f"{prefix}.p{percent}_us"] = percentile(spent, percent) * 1e6
    figures[f"{prefix}.max_us"] = spent[-1] * 1e6
    for kind in ("teams", "alone"):
        costs = [min(_pool(*size, kind, decisions) for _ in range(ROUNDS)) for size in SIZES]
        for (waiting, agents), cost in zip(SIZES, costs, strict=True):
            figures[f"routing_{waiting}x{agents}.{kind}.decisions_per_second"] = 1 / cost
        figures[f"routing_growth.{kind}.first_decade"] = costs[1] / costs[0]
        figures[f"routing_growth.{kind}.second_decade"] = costs[2] / costs[1]
    return figures


# the engine ----------------------------------------------------------------------------------------------------


class _Hall:
    """500 agents who talk, 2,000 who wait, and a clock of its own."""

    def __init__(self) -> None:
        self.engine = Engine()
        self.now = START
        self.calls = 0
        queue = QueuePolicy(name=QueueName("bench"), label="Bench", wrap_up_time=timedelta(0))
        self.do(cmd.ConfigureQueues(queues=(queue,)))
        for number in range(AGENTS):
            agent_id = AgentId(f"agent_{number}")
            profile = AgentProfile(agent_id=agent_id, login=f"a{number}", name=f"A {number}", extension=str(number))
            self.do(cmd.RegisterAgent(profile=profile))
            self.do(cmd.LogInAgent(agent_id=agent_id))
            self.do(cmd.MakeReady(agent_id=agent_id))

    def do(self, command: cmd.Command) -> list[RingAgent]:
        self.now += timedelta(milliseconds=1)
        return [effect for effect in self.engine.handle(command, self.now).effects if isinstance(effect, RingAgent)]

    def caller_comes(self) -> list[RingAgent]:
        self.calls += 1
        call_id = CallId(f"call_{self.calls}")
        caller = Caller(name="", number=f"+332{self.calls:08}")
        self.do(
            cmd.StartCall(
                call_id=call_id, linkedid=str(self.calls), channel="", called_number="100", caller=caller, language="fr"
            )
        )
        return self.do(cmd.EnqueueCall(call_id=call_id, queue=QueueName("bench")))


def _engine(decisions: int) -> list[float]:
    """Seconds from each agent-free command to its RingAgent."""
    hall, chance = _Hall(), random.Random(1)
    talking: list[RingAgent] = []
    for _ in range(AGENTS + WAITING):
        talking += hall.caller_comes()
    for wish in talking:
        hall.do(cmd.ReportAnswer(call_id=wish.call_id, reservation_id=wish.reservation_id))
    spent: list[float] = []
    for _ in range(decisions):
        place = chance.randrange(len(talking))
        wish = talking[place]
        free = cmd.ReportTalkEnded(call_id=wish.call_id, reservation_id=wish.reservation_id)
        begin = time.perf_counter()
        (ring,) = hall.do(free)
        spent.append(time.perf_counter() - begin)
        talking[place] = ring
        hall.do(cmd.EndCall(call_id=wish.call_id, reason=Reason.AGENT_HUNG_UP))
        hall.do(cmd.ReportAnswer(call_id=ring.call_id, reservation_id=ring.reservation_id))
        hall.caller_comes()
    return spent


# the pool ------------------------------------------------------------------------------------------------------


def _skill_set(chance: random.Random) -> Skills:
    return canonical({f"skill{chance.randrange(SKILLS)}": chance.randint(1, 5) for _ in range(chance.randint(3, 8))})


def _requirements(chance: random.Random) -> Requirements:
    return ((f"skill{chance.randrange(SKILLS)}", chance.randint(1, 3)),)


def _pool(waiting: int, agents: int, kind: str, decisions: int) -> float:
    """Seconds per decision, with all agents busy but the one who has just become free."""
    chance, pool = random.Random(2), Pool()
    teams = [_skill_set(chance) for _ in range(TEAMS)]
    skills = [chance.choice(teams) if kind == "teams" else _skill_set(chance) for _ in range(agents)]
    items = [
        WorkItem(f"i{n}", _requirements(chance), chance.randint(0, 9), float(n)) for n in range(waiting + decisions)
    ]
    for item in items[:waiting]:
        pool.add_item(item)
    for number, own in enumerate(skills):  # each has been idle once, so that all benches are known
        pool.add_candidate(Candidate(f"a{number}", own, 0.0))
        pool.remove_candidate(f"a{number}")
    free = [chance.randrange(agents) for _ in range(decisions)]
    coming = iter(items[waiting:])
    begin = time.perf_counter()
    for instant, number in enumerate(free):
        agent_id = f"a{number}"
        pool.add_candidate(Candidate(agent_id, skills[number], float(instant)))
        match = pool.match_for_candidate(agent_id)
        pool.remove_candidate(agent_id)
        if match is not None:
            pool.remove_item(match.item.item_id)
            pool.add_item(next(coming))
    return (time.perf_counter() - begin) / decisions


if __name__ == "__main__":
    sys.stdout.write("".join(f"{name:<58} {value:>14,.2f}\n" for name, value in measure().items()))
