"""What routing promises, written down a second time without any index: scans over everything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from hypothesis import strategies as st

from routing import AgentChoice, Candidate, ItemChoice, Needs, PoolRules, QueueRules, Taste, WorkItem
from routing.model import canonical

_NAMES = st.sampled_from(["a", "b", "c", "helper"])
LEVELS = st.dictionaries(_NAMES, st.integers(0, 2), max_size=3).map(canonical)
SKILLS = LEVELS
NEEDS = st.builds(
    Needs,
    all_of=st.dictionaries(_NAMES, st.integers(0, 2), max_size=2).map(canonical),
    any_of=st.lists(st.dictionaries(_NAMES, st.integers(0, 2), min_size=1, max_size=2).map(canonical), max_size=2).map(
        tuple
    ),
    none_of=st.dictionaries(_NAMES, st.integers(1, 2), max_size=1).map(canonical),
    also=st.sampled_from([(), ("helper",)]),
)


def may_take(needs: Needs, levels: Mapping[str, int]) -> bool:
    def has(skill: str, level: int) -> bool:
        return skill in levels and levels[skill] >= level

    for skill, level in needs.none_of:
        if has(skill, level):
            return False
    for group in needs.also:
        if has(group, 1):
            return True
    for skill, level in needs.all_of:
        if not has(skill, level):
            return False
    return all(any(has(skill, level) for skill, level in group) for group in needs.any_of)


def skill_sum(needs: Needs, levels: Mapping[str, int]) -> int:
    return sum(levels.get(skill, 0) for skill, _ in needs.all_of) + sum(
        max([levels.get(skill, 0) for skill, _ in group]) for group in needs.any_of
    )


class Model:
    """The pool's rules, by scanning."""

    def __init__(self, rules: PoolRules, queues: Mapping[str, QueueRules]) -> None:
        self.rules, self.queues = rules, dict(queues)
        self.items: dict[str, WorkItem] = {}
        self.idle: dict[str, Candidate] = {}
        self.present: dict[str, tuple[tuple[str, int], ...]] = {}
        self.called: set[str] = set()

    def rules_of(self, queue: str) -> QueueRules:
        return self.queues.get(queue, QueueRules())

    def needs(self, item: WorkItem) -> Needs:
        group = self.rules_of(item.queue).reserve_group
        if item.queue in self.called and group not in item.needs.also:
            return item.needs._replace(also=(*item.needs.also, group))
        return item.needs

    def fits(self, item: WorkItem, agent_id: str, skills: Iterable[tuple[str, int]]) -> bool:
        return agent_id in item.only if item.only else may_take(self.needs(item), dict(skills))

    def key(self, item: WorkItem) -> tuple[float, float, str]:
        worth = self.rules.priority_worth_seconds
        if worth is None:
            return (item.priority, item.queued_at, item.item_id)
        return (0, item.queued_at + worth * (item.priority - 5), item.item_id)

    def agent_for(self, item: WorkItem) -> Candidate | None:
        if item.only:
            named = [self.idle[agent_id] for agent_id in item.only if agent_id in self.idle]
            return next((who for who in named if self.has_room(who, item)), None)
        fit = [
            who for who in self.idle.values() if self.fits(item, who.agent_id, who.skills) and self.has_room(who, item)
        ]
        return min(fit, key=lambda who: (self.rank(item, who), who.idle_since, who.agent_id), default=None)

    def has_room(self, who: Candidate, item: WorkItem) -> bool:
        return self.rules_of(item.queue).channel in who.room

    def rank(self, item: WorkItem, who: Candidate) -> float:
        skill = skill_sum(self.needs(item), dict(who.skills))
        return {
            AgentChoice.LONGEST_IDLE: 0.0,
            AgentChoice.LEAST_OCCUPIED: who.occupancy,
            AgentChoice.MOST_PROFICIENT: -skill,
            AgentChoice.LEAST_PROFICIENT: skill,
            AgentChoice.ROUND_ROBIN: who.last_offers.get(item.queue, 0),
            AgentChoice.FEWEST_CALLS: who.calls,
            AgentChoice.WEIGHTED_RANDOM: who.draw_from + who.draw / max(1, skill),
        }[self.rules_of(item.queue).agent_choice]

    def item_for(self, who: Candidate, now: float) -> WorkItem | None:
        fit = [i for i in self.items.values() if self.fits(i, who.agent_id, who.skills) and self.has_room(who, i)]
        queue, times = who.row
        most = self.rules_of(queue).most_in_a_row
        if most and times >= most:
            fit = [item for item in fit if item.queue != queue] or fit
        return min(fit, key=lambda item: (self.like(who, item), self.need(item, now), self.key(item)), default=None)

    def like(self, who: Candidate, item: WorkItem) -> float:
        taste = who.taste or Taste()
        if taste.allocation:
            share = dict(taste.allocation).get(item.queue, 0)
            return (who.taken.get(item.queue, 0) + 1) / share if share else float("inf")
        if item.queue in taste.preferences:
            return taste.preferences.index(item.queue)
        return len(taste.preferences)

    def need(self, item: WorkItem, now: float) -> tuple[float, float]:
        if self.rules.item_choice is not ItemChoice.GREATEST_NEED:
            return (0, 0)
        rank, placed_at, _ = self.key(item)
        return (rank, (placed_at - now) / self.rules_of(item.queue).target_seconds)
