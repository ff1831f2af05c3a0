"""The pool: table tests of its order, and any sequence of changes against a model that scans everything."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from routing import (
    AgentChoice,
    Candidate,
    ChannelRules,
    DuplicateItemError,
    ItemChoice,
    Needs,
    Pool,
    PoolRules,
    QueueRules,
    Taste,
    UnknownItemError,
    WorkItem,
    room,
)
from routing.lines import clear_away
from routing.model import Skills
from tests.unit.routing.brute_force import NEEDS, SKILLS, Model

ANYTHING = Needs()
NETWORK, PRINTER = Needs((("network", 3),)), Needs((("printer", 1),))
EXPERT: Skills = (("network", 9), ("printer", 9))
CLERK: Skills = (("printer", 2),)


def item(item_id: str, *, needs: Needs = ANYTHING, priority: int = 5, at: float = 0.0, queue: str = "q") -> WorkItem:
    return WorkItem(item_id, needs, priority, at, queue)


def pool_of(
    items: list[WorkItem], candidates: list[Candidate], rules: PoolRules | None = None, **queues: QueueRules
) -> Pool:
    pool = Pool(rules, queues)
    for each in items:
        pool.add_item(each)
    for candidate in candidates:
        pool.log_in(candidate.agent_id, candidate.skills)
        pool.add_candidate(candidate)
    return pool


def chosen_agent(pool: Pool, item_id: str = "x") -> str | None:
    match = pool.match_for_item(item_id)
    return match.candidate.agent_id if match else None


def chosen_item(pool: Pool, agent_id: str = "alice", now: float = 100.0) -> str | None:
    match = pool.match_for_candidate(agent_id, now)
    return match.item.item_id if match else None


@pytest.mark.parametrize(
    ("candidates", "chosen"),
    [
        ([], None),
        ([Candidate("new", (), 20.0), Candidate("old", (), 10.0)], "old"),
        ([Candidate("old", (), 10.0), Candidate("new", (), 20.0)], "old"),
        ([Candidate("b", (), 10.0), Candidate("a", (), 10.0)], "a"),
    ],
)
def test_the_longest_idle_agent_comes_first_then_the_id_decides(
    candidates: list[Candidate], chosen: str | None
) -> None:
    assert chosen_agent(pool_of([item("x")], candidates)) == chosen


@pytest.mark.parametrize(
    ("choice", "chosen"),
    [
        (AgentChoice.LONGEST_IDLE, "clerk"),
        (AgentChoice.LEAST_OCCUPIED, "expert"),
        (AgentChoice.MOST_PROFICIENT, "expert"),
        (AgentChoice.LEAST_PROFICIENT, "clerk"),
        (AgentChoice.ROUND_ROBIN, "second_clerk"),
        (AgentChoice.FEWEST_CALLS, "second_clerk"),
    ],
)
def test_each_queue_chooses_its_agents_in_its_own_way(choice: AgentChoice, chosen: str) -> None:
    """Avaya's UCD/EAD x most-idle/least-occupied, and app_queue's rrmemory and fewestcalls."""
    candidates = [
        Candidate("expert", EXPERT, 30.0, occupancy=0.2, calls=3, last_offers={"q": 5}),
        Candidate("clerk", CLERK, 10.0, occupancy=0.7, calls=4, last_offers={"q": 4, "other": 9}),
        Candidate("second_clerk", CLERK, 20.0, occupancy=0.5, calls=2, last_offers={"other": 8}),
    ]
    pool = pool_of([item("x", needs=PRINTER)], candidates, q=QueueRules(agent_choice=choice))
    assert chosen_agent(pool) == chosen


def test_weighted_random_chooses_in_proportion_to_proficiency() -> None:
    """Draws of mean 1 are divided by the weight: who is twice as good draws half as much on average."""
    heavy = Candidate("heavy", (("a", 6),), 1.0, draw=1.0)
    light = Candidate("light", (("a", 2),), 0.0, draw=0.5)
    rules = QueueRules(agent_choice=AgentChoice.WEIGHTED_RANDOM)
    pool = pool_of([item("x", needs=Needs((("a", 1),)))], [heavy, light], q=rules)
    assert chosen_agent(pool) == "heavy"
    assert pool.agent_key("x", "heavy")[0] == pytest.approx(1 / 6)
    assert pool.agent_key("x", "light")[0] == pytest.approx(0.25)


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
    assert chosen_item(pool_of(items, [Candidate("alice", CLERK, 0.0)])) == chosen


def test_with_ageing_whoever_waits_long_enough_passes_the_more_important() -> None:
    items = [item("humble", priority=7, at=0.0), item("urgent", priority=2, at=299.0)]
    alice = [Candidate("alice", (), 0.0)]
    assert chosen_item(pool_of(items, alice)) == "urgent"
    assert chosen_item(pool_of(items, alice, PoolRules(priority_worth_seconds=60))) == "urgent"
    assert chosen_item(pool_of(items, alice, PoolRules(priority_worth_seconds=59))) == "humble"


def test_greatest_need_measures_each_wait_against_its_queues_own_target() -> None:
    """Avaya's greatest need."""
    items = [item("slow", at=10.0, queue="slow"), item("quick", at=60.0, queue="quick")]
    rules = PoolRules(item_choice=ItemChoice.GREATEST_NEED)
    queues = {"slow": QueueRules(target_seconds=60), "quick": QueueRules(target_seconds=10)}
    pool = pool_of(items, [Candidate("alice", (), 0.0)], rules, **queues)
    assert chosen_item(pool, now=61.0) == "slow"  # 51/60 against 1/10
    assert chosen_item(pool, now=71.0) == "quick"  # 61/60 against 11/10


