"""The accounting of a call and of a shift, second by second."""

from __future__ import annotations

from datetime import datetime, timedelta

from acd.domain import commands as cmd
from acd.domain.agent import AgentState
from acd.domain.caller import Caller
from acd.domain.ids import AgentId, CallId, call_id_of
from acd.domain.segments import AgentSegment, Segment, SegmentBook, SegmentKind, segments_of_instants
from tests.unit.acd.domain.floor import ALICE, BOB, FIRST, START, SUPPORT, Floor, policy

IVR, WAITING, RINGING = SegmentKind.IVR, SegmentKind.WAITING, SegmentKind.RINGING
TALKING, WRAP_UP = SegmentKind.TALKING, SegmentKind.WRAP_UP


def folded(floor: Floor) -> SegmentBook:
    book = SegmentBook()
    book.hear(floor.events)
    return book


def brief(segments: tuple[Segment, ...]) -> list[tuple[SegmentKind, float, float | None, AgentId | None]]:
    """Kind, from and to in seconds since START, agent."""
    return [
        (
            segment.kind,
            (segment.begins_at - START).total_seconds(),
            (segment.ends_at - START).total_seconds() if segment.ends_at else None,
            segment.agent_id,
        )
        for segment in segments
    ]


def finished(floor: Floor, call_id: CallId = FIRST) -> list[tuple[SegmentKind, float, float | None, AgentId | None]]:
    calls, _ = folded(floor).take_changed()
    (timeline,) = [timeline for timeline in calls if timeline.call_id == call_id]
    assert timeline.is_over
    return brief(timeline.segments)


def shift(floor: Floor, agent_id: AgentId) -> list[AgentSegment]:
    _, agents = folded(floor).take_changed()
    return [segment for segment in agents if segment.agent_id == agent_id]


def test_a_call_from_the_first_ring_to_the_end_of_the_wrap_up() -> None:
    floor = Floor()
    floor.agent("alice", AgentState.NOT_READY)
    floor.start()
    floor.pass_time(8)
    floor.give(cmd.EnqueueCall(call_id=FIRST, queue=SUPPORT))
    floor.pass_time(20)
    floor.give(cmd.MakeReady(agent_id=ALICE))
    floor.pass_time(4)
    floor.answer()
    floor.pass_time(60)
    floor.end_talk()
    floor.pass_time(0.5)
    floor.end()
    floor.pass_time(9.5)
    floor.give(cmd.EndWrapUp(agent_id=ALICE))
    assert finished(floor) == [
        (IVR, 0, 8, None),
        (WAITING, 8, 28, None),
        (RINGING, 28, 32, ALICE),
        (TALKING, 32, 92, ALICE),
        (WRAP_UP, 92, 102, ALICE),
    ]
    assert [(each.state, each.position) for each in shift(floor, ALICE)] == [
        (AgentState.NOT_READY, 0),
        (AgentState.READY, 1),  # of no length: somebody waited
        (AgentState.RESERVED, 2),
        (AgentState.TALKING, 3),
        (AgentState.WRAP_UP, 4),
        (AgentState.READY, 5),
    ]


def test_a_ring_in_vain_is_told_and_the_wait_goes_on() -> None:
    floor = Floor()
    floor.agent("alice")
    floor.agent("bob", AgentState.NOT_READY)
    floor.queue()
    floor.pass_time(15)
    floor.no_answer()
    floor.pass_time(5)
    floor.give(cmd.MakeReady(agent_id=BOB))
    floor.pass_time(3)
    floor.end()
    assert finished(floor) == [
        (WAITING, 0, 0, None),
        (RINGING, 0, 15, ALICE),
        (WAITING, 15, 20, None),
        (RINGING, 20, 23, BOB),
    ]


def test_without_wrap_up_time_what_follows_the_talk_is_the_menus() -> None:
    floor = Floor(policy("support", wrap_up_seconds=0, support=1))
    floor.agent("alice")
    floor.queue()
    floor.answer()
    floor.pass_time(30)
    floor.end_talk()
    floor.pass_time(12)
    floor.end()
    assert finished(floor)[-3:] == [(TALKING, 0, 30, ALICE), (WRAP_UP, 30, 30, ALICE), (IVR, 30, 42, None)]


def test_a_wait_goes_on_while_the_service_is_gone() -> None:
    floor = Floor()
    floor.queue()
    floor.pass_time(10)
    floor.lose_control()
    floor.pass_time(5)
    floor.start()
    floor.give(cmd.RecordIvrPath(call_id=FIRST, path=(), language="fr"))
    floor.give(cmd.EnqueueCall(call_id=FIRST, queue=SUPPORT, queued_at=START, is_back=True))
    floor.pass_time(5)
    floor.end()
    assert finished(floor) == [(WAITING, 0, 20, None)]


