"""Work for the routing pool: as many waiting and as many agents as one likes, and what happens to them.

`teams`: agents share 100 skill sets, as teams do; `alone`: each agent has a set of their own. 200 skills, calls ask for
one of them at a level of 1 to 3. Everything is drawn from a seed.
"""

from __future__ import annotations

import random

from routing import Candidate, Needs, Pool, WorkItem
from routing.eligibility import is_eligible
from routing.model import Skills, canonical

SKILLS, TEAMS = 200, 100
SIZES = ((100, 50), (1_000, 500), (10_000, 5_000))
KINDS = ("teams", "alone")


def _skill_set(chance: random.Random) -> Skills:
    return canonical({f"skill{chance.randrange(SKILLS)}": chance.randint(1, 5) for _ in range(chance.randint(3, 8))})


def _needs(chance: random.Random) -> Needs:
    return Needs(((f"skill{chance.randrange(SKILLS)}", chance.randint(1, 3)),))


class Load:
    """All agents talk and many wait; or (`is_idle`) nobody waits and all agents are idle."""

    def __init__(self, waiting: int, agents: int, kind: str, *, is_idle: bool = False) -> None:
        self.chance = random.Random(2)
        self.pool = Pool()
        teams = [_skill_set(self.chance) for _ in range(TEAMS)]
        self.skills = [self.chance.choice(teams) if kind == "teams" else _skill_set(self.chance) for _ in range(agents)]
        self.now = 0.0
        self._serial = 0
        for number, own in enumerate(self.skills):
            self.pool.log_in(f"a{number}", own)
            if is_idle:
                self.pool.add_candidate(Candidate(f"a{number}", own, float(number)))
        if not is_idle:
            for _ in range(waiting):
                self.pool.add_item(self.new_item())

    def new_item(self) -> WorkItem:
        self._serial += 1
        return WorkItem(f"i{self._serial}", _needs(self.chance), self.chance.randint(0, 9), float(self._serial), "q")

    def work(self, count: int) -> list[tuple[int, WorkItem]]:
        """Agents who come free and items that arrive, drawn before the clock runs."""
        return [(self.chance.randrange(len(self.skills)), self.new_item()) for _ in range(count)]

    # what is measured ----------------------------------------------------------------------------------------

    def release(self, number: int, arriving: WorkItem) -> None:
        """An agent comes free, gets the first item there is for them, and another item takes its place."""
        self.now += 1
        pool, agent_id = self.pool, f"a{number}"
        pool.add_candidate(Candidate(agent_id, self.skills[number], self.now))
        match = pool.match_for_candidate(agent_id, self.now)
        pool.remove_candidate(agent_id)
        if match is not None:
            pool.remove_item(match.item.item_id)
            pool.add_item(arriving)

    def arrival(self, _: int, arriving: WorkItem) -> None:
        """An item arrives and gets the agent idle longest; that agent is soon idle again."""
        self.now += 1
        pool = self.pool
        pool.add_item(arriving)
        match = pool.match_for_item(arriving.item_id)
        pool.remove_item(arriving.item_id)
        if match is not None:
            pool.remove_candidate(match.candidate.agent_id)
            pool.add_candidate(Candidate(match.candidate.agent_id, match.candidate.skills, 1e9 + self.now))

    def skill_change(self, number: int, _: WorkItem) -> None:
        """A supervisor gives an agent a colleague's skills while calls wait."""
        self.skills[number] = self.skills[self.chance.randrange(len(self.skills))]
        self.pool.log_in(f"a{number}", self.skills[number])

    def step_expiry(self, _: int, arriving: WorkItem) -> None:
        """An item that waits asks for something else from now on, and may find an agent."""
        pool = self.pool
        pool.add_item(arriving)
        changed = pool.remove_item(arriving.item_id)
        pool.add_item(WorkItem(changed.item_id, Needs(), changed.priority, changed.queued_at, "q"))
        pool.match_for_item(changed.item_id)
        pool.remove_item(changed.item_id)


class NaiveLoad(Load):
    """The same release without an index: every waiting item is looked at."""

    def release(self, number: int, arriving: WorkItem) -> None:
        levels = dict(self.skills[number])
        waiting = self.pool._items
        fit = [entry for entry in waiting.values() if is_eligible(entry[1].needs, levels)]
        if fit:
            _, item = min(fit)
            self.pool.remove_item(item.item_id)
            self.pool.add_item(arriving)


def app_queue_second(waiting: int, members: int) -> int:
    """What app_queue does each second (peers' source: app_queue.c, is_our_turn and num_available_members): every
    waiting caller looks at every member, under the queue's lock. Gives the number of visits."""
    states = [False] * members
    visits = 0
    for _ in range(waiting):
        for is_available in states:
            visits += 1
            if is_available:
                break
    return visits
