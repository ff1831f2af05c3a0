"""Every agent command in every state: refused with which error, without effect, or what comes of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from acd.domain import commands as cmd
from acd.domain import effects as fx
from acd.domain import events as ev
from acd.domain.agent import AfterCall, AgentState, NotReadyReason
from acd.domain.call import CallStage, Reason
from acd.domain.errors import DomainError, UnknownAgentError, WrongStateError
from acd.domain.ids import call_id_of
from tests.unit.acd.domain.floor import ALICE, BOB, FIRST, ORDERS, SECOND, SUPPORT, Floor, names, policy, profile

STATES = list(AgentState)
OUT, NOT_READY, READY, RESERVED, TALKING, WRAP_UP = STATES


def alice_in(state: AgentState) -> Floor:
    """Alice alone on the floor, with the first call where the state needs one."""
    floor = Floor()
    floor.agent("alice", state if state in {OUT, NOT_READY} else READY)
    if state in {RESERVED, TALKING, WRAP_UP}:
        floor.queue()
    if state in {TALKING, WRAP_UP}:
        floor.answer()
    if state is WRAP_UP:
        floor.end_talk()
    assert floor.state() is state
    floor.pass_time(1)
    return floor


NOTHING: list[str] = []
COMMANDS: dict[str, cmd.Command] = {
    "log in": cmd.LogInAgent(agent_id=ALICE),
    "log out": cmd.LogOutAgent(agent_id=ALICE),
    "ready": cmd.MakeReady(agent_id=ALICE),
    "not ready": cmd.MakeNotReady(agent_id=ALICE, reason="lunch"),
    "reject": cmd.RejectReservation(agent_id=ALICE),
    "end wrap-up": cmd.EndWrapUp(agent_id=ALICE),
    "expire": cmd.ExpireWrapUp(agent_id=ALICE, call_id=FIRST),
    "remove": cmd.RemoveAgent(agent_id=ALICE),
}
REJECTED = ["ReservationRejected", "AgentBecameNotReady"]
WRAPPED = ["WrapUpEnded", "AgentBecameReady"]
WISHED = ["AfterCallChosen"]
REFUSED = WrongStateError
TABLE: dict[str, list[list[str] | type[DomainError]]] = {
    #               OUT                NOT_READY                READY                    RESERVED  TALKING  WRAP_UP
    "log in":      [["AgentLoggedIn"], NOTHING,                 NOTHING,                 NOTHING,  NOTHING, NOTHING],
    "log out":     [NOTHING,           ["AgentLoggedOut"],      ["AgentLoggedOut"],      WISHED,   WISHED,  WISHED],
    "ready":       [REFUSED,           ["AgentBecameReady"],    NOTHING,                 NOTHING,  NOTHING, NOTHING],
    "not ready":   [REFUSED,           ["AgentBecameNotReady"], ["AgentBecameNotReady"], WISHED,   WISHED,  WISHED],
    "reject":      [NOTHING,           NOTHING,                 NOTHING,                 REJECTED, NOTHING, NOTHING],
    "end wrap-up": [REFUSED,           REFUSED,                 REFUSED,                 REFUSED,  REFUSED, WRAPPED],
    "expire":      [NOTHING,           NOTHING,                 NOTHING,                 NOTHING,  NOTHING, WRAPPED],
    "remove":      [["AgentRemoved"],  ["AgentRemoved"],        ["AgentRemoved"],        REFUSED,  REFUSED, REFUSED],
}  # fmt: skip


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("word", TABLE)
def test_every_command_in_every_state(word: str, state: AgentState) -> None:
    floor = alice_in(state)
    before = (dict(floor.engine.state.agents), dict(floor.engine.state.calls))
    expected = TABLE[word][STATES.index(state)]
    if isinstance(expected, list):
        assert names(floor.give(COMMANDS[word]).events) == expected
        return
    with pytest.raises(expected, match="Alice") as refusal:
        floor.give(COMMANDS[word])
    assert refusal.value.error_id == "agent.wrong_state"
    assert (floor.engine.state.agents, floor.engine.state.calls) == before


@pytest.mark.parametrize("word", [word for word in COMMANDS if word != "expire"])
def test_whom_nobody_knows_is_told_so(word: str) -> None:
    with pytest.raises(UnknownAgentError, match="there is no agent agent_alice"):
        Floor().give(COMMANDS[word])


def test_a_wrap_up_that_expires_for_an_agent_no_longer_known_is_no_error() -> None:
    assert Floor().give(COMMANDS["expire"]) == ((), ())


# registering


@pytest.mark.parametrize("state", STATES)
def test_a_new_profile_leaves_the_state_as_it_is(state: AgentState) -> None:
    floor = alice_in(state)
    before = floor.who()
    changed = profile("alice", orders=9)
    assert names(floor.give(cmd.RegisterAgent(profile=changed)).events) == ["AgentRegistered"]
    assert (floor.state(), floor.who().profile, floor.who().since) == (state, changed, before.since)
    assert floor.give(cmd.RegisterAgent(profile=changed)) == ((), ())


def test_a_skill_given_to_a_ready_agent_brings_the_waiting_call() -> None:
    floor = Floor()
    floor.agent("alice", orders=1)
    floor.queue()
    assert floor.stage() is CallStage.WAITING
    floor.give(cmd.RegisterAgent(profile=profile("alice", orders=1, support=1)))
    assert (floor.stage(), floor.call().agent_id) == (CallStage.RESERVED, ALICE)


def test_a_ready_agent_with_new_skills_keeps_the_place_among_the_idle() -> None:
    floor = Floor()
    floor.agent("alice")
    floor.pass_time(10)
    floor.agent("bob")
    floor.give(cmd.RegisterAgent(profile=profile("alice", support=5)))
    floor.queue()
    assert floor.call().agent_id == ALICE


def test_a_skill_taken_from_a_ready_agent_counts_at_once() -> None:
    floor = Floor()
    floor.agent("alice")
    floor.give(cmd.RegisterAgent(profile=profile("alice", orders=1)))
    floor.queue()
    assert floor.stage() is CallStage.WAITING


@pytest.mark.parametrize("state", [NOT_READY, RESERVED, TALKING, WRAP_UP])
def test_skills_changed_while_not_ready_count_when_ready_again(state: AgentState) -> None:
    floor = alice_in(state)
    waiting = floor.queue("2.1", queue=ORDERS)
    floor.give(cmd.RegisterAgent(profile=profile("alice", orders=1)))
    assert floor.stage(waiting) is CallStage.WAITING
    if state is RESERVED:
        floor.end()  # the caller leaves: ready at once
    else:
        if state is TALKING:
            floor.end()
        if state is not NOT_READY:
            floor.give(cmd.EndWrapUp(agent_id=ALICE))
        floor.give(cmd.MakeReady(agent_id=ALICE))
    assert floor.call(waiting).agent_id == ALICE


def test_removing_a_ready_agent_takes_them_out_of_the_choice() -> None:
    floor = Floor()
    floor.agent("alice")
    floor.give(cmd.RemoveAgent(agent_id=ALICE))
    floor.queue()
    assert floor.stage() is CallStage.WAITING


# what was asked for during a call


def test_the_last_wish_counts_and_ready_takes_it_back() -> None:
    floor = alice_in(TALKING)
    for command, wish in (
        (cmd.LogOutAgent(agent_id=ALICE), AfterCall(OUT)),
        (cmd.MakeNotReady(agent_id=ALICE, reason="lunch"), AfterCall(NOT_READY, "lunch")),
        (cmd.MakeReady(agent_id=ALICE), None),
        (cmd.LogOutAgent(agent_id=ALICE), AfterCall(OUT)),
        (cmd.LogInAgent(agent_id=ALICE), None),
        (cmd.MakeNotReady(agent_id=ALICE, reason="lunch"), AfterCall(NOT_READY, "lunch")),
        (cmd.LogInAgent(agent_id=ALICE), AfterCall(NOT_READY, "lunch")),
    ):
        floor.give(command)
        assert floor.who().after_call == wish, command


AFTER: list[tuple[cmd.Command, AgentState, str]] = [
    (cmd.LogOutAgent(agent_id=ALICE), OUT, ""),
    (cmd.MakeNotReady(agent_id=ALICE, reason="lunch"), NOT_READY, "lunch"),
]


@pytest.mark.parametrize(("wish", "state", "reason"), AFTER)
@pytest.mark.parametrize("by_agent", [True, False])
def test_a_wish_comes_true_after_the_wrap_up(wish: cmd.Command, state: AgentState, reason: str, by_agent: bool) -> None:
    floor = alice_in(TALKING)
    floor.queue("2.1")
    floor.give(wish)
    floor.end()
    floor.give(COMMANDS["end wrap-up" if by_agent else "expire"])
    assert (floor.state(), floor.who().reason, floor.who().after_call) == (state, reason, None)
    assert floor.stage(SECOND) is CallStage.WAITING


@pytest.mark.parametrize(("wish", "state", "reason"), AFTER)
def test_a_wish_comes_true_when_the_caller_leaves_while_it_rings(
    wish: cmd.Command, state: AgentState, reason: str
) -> None:
    floor = alice_in(RESERVED)
    floor.queue("2.1")
    floor.give(wish)
    floor.end()
    assert (floor.state(), floor.who().reason) == (state, reason)
    assert floor.stage(SECOND) is CallStage.WAITING


def test_who_wished_to_log_out_and_does_not_answer_is_logged_out() -> None:
    floor = alice_in(RESERVED)
    floor.give(cmd.LogOutAgent(agent_id=ALICE))
    floor.no_answer()
    assert floor.state() is OUT


def test_a_wish_does_not_outlive_its_call() -> None:
    floor = alice_in(RESERVED)
    floor.give(cmd.MakeNotReady(agent_id=ALICE, reason="lunch"))
    floor.no_answer()
    assert floor.who().after_call is None
    floor.give(cmd.MakeReady(agent_id=ALICE))
    floor.answer()
    floor.end()
    floor.give(cmd.EndWrapUp(agent_id=ALICE))
    assert floor.state() is READY


# wrap-up


Steps = tuple[Callable[[Floor], object], ...]
END_TALK: Callable[[Floor], object] = Floor.end_talk
END_CALL: Callable[[Floor], object] = Floor.end


def end_wrap_up(floor: Floor) -> object:
    return floor.give(cmd.EndWrapUp(agent_id=ALICE, note="done"))


def wrap_up_expires(floor: Floor) -> object:
    return floor.give(cmd.ExpireWrapUp(agent_id=ALICE, call_id=FIRST))


@pytest.mark.parametrize(
    "steps",
    [
        (END_TALK, END_CALL, end_wrap_up),
        (END_TALK, end_wrap_up, END_CALL),
        (END_CALL, end_wrap_up),
        (END_TALK, wrap_up_expires, END_CALL),
        (END_CALL, wrap_up_expires, wrap_up_expires),
    ],
)
def test_in_whatever_order_it_ends_there_is_one_ticket_one_end_and_nothing_left(steps: Steps) -> None:
    floor = alice_in(TALKING)
    for step in steps:
        floor.pass_time(1)
        step(floor)
    assert floor.stage() is None
    assert len(floor.wished(fx.CommitTicket)) == 1
    assert len(floor.seen(ev.CallEnded)) == len(floor.seen(ev.TalkEnded)) == len(floor.seen(ev.WrapUpEnded)) == 1
    recorded = floor.wished(fx.RecordInteraction)[-1].call
    assert recorded.ended_at is not None
    assert recorded.termination is not None
    assert recorded.talk_ended_at is not None


@pytest.mark.parametrize("agent_hangs_up_first", [True, False])
def test_without_wrap_up_time_the_next_call_rings_at_once(agent_hangs_up_first: bool) -> None:
    floor = Floor(policy("support", wrap_up_seconds=0, support=1))
    floor.agent("alice")
    floor.queue()
    floor.answer()
    floor.queue("2.1")
    floor.pass_time(60)
    if agent_hangs_up_first:
        floor.end_talk()
    floor.end(reason=Reason.AGENT_HUNG_UP)
    assert floor.call(SECOND).agent_id == ALICE
    assert floor.stage() is None
    (commit,) = floor.wished(fx.CommitTicket)
    assert (commit.to_qualify, commit.wrap_up_ended_at) == (True, floor.now)
    assert floor.wished(fx.RecordInteraction)[-1].call.ended_at == floor.now
    assert not [timer for timer in floor.wished(fx.StartTimer) if timer.key.startswith("wrap_up")]


def test_the_agents_words_go_with_the_ticket() -> None:
    floor = alice_in(WRAP_UP)
    floor.give(cmd.EndWrapUp(agent_id=ALICE, code="solved", note="Toner", title="Printer", link_to="1000012"))
    (commit,) = floor.wished(fx.CommitTicket)
    assert (commit.code, commit.note, commit.title, commit.link_to) == ("solved", "Toner", "Printer", "1000012")
    assert (commit.agent_id, commit.to_qualify) == (ALICE, False)


def test_the_wrap_up_of_an_earlier_call_does_not_end_this_one() -> None:
    floor = alice_in(WRAP_UP)
    assert floor.give(cmd.ExpireWrapUp(agent_id=ALICE, call_id=SECOND)) == ((), ())
    assert floor.state() is WRAP_UP


def test_a_rejection_says_the_agents_reason_or_that_it_was_one() -> None:
    for given, kept in (("lunch", "lunch"), ("", NotReadyReason.REJECTED)):
        floor = alice_in(RESERVED)
        floor.give(cmd.RejectReservation(agent_id=ALICE, reason=given))
        assert (floor.state(), floor.who().reason) == (NOT_READY, kept)


# queues


def test_a_queue_taken_away_is_kept_as_long_as_a_call_is_in_it() -> None:
    floor = alice_in(TALKING)
    floor.queue("2.1")
    floor.give(cmd.ConfigureQueues(queues=(policy("orders", orders=1),)))
    assert SUPPORT in floor.engine.state.queues
    floor.end(SECOND)
    floor.give(cmd.ConfigureQueues(queues=(policy("orders", orders=1),)))
    assert SUPPORT in floor.engine.state.queues
    floor.end()
    floor.give(cmd.EndWrapUp(agent_id=ALICE))
    floor.give(cmd.ConfigureQueues(queues=(policy("orders", orders=1),)))
    assert SUPPORT not in floor.engine.state.queues


def test_a_call_of_a_queue_taken_away_still_rings_returns_and_rings_again() -> None:
    floor = alice_in(RESERVED)
    floor.give(cmd.ConfigureQueues(queues=()))
    floor.no_answer()
    floor.agent("bob")
    assert floor.call().agent_id == BOB
    floor.answer()
    floor.end()
    floor.give(cmd.EndWrapUp(agent_id=BOB))
    assert floor.stage() is None


def test_new_needs_of_a_queue_bring_waiting_calls_and_ready_agents_together() -> None:
    floor = Floor()
    floor.agent("alice", orders=1)
    floor.agent("bob", orders=1)
    for linkedid in ("1.1", "2.1", "3.1"):
        floor.pass_time(1)
        floor.queue(linkedid)
    floor.give(cmd.ConfigureQueues(queues=(policy("support", orders=1),)))
    assert [floor.call(call).agent_id for call in (FIRST, SECOND)] == [ALICE, BOB]
    assert floor.stage(call_id_of("3.1")) is CallStage.WAITING


def test_the_language_of_the_caller_can_be_a_skill() -> None:
    floor = Floor(replace(policy("support", support=1), language_is_skill=True))
    floor.agent("alice", support=1)
    floor.queue()
    assert floor.stage() is CallStage.WAITING
    assert floor.engine.why_waiting(FIRST) == ("Alice: lacks fr>=1",)
    floor.agent("bob", support=1, fr=1)
    assert floor.call().agent_id == BOB


def test_why_a_call_waits_is_said_for_every_agent() -> None:
    floor = alice_in(WRAP_UP)
    floor.agent("bob", AgentState.NOT_READY)
    floor.agent("carol", AgentState.LOGGED_OUT)
    floor.agent("dave", AgentState.NOT_READY, support=2)
    floor.agent("eve", orders=2)
    waiting = floor.queue("2.1", support=2)
    assert floor.engine.why_waiting(waiting) == (
        "Alice: lacks support>=2 (has 1)",
        "Bob: lacks support>=2 (has 1)",
        "Carol: lacks support>=2 (has 1)",
        "Dave: not ready (logged_in)",
        "Eve: lacks support>=2",
    )