def test_with_ageing_greatest_need_still_goes_by_each_queues_own_target() -> None:
    """Priorities turned into age must not turn need round: of two normal calls the one nearer its target goes first."""
    items = [item("slow", at=10.0, queue="slow"), item("quick", at=60.0, queue="quick")]
    rules = PoolRules(item_choice=ItemChoice.GREATEST_NEED, priority_worth_seconds=300)
    queues = {"slow": QueueRules(target_seconds=60), "quick": QueueRules(target_seconds=10)}
    pool = pool_of(items, [Candidate("alice", (), 0.0)], rules, **queues)
    assert chosen_item(pool, now=61.0) == "slow"
    assert chosen_item(pool, now=71.0) == "quick"
    pool.add_item(item("important", at=71.0, queue="slow", priority=4))
    assert chosen_item(pool, now=71.0) == "important"


def test_an_agent_may_prefer_queues_or_take_shares_of_them() -> None:
    """Avaya's percent allocation."""
    items = [item("a", at=1.0, queue="a"), item("b", at=2.0, queue="b"), item("c", at=0.0, queue="c")]

    def taking(taste: Taste, **taken: int) -> str | None:
        return chosen_item(pool_of(items, [Candidate("alice", (), 0.0, taken=taken, taste=taste)]))

    assert taking(Taste(preferences=("b", "a"))) == "b"
    assert taking(Taste(preferences=("missing", "a"))) == "a"
    shares = Taste(allocation=(("a", 70), ("b", 30)))
    assert taking(shares, a=0, b=0) == "a"
    assert taking(shares, a=1, b=0) == "a"
    assert taking(shares, a=2, b=0) == "b"
    assert taking(shares, a=2, b=1) == "a"


def test_after_so_many_in_a_row_another_queue_comes_first_if_it_has_anything() -> None:
    def taking(*items: WorkItem, row: int) -> str | None:
        alice = Candidate("alice", (), 0.0, row=("a", row))
        return chosen_item(pool_of(list(items), [alice], None, a=QueueRules(most_in_a_row=2)))

    a, b = item("a", at=0.0, queue="a"), item("b", at=9.0, queue="b")
    assert taking(a, b, row=1) == "a"
    assert taking(a, b, row=2) == "b"
    assert taking(a, row=2) == "a"


def test_an_item_kept_for_named_agents_goes_to_nobody_else_and_asks_for_no_skill() -> None:
    """Genesys' preferred agents."""
    kept = WorkItem("x", NETWORK, 5, 0.0, "q", only=("bob", "carol"))
    pool = pool_of([kept], [Candidate("alice", EXPERT, 0.0)])
    assert (chosen_agent(pool), chosen_item(pool)) == (None, None)
    pool.add_candidate(Candidate("carol", (), 1.0))
    assert chosen_agent(pool) == "carol"
    pool.add_candidate(Candidate("bob", (), 2.0))
    assert chosen_agent(pool) == "bob"  # named first
    assert chosen_item(pool, "carol") == "x"