def test_a_caller_found_waiting_after_a_restart_has_waited_since_the_channel_says_so() -> None:
    floor = Floor()
    floor.pass_time(100)
    floor.give(
        cmd.StartCall(
            call_id=FIRST,
            linkedid="1.1",
            channel="PJSIP/trunk-1",
            called_number="100",
            caller=Caller(number="+33612345678"),
            language="fr",
            started_at=START,
        )
    )
    floor.give(cmd.EnqueueCall(call_id=FIRST, queue=SUPPORT, queued_at=START + timedelta(seconds=30), is_back=True))
    floor.pass_time(10)
    floor.end()
    assert finished(floor) == [(IVR, 0, 30, None), (WAITING, 30, 110, None)]


def test_a_talk_found_under_way_is_told_by_the_instants_it_kept() -> None:
    before = Floor()
    before.agent("alice", AgentState.NOT_READY)
    before.start()
    before.pass_time(5)
    before.give(cmd.EnqueueCall(call_id=FIRST, queue=SUPPORT))
    before.pass_time(10)
    before.give(cmd.MakeReady(agent_id=ALICE))
    before.pass_time(2)
    before.answer()
    known = before.call()

    floor = Floor()
    floor.agent("alice", AgentState.LOGGED_OUT)
    floor.pass_time(60)
    floor.give(cmd.AdoptTalk(call=known))
    floor.pass_time(20)
    floor.end()
    floor.pass_time(10)
    floor.give(cmd.EndWrapUp(agent_id=ALICE))
    assert finished(floor) == [
        (IVR, 0, 5, None),
        (WAITING, 5, 15, None),
        (RINGING, 15, 17, ALICE),
        (TALKING, 17, 80, ALICE),
        (WRAP_UP, 80, 90, ALICE),
    ]


def test_a_call_that_ended_is_handed_over_at_once_and_again_after_the_wrap_up() -> None:
    floor = Floor()
    floor.agent("alice")
    floor.queue()
    floor.answer()
    floor.pass_time(30)
    floor.end()
    book = folded(floor)
    (ended,), _ = book.take_changed()
    assert not ended.is_over
    assert ended.segments[-1].ends_at is None
    assert book.timeline(FIRST) == ended
    assert book.take_changed() == ((), ())
    floor.pass_time(10)
    book.hear(floor.give(cmd.EndWrapUp(agent_id=ALICE)).events)
    (over,), (wrapped, ready) = book.take_changed()
    assert over.is_over
    assert over.segments[-1].ends_at == floor.now
    assert (wrapped.state, wrapped.ends_at) == (AgentState.WRAP_UP, floor.now)
    assert (ready.state, ready.ends_at) == (AgentState.READY, None)
    assert book.timeline(FIRST) is None


def test_a_shift_ends_with_the_log_out_and_the_next_one_counts_anew() -> None:
    floor = Floor()
    floor.agent("alice")
    floor.pass_time(30)
    floor.give(cmd.MakeNotReady(agent_id=ALICE, reason="lunch"))
    floor.pass_time(60)
    floor.give(cmd.LogOutAgent(agent_id=ALICE))
    floor.pass_time(600)
    floor.give(cmd.LogInAgent(agent_id=ALICE))
    told = [(each.state, each.reason, each.position, each.ends_at) for each in shift(floor, ALICE)]
    at = [START + timedelta(seconds=seconds) for seconds in (0, 30, 90)]
    assert told == [
        (AgentState.NOT_READY, "logged_in", 0, at[0]),
        (AgentState.READY, "", 1, at[1]),
        (AgentState.NOT_READY, "lunch", 2, at[2]),
        (AgentState.NOT_READY, "logged_in", 0, None),
    ]


def test_a_call_nobody_knows_is_no_error() -> None:
    floor = Floor()
    floor.agent("alice")
    floor.queue()
    book = SegmentBook()
    book.hear(floor.events[3:])  # begun to listen in the middle
    assert book.timeline(call_id_of("9.9")) is None


def test_what_is_written_of_a_call_tells_its_segments_when_nothing_else_does() -> None:
    def at(seconds: float) -> datetime:
        return START + timedelta(seconds=seconds)

    told = segments_of_instants(
        started_at=START,
        queued_at=at(5),
        offered_at=at(15),
        answered_at=at(17),
        talk_ended_at=at(80),
        ended_at=at(81),
        queue=SUPPORT,
        agent_id=ALICE,
    )
    assert brief(told) == [
        (IVR, 0, 5, None),
        (WAITING, 5, 15, None),
        (RINGING, 15, 17, ALICE),
        (TALKING, 17, 80, ALICE),
    ]
    nothing = dict.fromkeys(("offered_at", "answered_at", "talk_ended_at", "queue", "agent_id"))
    abandoned = segments_of_instants(started_at=START, queued_at=START, ended_at=at(9), **nothing)
    assert brief(abandoned) == [(WAITING, 0, 9, None)]
