"""The index's two kinds of entry: a line of waiting items with equal signature, a bench of agents with equal skills.

A line knows the benches that fit and a bench its lines; this is worked out once per distinct pair, not per item or
agent. A line keeps its items in order, and the idle agents of its benches in the order of its queue's choice.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from heapq import heapify, heappop, heappush

from routing.eligibility import is_eligible
from routing.model import Candidate, Needs, Skills, WorkItem
from routing.ranking import AgentChoice, AgentKey, ItemKey, QueueRules, agent_key

_FEW = 64  # entries that are never worth clearing away

Signature = tuple[str, Needs]  # queue and needs
IdleAgents = dict[str, Candidate]


class Line:
    __slots__ = (
        "_fresh",
        "_idle",
        "_purge_at",
        "_serial",
        "benches",
        "is_used",
        "items",
        "needs",
        "present",
        "queue",
        "rules",
    )

    def __init__(self, signature: Signature, rules: QueueRules, is_reserve_called: bool) -> None:
        self.queue, self.needs = signature
        if is_reserve_called and rules.reserve_group not in self.needs.also:
            self.needs = self.needs._replace(also=(*self.needs.also, rules.reserve_group))
        self.rules = rules
        self.items: list[tuple[ItemKey, WorkItem]] = []
        self.benches: list[Bench] = []
        self.present = 0  # agents logged in who are eligible
        self.is_used = True  # since empty lines were last cleared away
        # A heap of key, serial, agent. Entries of agents who are gone are left until met, or until they are too many.
        self._idle: list[tuple[float, float, str, int, Candidate]] = []
        self._fresh: list[Candidate] = []
        self._serial = 0
        self._purge_at = _FEW

    # items ---------------------------------------------------------------------------------------------------

    def add(self, key: ItemKey, item: WorkItem) -> None:
        insort(self.items, (key, item))
        self.is_used = True

    def discard(self, key: ItemKey) -> None:
        del self.items[self.place_of(key)]

    def place_of(self, key: ItemKey) -> int:
        """How many items of this line come before this key."""
        return bisect_left(self.items, (key,))  # a key alone sorts before its own entry

    # agents --------------------------------------------------------------------------------------------------

    def offer(self, who: Candidate, idle: IdleAgents) -> None:
        """Take note of somebody who came free; entered into the order when an item asks, if still idle then."""
        if self.rules.channel not in who.room:
            return
        self._fresh.append(who)
        if len(self._fresh) >= self._purge_at:
            self._purge(idle)

    def _purge(self, idle: IdleAgents) -> None:
        self._fresh = [each for each in self._fresh if idle.get(each.agent_id) is each]
        self._idle = [entry for entry in self._idle if idle.get(entry[2]) is entry[4]]
        heapify(self._idle)
        self._purge_at = max(_FEW, 2 * (len(self._idle) + len(self._fresh)))

    def _enter_fresh(self, idle: IdleAgents) -> None:
        is_plain = self.rules.agent_choice is AgentChoice.LONGEST_IDLE
        for who in self._fresh:
            agent_id = who.agent_id
            if idle.get(agent_id) is who:
                self._serial += 1
                first = 0.0 if is_plain else self.key_of(who)[0]
                heappush(self._idle, (first, who.idle_since, agent_id, self._serial, who))
        self._fresh.clear()
        if len(self._idle) >= self._purge_at:
            self._purge(idle)

    def best(self, idle: IdleAgents) -> Candidate | None:
        """The first idle agent by the queue's choice."""
        if self._fresh:
            self._enter_fresh(idle)
        heap = self._idle
        while heap:
            who = heap[0][4]
            if idle.get(who.agent_id) is who:
                return who
            heappop(heap)
        return None

    def key_of(self, who: Candidate) -> AgentKey:
        return agent_key(self.rules.agent_choice, self.needs, who, self.queue)


class Bench:
    __slots__ = ("idle", "is_used", "levels", "lines", "present")

    def __init__(self, skills: Skills) -> None:
        self.levels = dict(skills)
        self.lines: list[Line] = []
        self.idle: IdleAgents = {}
        self.present = 0  # agents logged in
        self.is_used = True


def connect(line: Line, bench: Bench) -> bool:
    """True when the bench's agents may take the line's items."""
    if not is_eligible(line.needs, bench.levels):
        return False
    line.benches.append(bench)
    line.present += bench.present
    bench.lines.append(line)
    return True


def clear_away(lines: dict[Signature, Line], benches: dict[Skills, Bench]) -> None:
    """Forget lines without items and benches without agents, if unused since the last time: what comes and goes all
    day stays, what was met once does not."""
    gone_lines = {signature: line for signature, line in lines.items() if not line.items and not line.is_used}
    gone_benches = {
        skills: bench for skills, bench in benches.items() if not (bench.present or bench.idle or bench.is_used)
    }
    for signature in gone_lines:
        del lines[signature]
    for skills in gone_benches:
        del benches[skills]
    dead_lines, dead_benches = set(gone_lines.values()), set(gone_benches.values())
    for line in lines.values():
        line.is_used = bool(line.items)
        if dead_benches:
            line.benches = [bench for bench in line.benches if bench not in dead_benches]
    for bench in benches.values():
        bench.is_used = False
        if dead_lines:
            bench.lines = [line for line in bench.lines if line not in dead_lines]
