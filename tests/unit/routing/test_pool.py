"""The pool: table tests of its order, and any sequence of changes against a model that scans everything."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from routing import Candidate, DuplicateItemError, Pool, UnknownItemError, WorkItem
from routing.eligibility import is_eligible
from routing.matching import _clear_away_empty
from routing.model import canonical

NETWORK, PRINTER = canonical({"network": 3}), canonical({"printer": 1})


def item(item_id: str, *, needs: tuple[tuple[str, int], ...] = (), priority: int = 5, at: float = 0.0) -> WorkItem:
    return WorkItem(item_id, needs, priority, at)


def pool_of(items: list[WorkItem], candidates: list[Candidate]) -> Pool:
    pool = Pool()
    for each in items:
        pool.add_item(each)
    for candidate in candidates:
        pool.add_candidate(candidate)
    return pool


@pytest.mark.parametrize(
    ("candidates", "chosen"),
    [
        ([], None),
        ([Candidate("new", (), 20.0), Candidate("old", (), 10.0)], "old"),
        ([Candidate("old", (), 10.0), Candidate("new", (), 20.0)], "old"),
        ([Candidate("b", (), 10.0), Candidate("a", (), 10.0)], "a"),
        ([Candidate("idle", PRINTER, 1.0), Candidate("fit", NETWORK, 9.0)], "fit"),
        ([Candidate("low", canonical({"network": 2}), 1.0), Candidate("exact", NETWORK, 9.0)], "exact"),
        ([Candidate("both", canonical({"network": 9, "printer": 1}), 8.0), Candidate("exact", NETWORK, 9.0)], "both"),
    ],
)
def test_the_longest_idle_of_the_eligible_takes_the_item(candidates: list[Candidate], chosen: str | None) -> None:
    needs = NETWORK if any(candidate.skills for candidate in candidates) else ()
    match = pool_of([item("x", needs=needs)], candidates).match_for_item("x")
    assert (match.candidate.agent_id if match else None) == chosen


@pytest.mark.parametrize(
    ("items", "chosen"),
    [
        ([], None),
        ([item("late", at=2.0), item("early", at=1.0)], "early"),
        ([item("early", at=1.0), item("urgent", at=9.0, priority=0)], "urgent"),
        ([item("b", at=1.0), item("a", at=1.0)], "a"),
        ([item("network", needs=NETWORK), item("printer", needs=PRINTER, at=5.0)], "printer"),
        ([item("any", at=5.0), item("printer", needs=PRINTER, at=6.0)], "any"),
        ([item("network", needs=NETWORK)], None),
    ],
)
def test_priority_then_age_then_the_id_decide_which_item_comes_first(items: list[WorkItem], chosen: str | None) -> None:
    match = pool_of(items, [Candidate("alice", PRINTER, 0.0)]).match_for_candidate("alice")
    assert (match.item.item_id if match else None) == chosen


def test_a_question_takes_nothing_out() -> None:
    pool = pool_of([item("x")], [Candidate("alice", (), 0.0)])
    first, second = pool.match_for_item("x"), pool.match_for_candidate("alice")
    assert first == second
    assert pool.has_item("x")
    assert pool.has_candidate("alice")


def test_position_counts_those_of_equal_needs_only() -> None:
    pool = pool_of(
        [
            item("second", at=2.0),
            item("first", at=1.0),
            item("urgent", at=9.0, priority=1),
            item("other", needs=NETWORK),
        ],
        [],
    )
    assert [pool.position(name) for name in ("urgent", "first", "second", "other")] == [1, 2, 3, 1]


def test_what_is_there_twice_or_not_at_all_is_refused() -> None:
    pool = pool_of([item("x")], [Candidate("alice", (), 0.0)])
    with pytest.raises(DuplicateItemError, match="x is in the pool already"):
        pool.add_item(item("x", needs=NETWORK))
    with pytest.raises(DuplicateItemError, match="alice is in the pool already"):
        pool.add_candidate(Candidate("alice", NETWORK, 0.0))
    pool.remove_item("x")
    pool.remove_candidate("alice")
    with pytest.raises(UnknownItemError, match="x is not in the pool"):
        pool.remove_item("x")
    with pytest.raises(UnknownItemError, match="alice is not in the pool"):
        pool.remove_candidate("alice")
    assert len(pool) == 0


def test_one_who_left_and_came_back_is_known_by_what_they_are_now() -> None:
    pool = pool_of([item("x", needs=NETWORK)], [Candidate("alice", NETWORK, 1.0), Candidate("bob", NETWORK, 2.0)])
    pool.remove_candidate("alice")
    pool.add_candidate(Candidate("alice", NETWORK, 3.0))
    match = pool.match_for_item("x")
    assert match is not None
    assert match.candidate.agent_id == "bob"
    pool.remove_candidate("bob")
    again = pool.match_for_item("x")
    assert again is not None
    assert again.candidate.idle_since == 3.0


def held(pool: Pool) -> int:
    """Entries that the pool keeps, those that are gone included."""
    waiting = sum(len(line._heap) + len(line._members) + len(line.fits) for line in pool._lines.values())
    idle = sum(len(bench._heap) + len(bench._members) + len(bench.fits) for bench in pool._benches.values())
    return waiting + idle


def test_a_day_of_coming_and_going_leaves_nothing_behind() -> None:
    pool = pool_of([], [Candidate("never_asked", canonical({"network": 1}), 0.0)])
    for number in range(20_000):
        pool.add_item(item(f"call{number}", needs=PRINTER, at=float(number)))
        if number >= 10:
            pool.remove_item(f"call{number - 10}")
    assert len(pool) == 10
    assert held(pool) < 200


def test_needs_and_skills_that_nobody_has_any_more_are_forgotten() -> None:
    """Skills are edited by people all year: old combinations must not make every decision dearer."""
    pool = pool_of([item("kept", needs=NETWORK)], [Candidate("kept", NETWORK, 0.0)])
    for number in range(5_000):
        skills = canonical({"network": number % 97, f"skill{number}": 1})
        pool.add_candidate(Candidate(f"agent{number}", skills, 0.0))
        pool.add_item(item(f"call{number}", needs=skills))
        assert pool.match_for_item(f"call{number}") is not None
        pool.remove_candidate(f"agent{number}")
        pool.remove_item(f"call{number}")
    assert held(pool) < 2_000
    match = pool.match_for_item("kept")
    assert match is not None
    assert match.candidate.agent_id == "kept"


LEVELS = st.dictionaries(st.sampled_from(["a", "b", "c"]), st.integers(0, 2), max_size=3).map(canonical)
INSTANTS = st.integers(0, 3).map(float)  # few, so that keys are often equal
IDS = st.sampled_from([f"id{number}" for number in range(8)])


class PoolAgainstModel(RuleBasedStateMachine):
    """Whatever comes and goes, the pool says what a scan of everything says."""

    def __init__(self) -> None:
        super().__init__()
        self.pool = Pool()
        self.items: dict[str, WorkItem] = {}
        self.candidates: dict[str, Candidate] = {}

    @rule()
    def clear_away(self) -> None:
        """What the pool does by itself once there are many lines."""
        _clear_away_empty(self.pool._lines, self.pool._benches)
        _clear_away_empty(self.pool._benches, self.pool._lines)

    @rule(item_id=IDS, needs=LEVELS, priority=st.integers(0, 2), at=INSTANTS)
    def put_item(self, item_id: str, needs: tuple[tuple[str, int], ...], priority: int, at: float) -> None:
        new = WorkItem(item_id, needs, priority, at)
        if item_id in self.items:
            with pytest.raises(DuplicateItemError):
                self.pool.add_item(new)
            return
        self.pool.add_item(new)
        self.items[item_id] = new

    @rule(agent_id=IDS, skills=LEVELS, at=INSTANTS)
    def put_candidate(self, agent_id: str, skills: tuple[tuple[str, int], ...], at: float) -> None:
        new = Candidate(agent_id, skills, at)
        if agent_id in self.candidates:
            with pytest.raises(DuplicateItemError):
                self.pool.add_candidate(new)
            return
        self.pool.add_candidate(new)
        self.candidates[agent_id] = new

    @rule(item_id=IDS)
    def take_item(self, item_id: str) -> None:
        if item_id in self.items:
            assert self.pool.remove_item(item_id) == self.items.pop(item_id)
            return
        with pytest.raises(UnknownItemError):
            self.pool.remove_item(item_id)

    @rule(agent_id=IDS)
    def take_candidate(self, agent_id: str) -> None:
        if agent_id in self.candidates:
            assert self.pool.remove_candidate(agent_id) == self.candidates.pop(agent_id)
            return
        with pytest.raises(UnknownItemError):
            self.pool.remove_candidate(agent_id)

    @rule(item_id=IDS, agent_id=IDS)
    def put_back_as_it_was(self, item_id: str, agent_id: str) -> None:
        if item_id in self.items:
            self.pool.add_item(self.pool.remove_item(item_id))
        if agent_id in self.candidates:
            self.pool.add_candidate(self.pool.remove_candidate(agent_id))

    @invariant()
    def every_item_gets_whom_a_scan_finds(self) -> None:
        for waiting in self.items.values():
            fit = [c for c in self.candidates.values() if is_eligible(waiting.requirements, c.skills)]
            expected = min(fit, key=lambda c: (c.idle_since, c.agent_id), default=None)
            match = self.pool.match_for_item(waiting.item_id)
            assert (match.candidate if match else None) == expected
            assert match is None or match.item == waiting

    @invariant()
    def every_candidate_gets_what_a_scan_finds(self) -> None:
        for idle in self.candidates.values():
            fit = [i for i in self.items.values() if is_eligible(i.requirements, idle.skills)]
            expected = min(fit, key=lambda i: (i.priority, i.queued_at, i.item_id), default=None)
            match = self.pool.match_for_candidate(idle.agent_id)
            assert (match.item if match else None) == expected
            assert match is None or match.candidate == idle

    @invariant()
    def positions_number_each_line(self) -> None:
        assert len(self.pool) == len(self.items)
        for waiting in self.items.values():
            line = [i for i in self.items.values() if i.requirements == waiting.requirements]
            line.sort(key=lambda i: i.sort_key)
            assert self.pool.position(waiting.item_id) == line.index(waiting) + 1


TestPoolAgainstModel = PoolAgainstModel.TestCase