def test_a_reserve_helps_while_it_is_called_up() -> None:
    """Avaya's reserve agents."""
    pool = pool_of(
        [item("x", needs=NETWORK)],
        [Candidate("helper", (("second_line", 1),), 0.0)],
        q=QueueRules(reserve_group="second_line"),
    )
    assert (chosen_agent(pool), pool.present_for("x")) == (None, 0)
    pool.call_up_reserve("q")
    assert (chosen_agent(pool), chosen_item(pool, "helper"), pool.present_for("x")) == ("helper", "x", 1)
    pool.stand_down_reserve("q")
    assert (chosen_agent(pool), chosen_item(pool, "helper"), pool.present_for("x")) == (None, None, 0)
    pool.call_up_reserve("other")  # has no reserve
    assert not pool.is_reserve_called("other")


def test_who_has_room_for_a_channel_gets_items_of_it_and_of_no_other() -> None:
    """Genesys' utilisation: one call, several chats, and mails that a call may interrupt."""
    queues = {"calls": QueueRules(), "chats": QueueRules(channel="chat"), "mails": QueueRules(channel="mail")}
    waiting = [item("mail", queue="mails"), item("chat", at=1.0, queue="chats"), item("call", at=2.0, queue="calls")]
    channels = {
        "voice": ChannelRules(),
        "chat": ChannelRules(capacity=2),
        "mail": ChannelRules(capacity=3, is_interruptible=True),
    }

    def next_for(**load: int) -> str | None:
        alice = Candidate("alice", (), 0.0, room=room(channels, load))
        return chosen_item(pool_of(waiting, [alice], None, **queues))

    assert next_for() == "mail"  # the oldest
    assert next_for(mail=3) == "chat"  # mails may lie still
    assert next_for(mail=3, chat=1) == "chat"
    assert next_for(mail=3, chat=2) is None  # who chats must not be called away
    assert next_for(chat=1, mail=0) == "chat"
    assert next_for(voice=1) is None
    chatting = Candidate("alice", (), 0.0, room=room(channels, {"chat": 1}))
    writing = Candidate("bob", (), 5.0, room=room(channels, {"mail": 2}))
    pool = pool_of(waiting, [chatting, writing], None, **queues)
    assert [chosen_agent(pool, each) for each in ("call", "chat", "mail")] == ["bob", "alice", "bob"]
    only = WorkItem("kept", ANYTHING, 5, 0.0, "calls", only=("alice", "bob"))
    pool.add_item(only)
    assert chosen_agent(pool, "kept") == "bob"


def test_an_agent_whose_room_changes_is_put_in_anew() -> None:
    queues = {"calls": QueueRules(), "chats": QueueRules(channel="chat")}
    pool = pool_of(
        [item("call", queue="calls")], [Candidate("alice", (), 0.0, room=frozenset({"chat"}))], None, **queues
    )
    assert chosen_agent(pool, "call") is None
    pool.remove_candidate("alice")
    pool.add_candidate(Candidate("alice", (), 0.0, room=frozenset({"chat", "voice"})))
    assert chosen_agent(pool, "call") == "alice"


@given(
    st.dictionaries(
        st.sampled_from(["voice", "chat", "mail"]),
        st.builds(ChannelRules, capacity=st.integers(0, 3), is_interruptible=st.booleans()),
    ),
    st.dictionaries(st.sampled_from(["voice", "chat", "mail", "fax"]), st.integers(0, 3)),
)
def test_taking_something_never_makes_room_elsewhere(channels: dict[str, ChannelRules], load: dict[str, int]) -> None:
    has_room = room(channels, load)
    for channel in has_room:
        after = {**load, channel: load.get(channel, 0) + 1}
        assert after[channel] <= channels[channel].capacity
        assert room(channels, after) <= has_room


def test_a_question_takes_nothing_out() -> None:
    pool = pool_of([item("x")], [Candidate("alice", (), 0.0)])
    first, second = pool.match_for_item("x"), pool.match_for_candidate("alice")
    assert first == second
    assert pool.has_item("x")
    assert pool.has_candidate("alice")


