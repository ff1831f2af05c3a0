"""The pool of waiting items and idle agents, indexed so that a decision scans neither.

Index: requirement signature (queue, needs) x skill profile. What an arrival costs does not depend on how many are idle,
what an agent who comes free costs depends on the number of signatures they can serve, and neither on how many wait or
are logged in. Agents who come free are entered into the lines' orders only when an item asks for an agent: with a
backlog each is matched at once and never entered.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from routing.eligibility import is_eligible
from routing.errors import DuplicateItemError, UnknownItemError
from routing.estimate import Ahead
from routing.lines import Bench, Line, Signature, clear_away, connect
from routing.model import VOICE, Candidate, Needs, Skills, WorkItem
from routing.ranking import Head, ItemChoice, ItemKey, PoolRules, QueueRules, item_key, item_order

_FEW = 256  # lines or benches that are never worth clearing away
_NO_RULES = QueueRules()


@dataclass(frozen=True, slots=True)
class Match:
    item: WorkItem
    candidate: Candidate


class Pool:
    """Waiting items, agents logged in, and which of them are idle. Questions change nothing; changes decide nothing."""

    def __init__(self, rules: PoolRules | None = None, queues: Mapping[str, QueueRules] | None = None) -> None:
        self._rules = rules or PoolRules()
        self._queues: dict[str, QueueRules] = dict(queues or {})
        self._reserves: set[str] = set()  # queues whose reserve is called up
        self._lines: dict[Signature, Line] = {}
        self._benches: dict[Skills, Bench] = {}
        self._items: dict[str, tuple[ItemKey, WorkItem]] = {}
        self._named: dict[str, list[tuple[ItemKey, WorkItem]]] = {}  # items for this agent (and others named) alone
        self._waiting: dict[str, int] = {}  # items by queue
        self._present: dict[str, Skills] = {}
        self._idle: dict[str, Candidate] = {}
        self._fresh: dict[str, Candidate] = {}  # idle, but not yet entered into the lines' orders
        # Without these the first item by key is the one: the common case, and the quick one.
        is_limited = any(queue.most_in_a_row or queue.channel != VOICE for queue in self._queues.values())
        self._is_plain = self._rules.item_choice is ItemChoice.PRIORITY and not is_limited
        self._most = _FEW  # lines and benches reached: time to clear the unused ones away

    # changes -------------------------------------------------------------------------------------------------

    def configure(self, rules: PoolRules, queues: Mapping[str, QueueRules]) -> None:
        """New rules under whatever waits: nobody loses a place, all orders follow the new rules at once."""
        if rules == self._rules and dict(queues) == self._queues:
            return
        items = [item for _, item in self._items.values()]
        present, idle, reserves = self._present, self._idle, self._reserves
        self.__init__(rules, queues)  # type: ignore[misc]  # everything afresh, by its own beginning
        self._reserves = {queue for queue in reserves if self._rules_of(queue).reserve_group}
        for agent_id, skills in present.items():
            self.log_in(agent_id, skills)
        for candidate in idle.values():
            self.add_candidate(candidate)
        for item in items:
            self.add_item(item)

    def add_item(self, item: WorkItem) -> None:
        if item.item_id in self._items:
            raise DuplicateItemError(f"work item {item.item_id} is in the pool already")
        key = item_key(item, self._rules)
        self._items[item.item_id] = (key, item)
        self._waiting[item.queue] = self._waiting.get(item.queue, 0) + 1
        if not item.only:
            self._line(item).add(key, item)
        for agent_id in item.only:
            insort(self._named.setdefault(agent_id, []), (key, item))

    def remove_item(self, item_id: str) -> WorkItem:
        try:
            key, item = self._items.pop(item_id)
        except KeyError:
            raise UnknownItemError(f"work item {item_id} is not in the pool") from None
        self._waiting[item.queue] -= 1
        if not item.only:
            self._lines[item.queue, item.needs].discard(key)
        for agent_id in item.only:
            named = self._named[agent_id]
            del named[bisect_left(named, (key,))]  # a key sorts before its own entry
            if not named:
                del self._named[agent_id]
        return item

    def log_in(self, agent_id: str, skills: Skills) -> None:
        """Count an agent among those who may become free. With other skills than before: the new ones count."""
        if self._present.get(agent_id) == skills:
            return
        self.log_out(agent_id)
        self._present[agent_id] = skills
        self._count(self._bench(skills), 1)

    def log_out(self, agent_id: str) -> None:
        skills = self._present.pop(agent_id, None)
        if skills is not None:
            self._count(self._benches[skills], -1)

    def add_candidate(self, candidate: Candidate) -> None:
        agent_id = candidate.agent_id
        if agent_id in self._idle:
            raise DuplicateItemError(f"candidate {agent_id} is in the pool already")
        self._idle[agent_id] = self._fresh[agent_id] = candidate
        bench = self._bench(candidate.skills)
        bench.idle[agent_id] = candidate
        bench.is_used = True

    def remove_candidate(self, agent_id: str) -> Candidate:
        try:
            candidate = self._idle.pop(agent_id)
        except KeyError:
            raise UnknownItemError(f"candidate {agent_id} is not in the pool") from None
        self._fresh.pop(agent_id, None)
        del self._benches[candidate.skills].idle[agent_id]
        return candidate

    def call_up_reserve(self, queue: str) -> None:
        """From now on the members of the queue's reserve group may take its items."""
        if self._rules_of(queue).reserve_group and queue not in self._reserves:
            self._reserves.add(queue)
            self._renew_lines(queue)

    def stand_down_reserve(self, queue: str) -> None:
        if queue in self._reserves:
            self._reserves.remove(queue)
            self._renew_lines(queue)

    # questions -----------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._items)

    def has_item(self, item_id: str) -> bool:
        return item_id in self._items

    def has_candidate(self, agent_id: str) -> bool:
        return agent_id in self._idle

    def item(self, item_id: str) -> WorkItem:
        return self._items[item_id][1]

    def key_of(self, item: WorkItem) -> ItemKey:
        """By what items are served in order; smaller first."""
        return item_key(item, self._rules)

    def needs_of(self, item_id: str) -> Needs:
        """What it asks for now, the help of a reserve that is called up included."""
        item = self._items[item_id][1]
        return item.needs if item.only else self._lines[item.queue, item.needs].needs

    def candidate(self, agent_id: str) -> Candidate:
        return self._idle[agent_id]

    def idle(self) -> Iterator[Candidate]:
        return iter(self._idle.values())

    def reserves_called(self) -> list[str]:
        return sorted(self._reserves)

    def is_reserve_called(self, queue: str) -> bool:
        return queue in self._reserves

    def match_for_item(self, item_id: str) -> Match | None:
        """The agent for this item, by its queue's choice; among agents named for it, in the order they are named."""
        item = self._items[item_id][1]
        if item.only:
            candidate = next((who for who in self._named_idle(item) if self._has_room(who, item)), None)
        else:
            if self._fresh:
                self._enter_fresh()
            candidate = self._lines[item.queue, item.needs].best(self._idle)
        return Match(item, candidate) if candidate else None

    def match_for_candidate(self, agent_id: str, now: float = 0.0) -> Match | None:
        """The item for this agent, by the pool's item choice and the agent's taste. A queue that has given this agent
        as many calls in a row as it may comes after all others."""
        who = self._idle[agent_id]
        named = self._named.get(agent_id)
        if self._is_plain and who.taste is None and not named and VOICE in who.room:
            first = min([line.items[0] for line in self._benches[who.skills].lines if line.items], default=None)
            return Match(first[1], who) if first else None
        heads = [Head(*line.items[0], line.rules) for line in self._benches[who.skills].lines if line.items]
        heads += [Head(key, item, self._rules_of(item.queue)) for key, item in named or ()]
        heads = [head for head in heads if head.rules.channel in who.room]
        queue, times = who.row
        if 0 < self._rules_of(queue).most_in_a_row <= times:
            heads = [head for head in heads if head.item.queue != queue] or heads
        first_head = min(heads, key=item_order(self._rules.item_choice, who, now), default=None)
        return Match(first_head.item, who) if first_head else None

    def _named_idle(self, item: WorkItem) -> Iterator[Candidate]:
        return (self._idle[agent_id] for agent_id in item.only if agent_id in self._idle)

    def _has_room(self, who: Candidate, item: WorkItem) -> bool:
        return self._rules_of(item.queue).channel in who.room

    def agent_key(self, item_id: str, agent_id: str) -> tuple[float, float, str]:
        """By what this idle agent is ranked for this item."""
        item, who = self._items[item_id][1], self._idle[agent_id]
        return self._line(item).key_of(who)

    def present_for(self, item_id: str) -> int:
        """How many agents who are logged in may take this item, whatever they do now."""
        item = self._items[item_id][1]
        if item.only:
            return sum(agent_id in self._present for agent_id in item.only)
        return self._lines[item.queue, item.needs].present

    def present_with(self, needs: Needs) -> int:
        """How many of those logged in could take an item that needs this. Looks at every skill profile."""
        return sum(bench.present for bench in self._benches.values() if is_eligible(needs, bench.levels))

    def stranded(self) -> Iterator[WorkItem]:
        """Items that nobody who is logged in can take."""
        for line in self._lines.values():
            if line.items and not line.present:
                yield from (item for _, item in line.items)

    def deserted(self, skills: Skills) -> Iterator[WorkItem]:
        """Items that an agent with these skills could take, and nobody who is logged in can."""
        bench = self._benches.get(skills)
        for line in bench.lines if bench else ():
            if not line.present:
                yield from (item for _, item in line.items)

    def named_for(self, agent_id: str) -> Iterator[WorkItem]:
        """Items that wait for this agent, or for others named with them."""
        return (item for _, item in self._named.get(agent_id, ()))

    def waiting_in(self, queue: str) -> int:
        return self._waiting.get(queue, 0)

    def items_of(self, queue: str) -> Iterator[WorkItem]:
        """A scan."""
        return (item for _, item in self._items.values() if item.queue == queue)

    def agents_for(self, item_id: str) -> Iterable[str]:
        """Agents logged in who may take this item. A scan: for explanations and estimates."""
        item = self._items[item_id][1]
        if item.only:
            return [agent_id for agent_id in item.only if agent_id in self._present]
        needs = self._lines[item.queue, item.needs].needs
        return [agent_id for agent_id, skills in self._present.items() if is_eligible(needs, dict(skills))]

    def position(self, item_id: str) -> int:
        """Place of this item among the items of its queue with the same needs, from 1."""
        key, item = self._items[item_id]
        return 1 if item.only else self._lines[item.queue, item.needs].place_of(key) + 1

    def ahead(self, item_id: str) -> int:
        """Items that come before this one and compete with it for some of the same agents."""
        key, item = self._items[item_id]
        rivals = {line for bench in self._line(item).benches if bench.present for line in bench.lines}
        return sum(line.place_of(key) for line in rivals)

    def competition(self, item_id: str) -> Ahead:
        """What comes before this item. Looks at everybody logged in: for one item at a time."""
        key, item = self._items[item_id]
        present = {bench for bench in self._line(item).benches if bench.present}
        own: dict[str, int] = {}
        shared: dict[str, int] = {}
        helping = set(present)
        for line in {line for bench in present for line in bench.lines}:
            if count := line.place_of(key):
                others = {bench for bench in line.benches if bench.present} - present
                helping |= others
                kind = shared if others else own
                kind[line.queue] = kind.get(line.queue, 0) + count
        levels = {tuple(sorted(bench.levels.items())) for bench in helping}
        return Ahead(own, shared, tuple(agent_id for agent_id, skills in self._present.items() if skills in levels))

    # index ---------------------------------------------------------------------------------------------------

    def _rules_of(self, queue: str) -> QueueRules:
        return self._queues.get(queue, _NO_RULES)

    def _enter_fresh(self) -> None:
        for candidate in self._fresh.values():
            for line in self._benches[candidate.skills].lines:
                line.offer(candidate, self._idle)
        self._fresh.clear()

    def _enter_known(self, line: Line) -> None:
        """A line that is new, or new to a bench, learns of those who are idle already."""
        for bench in line.benches:
            for agent_id, candidate in bench.idle.items():
                if agent_id not in self._fresh:
                    line.offer(candidate, self._idle)

    def _line(self, item: WorkItem) -> Line:
        line = self._lines.get((item.queue, item.needs))
        return line or self._new_line((item.queue, item.needs))

    def _new_line(self, signature: Signature) -> Line:
        self._clear_if_many()
        queue = signature[0]
        line = self._lines[signature] = Line(signature, self._rules_of(queue), queue in self._reserves)
        for bench in self._benches.values():
            connect(line, bench)
        self._enter_known(line)
        return line

    def _bench(self, skills: Skills) -> Bench:
        bench = self._benches.get(skills)
        if bench is None:
            self._clear_if_many()
            bench = self._benches[skills] = Bench(skills)
            for line in self._lines.values():
                connect(line, bench)
        return bench

    def _count(self, bench: Bench, by: int) -> None:
        bench.present += by
        for line in bench.lines:
            line.present += by

    def _renew_lines(self, queue: str) -> None:
        """The needs of a queue's lines have changed: its items move to lines made anew."""
        old = {signature: line for signature, line in self._lines.items() if signature[0] == queue}
        for signature in old:
            del self._lines[signature]
        dead = set(old.values())
        for bench in self._benches.values():
            bench.lines = [line for line in bench.lines if line not in dead]
        for signature, line in old.items():
            self._new_line(signature).items = line.items

    def _clear_if_many(self) -> None:
        if len(self._lines) + len(self._benches) >= self._most:
            clear_away(self._lines, self._benches)
            self._most = max(_FEW, 2 * (len(self._lines) + len(self._benches)))
