"""Routing as the engine does it, on virtual time. Each test names the peer's feature it matches."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from acd.domain import commands as cmd
from acd.domain import effects as fx
from acd.domain import events as ev
from acd.domain.agent import AgentState
from acd.domain.call import CallStage, Reason, Result
from acd.domain.caller import Caller, CallerContext, RecentCallCard, TicketCard
from acd.domain.errors import WrongStateError
from acd.domain.ids import CallId, QueueName, agent_id_of, call_id_of
from acd.domain.queue import (
    Overflow,
    OverflowCause,
    PreferredBy,
    PreferredRing,
    QueuePolicy,
    ReservePolicy,
    RoutingRules,
)
from ivr.opening import OpeningHours, Window
from routing import AgentChoice, ItemChoice, Taste
from routing.relaxation import Step
from tests.unit.acd.domain.floor import ALICE, BOB, FIRST, ORDERS, START, SUPPORT, Floor, policy, profile

CAROL = agent_id_of("carol")


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


class VirtualFloor(Floor):
    """A floor whose timers fire as time passes."""

    def pass_time(self, seconds: float) -> None:
        until = self.now + timedelta(seconds=seconds)
        while due := [timer for timer in self.pending().values() if timer.due_at <= until]:
            timer = min(due, key=lambda each: each.due_at)
            self.effects.append(fx.CancelTimer(key=timer.key))
            self.now = max(self.now, timer.due_at)
            self.give(timer.command)
        self.now = until

    def pending(self) -> dict[str, fx.StartTimer]:
        timers: dict[str, fx.StartTimer] = {}
        for effect in self.effects:
            if isinstance(effect, fx.StartTimer):
                timers[effect.key] = effect
            elif isinstance(effect, fx.CancelTimer):
                timers.pop(effect.key, None)
        return timers

    def rung(self) -> list[str]:
        return [ring.agent_id.removeprefix("agent_") for ring in self.wished(fx.RingAgent)]

    def causes(self) -> list[str]:
        return [event.cause for event in self.seen(ev.StepReached) if event.call_id == FIRST]


BULLSEYE = replace(
    policy("support", network=5),
    steps=(
        Step(after=seconds(10), levels=(("network", 3),)),
        Step(after=seconds(20), drop=("network",), groups=("second_line",), priority=1),
    ),
)


def test_bullseye_loosens_the_requirements_as_the_caller_waits() -> None:
    """Genesys' bullseye rings, Amazon Connect's routing steps with expiry."""
    floor = VirtualFloor(BULLSEYE)
    floor.agent("expert", AgentState.NOT_READY, network=9)
    floor.agent("clerk", network=3)
    call = floor.queue()
    assert floor.stage(call) is CallStage.WAITING
    floor.pass_time(9.9)
    assert floor.rung() == []
    floor.pass_time(0.1)
    assert floor.rung() == ["clerk"]
    assert floor.causes() == ["time"]
    assert floor.call(call).reasons[2] == "after routing step 1"


def test_a_step_is_taken_at_once_when_nobody_logged_in_fits_the_one_before() -> None:
    floor = VirtualFloor(BULLSEYE)
    floor.agent("clerk", network=3)
    floor.queue()
    assert floor.causes() == ["nobody_able"]
    assert floor.rung() == ["clerk"]


def test_nothing_is_loosened_for_nobody() -> None:
    """With nobody logged in whom a later step would reach, a call asks for what it needs, for whoever logs in first."""
    floor = VirtualFloor(replace(BULLSEYE, steps=BULLSEYE.steps[:1]))
    floor.agent("novice", network=1)
    floor.queue()
    assert floor.causes() == []
    floor.agent("clerk", AgentState.NOT_READY, network=3)
    assert floor.causes() == ["nobody_able"]  # now the first step has somebody


def test_when_the_last_able_agent_leaves_the_call_goes_on_at_once() -> None:
    floor = VirtualFloor(BULLSEYE)
    expert = floor.agent("expert", AgentState.NOT_READY, network=9)
    floor.agent("clerk", network=3)
    floor.queue()
    assert floor.rung() == []
    floor.give(cmd.LogOutAgent(agent_id=expert))
    assert floor.rung() == ["clerk"]


def test_steps_add_groups_and_change_the_priority() -> None:
    floor = VirtualFloor(BULLSEYE)
    floor.agent("expert", AgentState.NOT_READY, network=9)
    floor.queue("1.1")
    floor.pass_time(15)
    floor.queue("2.1")
    floor.pass_time(5)
    assert floor.call(FIRST).step == 2
    assert floor.engine.state.pool.item(FIRST).priority == 1
    floor.agent("helper", second_line=1)
    assert floor.call(FIRST).agent_id == agent_id_of("helper")
    assert [floor.call(call_id_of("2.1")).step, floor.call(call_id_of("2.1")).stage] == [0, CallStage.WAITING]


def test_after_a_restart_the_step_follows_from_the_time_in_the_queue() -> None:
    floor = VirtualFloor(BULLSEYE)
    floor.agent("expert", AgentState.NOT_READY, network=9)
    floor.agent("clerk", network=3)
    call = floor.start()
    floor.give(cmd.EnqueueCall(call_id=call, queue=SUPPORT, queued_at=floor.now - seconds(12), is_back=True))
    assert floor.rung() == ["clerk"]
    assert floor.pending()["offer:rsv_1.1_1"]


def test_steps_that_are_changed_apply_to_those_who_wait() -> None:
    floor = VirtualFloor(policy("support", network=5))
    floor.agent("expert", AgentState.NOT_READY, network=9)
    floor.agent("clerk", network=3)
    floor.queue()
    floor.pass_time(11)
    floor.give(cmd.ConfigureQueues(queues=(BULLSEYE,)))
    assert floor.rung() == ["clerk"]
    assert floor.call().queued_at == START


def test_the_last_resort_is_another_queue_and_the_age_goes_along() -> None:
    support = replace(policy("support", support=1), steps=(Step(after=seconds(30), queue="orders"),))
    floor = VirtualFloor(support, policy("orders", orders=1))
    floor.agent("alice", AgentState.NOT_READY, support=1)
    floor.agent("bob", orders=1)
    floor.queue()
    floor.pass_time(30)
    assert (floor.call().queue, floor.call().queued_at, floor.call().agent_id) == (ORDERS, START, BOB)
    (overflowed,) = floor.seen(ev.CallOverflowed)
    assert (overflowed.queue, overflowed.cause, overflowed.to_queue) == (SUPPORT, "step", ORDERS)
    assert (floor.statistics.of(SUPPORT).moved, floor.statistics.of(ORDERS).offered) == (1, 1)


def test_queues_that_send_calls_round_in_a_circle_cannot_hang_the_engine() -> None:
    a = replace(policy("support", support=1), steps=(Step(after=seconds(0), queue="orders"),))
    b = replace(policy("orders", orders=1), steps=(Step(after=seconds(0), queue="support"),))
    floor = VirtualFloor(a, b)
    floor.queue()
    assert floor.call().queue == ORDERS
    assert floor.stage() is CallStage.WAITING


# preferred agents ----------------------------------------------------------------------------------------------

PREFERRED = replace(
    policy("support", support=1),
    preferred=(
        PreferredRing(by=PreferredBy.TICKET_OWNER, reserve_time=seconds(20)),
        PreferredRing(by=PreferredBy.LAST_AGENT, reserve_time=seconds(10)),
        PreferredRing(by=PreferredBy.NAMED, reserve_time=seconds(5), agents=(CAROL,)),
    ),
)


def known_caller(floor: Floor, owner: str = "", last: str = "") -> CallId:
    call = floor.start()
    ticket = TicketCard(number="1", title="", status="open", created_at=START, owner_agent_id=owner)
    recent = RecentCallCard(started_at=START, agent_name=last)
    context = CallerContext(linked_ticket=ticket if owner else None, recent_calls=(recent,) if last else ())
    floor.give(cmd.IdentifyCaller(call_id=call, caller=Caller(number="+33612345678"), context=context))
    floor.give(cmd.EnqueueCall(call_id=call, queue=SUPPORT))
    return call


def talking_to_another(floor: Floor, login: str) -> None:
    floor.agent(login)
    other = floor.queue(f"{login}.9")
    assert floor.call(other).agent_id == agent_id_of(login)
    floor.answer(other)


def test_the_owner_of_the_ticket_comes_first_whatever_their_skills() -> None:
    floor = VirtualFloor(PREFERRED)
    floor.agent("bob")
    floor.agent("alice", other=1)
    known_caller(floor, owner=ALICE)
    assert floor.rung() == ["alice"]
    assert floor.call().reasons[0] == "owner of the caller's ticket"


def test_a_call_is_kept_for_its_agent_for_the_reserve_time_then_for_the_next_ring() -> None:
    """Genesys' preferred agents in rings."""
    floor = VirtualFloor(replace(PREFERRED, wrap_up_time=seconds(0)))
    talking_to_another(floor, "alice")
    floor.agent("bob")
    known_caller(floor, owner=ALICE)
    floor.pass_time(19)
    assert floor.rung() == ["alice"]
    assert floor.engine.outlook(FIRST).kept_for == (ALICE,)
    assert floor.engine.why_waiting(FIRST) == ("Alice: talking", "Bob: the call is kept for another agent")
    floor.pass_time(1)
    assert floor.rung() == ["alice", "bob"]
    assert floor.causes() == ["reserve_over", "preferred_away"]  # Carol, of the last ring, is not there