def test_position_counts_those_of_equal_needs_and_ahead_those_who_compete() -> None:
    pool = pool_of(
        [
            item("second", at=2.0),
            item("first", at=1.0),
            item("urgent", at=9.0, priority=1),
            item("network", needs=NETWORK, at=0.0),
        ],
        [Candidate("alice", (), 0.0)],
    )
    assert [pool.position(name) for name in ("urgent", "first", "second", "network")] == [1, 2, 3, 1]
    assert [pool.ahead(name) for name in ("urgent", "first", "second", "network")] == [0, 1, 2, 0]
    pool.log_in("expert", EXPERT)  # serves both: now they compete
    assert [pool.ahead(name) for name in ("urgent", "first", "second", "network")] == [0, 2, 3, 1]


def test_what_is_there_twice_or_not_at_all_is_refused() -> None:
    pool = pool_of([item("x")], [Candidate("alice", (), 0.0)])
    with pytest.raises(DuplicateItemError, match="x is in the pool already"):
        pool.add_item(item("x", needs=NETWORK))
    with pytest.raises(DuplicateItemError, match="alice is in the pool already"):
        pool.add_candidate(Candidate("alice", EXPERT, 0.0))
    pool.remove_item("x")
    pool.remove_candidate("alice")
    with pytest.raises(UnknownItemError, match="x is not in the pool"):
        pool.remove_item("x")
    with pytest.raises(UnknownItemError, match="alice is not in the pool"):
        pool.remove_candidate("alice")
    assert (len(pool), pool.waiting_in("q")) == (0, 0)


def held(pool: Pool) -> int:
    """Entries that the pool keeps, those that are gone included."""
    waiting = sum(len(line._idle) + len(line._fresh) + len(line.benches) + 1 for line in pool._lines.values())
    return waiting + sum(len(bench.lines) + len(bench.idle) + 1 for bench in pool._benches.values()) + len(pool._named)


def test_a_day_of_coming_and_going_leaves_nothing_behind() -> None:
    pool = pool_of([item("never_served", needs=NETWORK)], [])
    for number in range(20_000):
        pool.add_item(item(f"call{number}", needs=PRINTER, at=float(number)))
        pool.add_candidate(Candidate(f"agent{number}", CLERK, float(number)))
        if number % 2:
            assert chosen_agent(pool, f"call{number}") is not None
        if number >= 10:
            pool.remove_item(f"call{number - 10}")
            pool.remove_candidate(f"agent{number - 10}")
    assert len(pool) == 11
    assert held(pool) < 400


def test_needs_and_skills_that_nobody_has_any_more_are_forgotten() -> None:
    """Skills are edited by people all year: old combinations must not make every decision dearer."""
    pool = pool_of([item("kept", needs=NETWORK)], [Candidate("kept", EXPERT, 0.0)])
    for number in range(5_000):
        skills = (("network", number % 97), (f"skill{number}", 1))
        pool.log_in(f"agent{number}", skills)
        pool.add_candidate(Candidate(f"agent{number}", skills, 0.0))
        pool.add_item(item(f"call{number}", needs=Needs(skills)))
        assert pool.match_for_item(f"call{number}") is not None
        pool.remove_candidate(f"agent{number}")
        pool.log_out(f"agent{number}")
        pool.remove_item(f"call{number}")
    assert held(pool) < 3_000
    assert chosen_agent(pool, "kept") == "kept"


IDS = st.sampled_from([f"id{number}" for number in range(7)])
QUEUES = st.sampled_from(["p", "q"])
INSTANTS = st.integers(0, 3).map(float)  # few, so that keys are often equal
TASTES = st.sampled_from([None, None, Taste(preferences=("q",)), Taste(allocation=(("p", 60), ("q", 40)))])
POOL_RULES = st.builds(
    PoolRules, item_choice=st.sampled_from(list(ItemChoice)), priority_worth_seconds=st.sampled_from([None, 1.0])
)
QUEUE_RULES = st.builds(
    QueueRules,
    agent_choice=st.sampled_from(list(AgentChoice)),
    target_seconds=st.sampled_from([1.0, 2.0]),
    most_in_a_row=st.integers(0, 2),
    reserve_group=st.sampled_from(["", "helper"]),
    channel=st.sampled_from(["voice", "voice", "chat"]),
)
ITEMS = st.builds(
    WorkItem,
    item_id=IDS,
    needs=NEEDS,
    priority=st.integers(0, 2),
    queued_at=INSTANTS,
    queue=QUEUES,
    only=st.one_of(st.just(()), st.just(()), st.lists(IDS, max_size=2, unique=True).map(tuple)),
)
CANDIDATES = st.builds(
    Candidate,
    agent_id=IDS,
    skills=SKILLS,
    idle_since=INSTANTS,
    occupancy=st.sampled_from([0.0, 0.5]),
    calls=st.integers(0, 1),
    taken=st.fixed_dictionaries({"p": st.integers(0, 2)}),
    last_offers=st.fixed_dictionaries({"q": st.integers(0, 2)}),
    row=st.tuples(QUEUES, st.integers(0, 2)),
    draw=st.sampled_from([0.1, 0.6]),
    draw_from=st.sampled_from([0.0, 1.0]),
    taste=TASTES,
    room=st.sampled_from([frozenset({"voice"}), frozenset({"voice", "chat"}), frozenset({"chat"})]),
)