def test_an_agent_who_comes_free_in_time_gets_the_call_kept_for_them() -> None:
    floor = VirtualFloor(replace(PREFERRED, wrap_up_time=seconds(0)))
    talking_to_another(floor, "alice")
    floor.agent("bob")
    known_caller(floor, last="alice")
    floor.pass_time(9)
    floor.end_talk(call_id_of("alice.9"))
    assert floor.rung() == ["alice", "alice"]


@pytest.mark.parametrize(
    "leave",
    [cmd.LogOutAgent(agent_id=ALICE), cmd.MakeNotReady(agent_id=ALICE, reason="lunch")],
    ids=lambda each: type(each).__name__,
)
def test_the_reserve_is_given_up_when_the_agent_leaves(leave: cmd.Command) -> None:
    floor = VirtualFloor(PREFERRED)
    talking_to_another(floor, "alice")
    floor.end_talk(call_id_of("alice.9"))
    floor.agent("bob")
    floor.now += seconds(25)  # five seconds of wrap-up are left
    known_caller(floor, owner=ALICE)
    assert floor.rung() == ["alice"]
    floor.give(leave)
    floor.pass_time(5)
    assert floor.rung() == ["alice", "bob"]


def test_no_time_is_lost_on_an_agent_who_cannot_come_in_time() -> None:
    floor = VirtualFloor(replace(PREFERRED, wrap_up_time=seconds(90)))
    talking_to_another(floor, "alice")
    floor.end_talk(call_id_of("alice.9"))
    floor.agent("bob")
    known_caller(floor, owner=ALICE, last="alice")
    assert floor.rung() == ["alice", "bob"]
    assert floor.causes() == ["preferred_away"] * 3


# reserves, priorities, choices ---------------------------------------------------------------------------------


def test_reserve_agents_help_above_a_threshold_and_are_left_alone_below_a_lower_one() -> None:
    """Avaya's reserve agents."""
    reserve = ReservePolicy(group="second_line", call_up_waiting=3, stand_down_waiting=1)
    floor = VirtualFloor(replace(policy("support", wrap_up_seconds=0, support=1), reserve=reserve))
    floor.agent("helper", second_line=1)
    for number in range(1, 3):
        floor.queue(f"{number}.1")
    assert floor.rung() == []
    floor.queue("3.1")
    assert floor.rung() == ["helper"]
    floor.answer(FIRST)
    floor.end_talk(FIRST)  # two wait: between the thresholds the help goes on
    assert floor.rung() == ["helper", "helper"]
    floor.answer(call_id_of("2.1"))
    floor.end_talk(call_id_of("2.1"))  # one waits
    assert floor.rung() == ["helper", "helper"]
    assert [type(event).__name__ for event in floor.events if type(event).__name__.startswith("Reserve")] == [
        "ReserveCalledUp",
        "ReserveStoodDown",
    ]


def test_a_reserve_is_called_up_for_one_who_waits_too_long() -> None:
    reserve = ReservePolicy(group="second_line", call_up_wait=seconds(40))
    floor = VirtualFloor(replace(policy("support", support=1), reserve=reserve))
    floor.agent("helper", second_line=1)
    floor.queue()
    floor.pass_time(39)
    assert floor.rung() == []
    floor.pass_time(1)
    assert floor.rung() == ["helper"]