class PoolAgainstModel(RuleBasedStateMachine):
    """Whatever comes and goes, the pool says what a scan of everything says, and so does one that is built afresh."""

    @initialize(rules=POOL_RULES, p=QUEUE_RULES, q=QUEUE_RULES)
    def begin(self, rules: PoolRules, p: QueueRules, q: QueueRules) -> None:
        self.pool = Pool(rules, {"p": p, "q": q})
        self.model = Model(rules, {"p": p, "q": q})

    @rule(rules=POOL_RULES, p=QUEUE_RULES, q=QUEUE_RULES)
    def configure(self, rules: PoolRules, p: QueueRules, q: QueueRules) -> None:
        self.pool.configure(rules, {"p": p, "q": q})
        self.model.rules, self.model.queues = rules, {"p": p, "q": q}
        self.model.called = {queue for queue in self.model.called if self.model.queues[queue].reserve_group}

    @rule()
    def clear_away(self) -> None:
        """What the pool does by itself once there are many lines."""
        clear_away(self.pool._lines, self.pool._benches)

    @rule(new=ITEMS)
    def put_item(self, new: WorkItem) -> None:
        if new.item_id in self.model.items:
            with pytest.raises(DuplicateItemError):
                self.pool.add_item(new)
            return
        self.pool.add_item(new)
        self.model.items[new.item_id] = new

    @rule(new=CANDIDATES)
    def put_candidate(self, new: Candidate) -> None:
        if new.agent_id in self.model.idle:
            with pytest.raises(DuplicateItemError):
                self.pool.add_candidate(new)
            return
        self.pool.add_candidate(new)
        self.model.idle[new.agent_id] = new

    @rule(agent_id=IDS, skills=SKILLS)
    def log_in(self, agent_id: str, skills: Skills) -> None:
        self.pool.log_in(agent_id, skills)
        self.model.present[agent_id] = skills

    @rule(agent_id=IDS)
    def log_out(self, agent_id: str) -> None:
        self.pool.log_out(agent_id)
        self.model.present.pop(agent_id, None)

    @rule(queue=QUEUES, up=st.booleans())
    def move_reserve(self, queue: str, up: bool) -> None:
        if up:
            self.pool.call_up_reserve(queue)
            self.model.called |= {queue} if self.model.queues[queue].reserve_group else set()
        else:
            self.pool.stand_down_reserve(queue)
            self.model.called -= {queue}

    @rule(item_id=IDS)
    def take_item(self, item_id: str) -> None:
        if item_id in self.model.items:
            assert self.pool.remove_item(item_id) == self.model.items.pop(item_id)
            return
        with pytest.raises(UnknownItemError):
            self.pool.remove_item(item_id)

    @rule(agent_id=IDS)
    def take_candidate(self, agent_id: str) -> None:
        if agent_id in self.model.idle:
            assert self.pool.remove_candidate(agent_id) == self.model.idle.pop(agent_id)
            return
        with pytest.raises(UnknownItemError):
            self.pool.remove_candidate(agent_id)

    @rule(item_id=IDS, agent_id=IDS)
    def put_back_as_it_was(self, item_id: str, agent_id: str) -> None:
        if item_id in self.model.items:
            self.pool.add_item(self.pool.remove_item(item_id))
        if agent_id in self.model.idle:
            self.pool.add_candidate(self.pool.remove_candidate(agent_id))

    def afresh(self) -> Pool:
        fresh = Pool(self.model.rules, self.model.queues)
        for queue in sorted(self.model.called):
            fresh.call_up_reserve(queue)
        for agent_id, skills in self.model.present.items():
            fresh.log_in(agent_id, skills)
        for waiting in self.model.items.values():
            fresh.add_item(waiting)
        for idle in self.model.idle.values():
            fresh.add_candidate(idle)
        return fresh

    @invariant()
    def every_item_gets_whom_a_scan_finds(self) -> None:
        afresh = self.afresh()
        for waiting in self.model.items.values():
            match = self.pool.match_for_item(waiting.item_id)
            assert (match.candidate if match else None) == self.model.agent_for(waiting)
            assert match is None or match.item == waiting
            assert match == afresh.match_for_item(waiting.item_id)

    @invariant()
    def every_candidate_gets_what_a_scan_finds(self) -> None:
        afresh = self.afresh()
        for idle in self.model.idle.values():
            match = self.pool.match_for_candidate(idle.agent_id, 4.0)
            assert (match.item if match else None) == self.model.item_for(idle, 4.0)
            assert match is None or match.candidate == idle
            assert match == afresh.match_for_candidate(idle.agent_id, 4.0)

    @invariant()
    def places_and_counts_are_those_of_a_scan(self) -> None:
        model, pool = self.model, self.pool
        assert len(pool) == len(model.items)
        stranded = set()
        for queue in ("p", "q"):
            assert pool.waiting_in(queue) == len([i for i in model.items.values() if i.queue == queue])
        for waiting in model.items.values():
            able = [agent_id for agent_id, skills in model.present.items() if model.fits(waiting, agent_id, skills)]
            assert pool.present_for(waiting.item_id) == len(able)
            assert sorted(pool.agents_for(waiting.item_id)) == sorted(able)
            if waiting.only:
                continue
            stranded |= set() if able else {waiting.item_id}
            signature = (waiting.queue, waiting.needs)
            equal = [i for i in model.items.values() if not i.only and (i.queue, i.needs) == signature]
            assert pool.position(waiting.item_id) == sorted(equal, key=model.key).index(waiting) + 1
            rivals = [
                other
                for other in model.items.values()
                if not other.only
                and model.key(other) < model.key(waiting)
                and any(
                    model.fits(waiting, agent_id, skills) and model.fits(other, agent_id, skills)
                    for agent_id, skills in model.present.items()
                )
            ]
            assert pool.ahead(waiting.item_id) == len(rivals)
        assert {each.item_id for each in pool.stranded()} == stranded