def test_a_place_may_be_adjusted_without_changing_the_wait_that_is_reported() -> None:
    """Amazon Connect's queue age: the right primitive for a fair callback."""
    floor = VirtualFloor()
    floor.queue("1.1")
    floor.pass_time(60)
    second = floor.queue("2.1")
    floor.give(cmd.AdjustPlace(call_id=second, place_at=START - seconds(1)))
    floor.agent("alice")
    assert floor.call(second).agent_id == ALICE
    assert floor.call(second).queued_at == START + seconds(60)
    with pytest.raises(WrongStateError):
        floor.give(cmd.AdjustPlace(call_id=second, place_at=START))


def test_whoever_waits_long_enough_passes_the_more_important() -> None:
    floor = VirtualFloor(replace(policy("support"), priority=7), replace(policy("orders"), priority=2))
    rules = RoutingRules(priority_worth_seconds=10)
    floor.give(cmd.ConfigureQueues(queues=tuple(floor.engine.state.queues.values()), rules=rules))
    humble = floor.queue("1.1", SUPPORT)
    floor.pass_time(51)
    floor.queue("2.1", ORDERS)
    floor.agent("alice", any=1)
    assert floor.call(humble).agent_id == ALICE


def test_greatest_need_goes_by_each_queues_own_target() -> None:
    quick = replace(policy("orders"), service_level_time=seconds(10))
    floor = VirtualFloor(replace(policy("support"), service_level_time=seconds(60)), quick)
    rules = RoutingRules(item_choice=ItemChoice.GREATEST_NEED)
    floor.give(cmd.ConfigureQueues(queues=tuple(floor.engine.state.queues.values()), rules=rules))
    floor.queue("1.1", SUPPORT)
    floor.pass_time(20)
    pressing = floor.queue("2.1", ORDERS)
    floor.pass_time(10)
    floor.agent("alice", any=1)
    assert floor.call(pressing).agent_id == ALICE
    assert floor.call(pressing).reasons[-1] == "greatest need: 10 s in the queue, of 10 s aimed at"


def test_an_agent_may_prefer_a_queue() -> None:
    floor = VirtualFloor(policy("support"), policy("orders"))
    floor.queue("1.1", SUPPORT)
    liked = floor.queue("2.1", ORDERS)
    who = replace(profile("alice"), taste=Taste(preferences=(ORDERS,)))
    floor.give(cmd.RegisterAgent(profile=who))
    floor.give(cmd.LogInAgent(agent_id=ALICE))
    floor.give(cmd.MakeReady(agent_id=ALICE))
    assert floor.call(liked).agent_id == ALICE


def day_of(choice: AgentChoice, calls: int, **skills: dict[str, int]) -> list[str]:
    """Who gets the calls of a quiet day: one at a time, all of them idle."""
    floor = VirtualFloor(replace(policy("support", wrap_up_seconds=0, support=1), agent_choice=choice))
    for login, own in skills.items():
        floor.agent(login, AgentState.READY, **own)
        floor.pass_time(1)
    for number in range(calls):
        call = floor.queue(f"{number}.1")
        floor.answer(call)
        floor.pass_time(60)
        floor.end(call)
        floor.pass_time(30)
    return floor.rung()


def test_round_robin_goes_round() -> None:
    skills = {login: {"support": 1} for login in ("alice", "bob", "carol")}
    assert day_of(AgentChoice.ROUND_ROBIN, 6, **skills) == ["alice", "bob", "carol"] * 2


def test_fewest_calls_makes_up_for_who_came_late() -> None:
    floor = VirtualFloor(
        replace(policy("support", wrap_up_seconds=0, support=1), agent_choice=AgentChoice.FEWEST_CALLS)
    )
    floor.agent("alice")
    for number in range(2):
        call = floor.queue(f"{number}.1")
        floor.answer(call)
        floor.end(call)
    floor.agent("bob")
    for number in range(2, 5):
        call = floor.queue(f"{number}.1")
        floor.answer(call)
        floor.end(call)
    assert floor.rung() == ["alice", "alice", "bob", "bob", "alice"]


def test_least_occupied_evens_out_what_the_shift_has_brought() -> None:
    floor = VirtualFloor(
        replace(policy("support", wrap_up_seconds=0, support=1), agent_choice=AgentChoice.LEAST_OCCUPIED)
    )
    floor.agent("alice")
    floor.agent("bob")
    for linkedid in ("1.1", "2.1"):
        floor.queue(linkedid)
        floor.answer(call_id_of(linkedid))
    floor.pass_time(10)
    floor.end(call_id_of("2.1"))  # Bob
    floor.pass_time(290)
    floor.end(call_id_of("1.1"))  # Alice is idle for no time at all, Bob since long: that is longest idle
    floor.give(cmd.MakeNotReady(agent_id=BOB, reason="break"))
    floor.pass_time(1)
    floor.give(cmd.MakeReady(agent_id=BOB))  # now Alice is idle longer, and has had more to do
    assert floor.call(floor.queue("9.1")).agent_id == BOB


def test_weighted_random_is_in_proportion_and_the_same_every_time() -> None:
    skills = {"alice": {"support": 6}, "bob": {"support": 3}, "carol": {"support": 1}}
    rung = day_of(AgentChoice.WEIGHTED_RANDOM, 1000, **skills)
    assert rung == day_of(AgentChoice.WEIGHTED_RANDOM, 1000, **skills)
    shares = [rung.count(login) / len(rung) for login in skills]
    assert shares == pytest.approx([0.6, 0.3, 0.1], abs=0.05)  # three standard deviations


# admission -----------------------------------------------------------------------------------------------------

OFFICE = OpeningHours(time_zone="Europe/Paris", week=((Window(480, 630),),) * 5 + ((),) * 2, country="FR")
SORRY = (("en", "Closed."), ("fr", "Fermé."))


def door(cause: OverflowCause, limit: float = 0.0, queue: QueueName | None = ORDERS) -> QueuePolicy:
    rule = Overflow(cause=cause, limit=limit, queue=queue, announcement=() if queue else SORRY)
    return replace(policy("support", support=1), overflow=(rule,), hours=OFFICE)


def test_a_closed_queue_says_so_and_lets_go() -> None:
    floor = VirtualFloor(door(OverflowCause.CLOSED, queue=None))
    assert floor.stage(floor.queue("1.1")) is CallStage.WAITING  # 10:00 in Paris is not yet
    floor.pass_time(3600)
    late = floor.start("2.1")
    floor.give(cmd.EnqueueCall(call_id=late, queue=SUPPORT))
    (away,) = floor.wished(fx.TurnAway)
    assert (away.call_id, away.announcement) == (late, SORRY)
    floor.end(late, Reason.FLOW_ENDED)
    ended = floor.seen(ev.CallEnded)[-1]
    assert (ended.termination.result, ended.queue) == (Result.TURNED_AWAY, None)
    assert floor.statistics.of(SUPPORT).offered == 1
    assert floor.statistics.of(SUPPORT).overflowed == 1


@pytest.mark.parametrize(
    ("cause", "limit", "before"),
    [
        (OverflowCause.NOBODY_LOGGED_IN, 0.0, "nobody"),
        (OverflowCause.NOBODY_ABLE, 0.0, "only bob"),
        (OverflowCause.TOO_MANY_WAITING, 1.0, "one waits"),
        (OverflowCause.WAIT_TOO_LONG, 300.0, "long talks"),
    ],
)
def test_a_queue_over_its_limit_sends_new_calls_to_another(cause: OverflowCause, limit: float, before: str) -> None:
    floor = VirtualFloor(door(cause, limit), policy("orders", orders=1))
    if before == "only bob":
        floor.agent("bob", AgentState.NOT_READY, orders=1)
    if before == "one waits":
        floor.queue("8.1")
    if before == "long talks":
        floor.agent("alice")
        for number in range(10, 16):
            call = floor.queue(f"{number}.1")
            floor.answer(call)
            floor.pass_time(400)
            floor.end(call)
            floor.give(cmd.EndWrapUp(agent_id=ALICE))
        floor.answer(floor.queue("16.1"))
    floor.queue()
    assert floor.call().queue == ORDERS
    (overflowed,) = floor.seen(ev.CallOverflowed)
    assert (overflowed.queue, overflowed.cause, overflowed.to_queue) == (SUPPORT, cause, ORDERS)