ARRIVALS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 9), st.integers(0, 2)), min_size=1, max_size=40)


@given(ARRIVALS, st.sampled_from([0.5, 2.0, 10.0]))
def test_under_bounded_load_nobody_waits_for_more_than_those_who_came_within_the_worth_of_nine_steps(
    arrivals: list[tuple[int, int, int]], worth: float
) -> None:
    """Each arrival: seconds since the one before, priority, and how many agents have come free meanwhile. Whoever is
    passed over is passed by somebody whose static key is smaller, and later arrivals cannot have one for ever."""
    pool = pool_of([], [], PoolRules(priority_worth_seconds=worth))
    now, free = 0.0, 0
    waiting: dict[str, WorkItem] = {}

    def release() -> None:
        nonlocal free
        free += 1
        pool.add_candidate(Candidate(f"agent{free}", (), now))
        match = pool.match_for_candidate(f"agent{free}", now)
        pool.remove_candidate(f"agent{free}")
        if match is None:
            assert not waiting
            return
        served = waiting.pop(pool.remove_item(match.item.item_id).item_id)
        for passed in waiting.values():
            assert passed.queued_at + passed.priority * worth >= served.queued_at + served.priority * worth
            assert served.queued_at <= passed.queued_at + 9 * worth  # nobody who came later than that

    for number, (gap, priority, releases) in enumerate(arrivals):
        now += gap
        waiting[f"item{number}"] = item(f"item{number}", priority=priority, at=now)
        pool.add_item(waiting[f"item{number}"])
        for _ in range(releases):
            release()
    while waiting:
        release()
    release()


PoolAgainstModel.TestCase.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
TestPoolAgainstModel = PoolAgainstModel.TestCase