def test_a_holiday_is_closed_and_may_be_told_in_words_of_its_own() -> None:
    def turned_away(*causes: OverflowCause) -> list[str]:
        rules = tuple(Overflow(cause=cause, announcement=SORRY) for cause in causes)
        floor = VirtualFloor(replace(policy("support", support=1), overflow=rules, hours=OFFICE))
        for day in (datetime(2026, 12, 24, 9, tzinfo=UTC), datetime(2026, 12, 25, 9, tzinfo=UTC)):
            floor.now = day
            floor.queue(f"{day.day}.1")
        return [event.cause for event in floor.seen(ev.CallOverflowed)]

    assert turned_away(OverflowCause.CLOSED) == ["closed"]
    assert turned_away(OverflowCause.HOLIDAY, OverflowCause.CLOSED) == ["holiday"]


def test_under_its_limits_a_queue_takes_the_call() -> None:
    for cause in (OverflowCause.TOO_MANY_WAITING, OverflowCause.WAIT_TOO_LONG, OverflowCause.NOBODY_ABLE):
        floor = VirtualFloor(door(cause, 1.0), policy("orders", orders=1))
        floor.agent("alice")
        floor.queue()
        assert floor.call().queue == SUPPORT


def test_who_has_waited_already_is_not_turned_away() -> None:
    floor = VirtualFloor(door(OverflowCause.NOBODY_LOGGED_IN, queue=None))
    call = floor.start()
    floor.give(cmd.EnqueueCall(call_id=call, queue=SUPPORT, queued_at=START - seconds(5), is_back=True))
    assert floor.stage(call) is CallStage.WAITING


def test_the_expected_wait_is_told_only_when_it_is_known() -> None:
    floor = VirtualFloor(policy("support", wrap_up_seconds=0, support=1))
    floor.agent("alice")
    for number in range(10, 15):
        call = floor.queue(f"{number}.1")
        floor.answer(call)
        if number == 10:
            waiting = floor.queue("1.1")
            assert floor.engine.outlook(waiting).expected_wait_seconds is None
            floor.end(waiting)
        floor.pass_time(100)
        floor.end(call)
    floor.answer(floor.queue("20.1"))
    floor.queue("1.1")
    floor.queue("2.1")
    outlooks = [floor.engine.outlook(call_id_of(linkedid)) for linkedid in ("1.1", "2.1")]
    assert [(outlook.position, outlook.expected_wait_seconds) for outlook in outlooks] == [(1, 100.0), (2, 200.0)]


def test_what_is_in_the_way_is_counted_and_named() -> None:
    floor = VirtualFloor()
    floor.agent("alice", AgentState.LOGGED_OUT)
    floor.agent("bob", orders=1)
    floor.agent("carol", orders=2)
    call = floor.queue()
    told = [(each.reason, each.count, each.agents) for each in floor.engine.outlook(call).obstacles]
    assert told == [("lacks support>=1", 2, ("Bob", "Carol")), ("logged out", 1, ("Alice",))]


def test_opening_hours_go_by_the_wall_clock() -> None:
    assert OFFICE.is_open(datetime(2026, 7, 6, 6, 0, tzinfo=UTC))  # summer: 08:00 in Paris
    assert not OFFICE.is_open(datetime(2026, 1, 5, 6, 59, tzinfo=UTC))
    assert OFFICE.is_open(datetime(2026, 1, 5, 7, 0, tzinfo=UTC))
    assert not OFFICE.is_open(datetime(2026, 1, 5, 9, 30, tzinfo=UTC))
    assert not OFFICE.is_open(datetime(2026, 1, 10, 7, 0, tzinfo=UTC))  # Saturday
