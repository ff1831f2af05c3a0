"""Beside a random day: segments are folded from the same events, and must cover time exactly and add up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from itertools import groupby, pairwise

from acd.domain import events as ev
from acd.domain.agent import AgentState
from acd.domain.call import CallStage
from acd.domain.ids import AgentId, CallId
from acd.domain.segments import TALKS, AgentSegment, Segment, SegmentBook, SegmentKind, Timeline
from acd.domain.state import State

# What a call at this stage may be spending its time on. Detached: it waits or was in a menu, and does so still.
_ALLOWED = {
    CallStage.ARRIVING: {SegmentKind.IVR, SegmentKind.WAITING},
    CallStage.IVR: {SegmentKind.IVR},
    CallStage.WAITING: {SegmentKind.WAITING},
    CallStage.RESERVED: {SegmentKind.RINGING},
    CallStage.DETACHED: {SegmentKind.IVR, SegmentKind.WAITING},
    CallStage.ENDED: {SegmentKind.WRAP_UP},
    CallStage.SCHEDULED: {SegmentKind.WAITING},
    CallStage.FORWARDED: {SegmentKind.TALKING},
}
_AFTER_TALK = {SegmentKind.WRAP_UP, SegmentKind.IVR}


class SegmentWatch:
    def __init__(self) -> None:
        self.book = SegmentBook()
        self._began: dict[CallId, datetime] = {}
        self._happened: Counter[tuple[CallId, SegmentKind]] = Counter()  # of calls in progress
        self._shifts: dict[tuple[AgentId, datetime], dict[int, AgentSegment]] = {}

    def hear(self, events: Sequence[ev.Event]) -> None:
        """One event at a time, so that a call that ends is looked at before the next of the same name begins."""
        for event in events:
            match event:
                case ev.CallStarted():
                    self._began[event.call_id] = event.started_at
                case ev.WorkOpened() | ev.OutgoingCallPlaced():
                    self._began[event.call.call_id] = event.at
                    placed = isinstance(event, ev.OutgoingCallPlaced)
                    self._happened[event.call.call_id, SegmentKind.RINGING] += placed
                case ev.TalkAdopted():
                    began = min(event.call.started_at, event.call.answered_at or event.at)
                    self._began.setdefault(event.call.call_id, began)
                    self._happened[event.call.call_id, SegmentKind.TALKING] += 1
                case ev.CallReserved():
                    self._happened[event.call_id, SegmentKind.RINGING] += 1
                case ev.ReservationAccepted():
                    self._happened[event.call_id, SegmentKind.TALKING] += 1
                case ev.CallTransferred():
                    goes_on = event.reservation_id is not None or event.far_end is not None
                    self._happened[event.call_id, SegmentKind.TALKING] += goes_on
                case ev.CallServedElsewhere():
                    self._began.setdefault(event.call_id, event.call.started_at)
                    self._happened[event.call_id, SegmentKind.TALKING] += event.call.is_answered
            self.book.hear([event])
            timelines, agents = self.book.take_changed()
            for timeline in timelines:
                if timeline.is_over:
                    ended_at = event.call.ended_at if isinstance(event, ev.CallServedElsewhere) else event.at
                    self._is_whole(timeline, ended_at or event.at)
            for segment in agents:
                shift = self._shifts.setdefault((segment.agent_id, segment.shift_at), {})
                shift[segment.position] = segment

    def check(self, state: State) -> None:
        for call in state.calls.values():
            timeline = self.book.timeline(call.call_id)
            assert timeline is not None, call
            current = timeline.segments[-1]
            self._follow_each_other(timeline.segments, self._began[call.call_id])
            assert current.ends_at is None
            if call.stage is CallStage.TALKING:
                assert current.kind in (_AFTER_TALK if call.talk_ended_at else TALKS), (call, timeline)
            else:
                assert current.kind in _ALLOWED[call.stage], (call, timeline)
        assert set(self.book._calls) == set(state.calls)
        for agent in state.agents.values():
            doing = self.book.shift(agent.agent_id)
            if agent.state is AgentState.LOGGED_OUT:
                assert doing is None
            else:
                assert doing is not None
                assert (doing.state, doing.reason) == (agent.state, agent.reason)
        self._shifts_are_whole()

    def _is_whole(self, timeline: Timeline, at: datetime) -> None:
        """From the first ring to the end, and as many rings and talks as happened."""
        self._follow_each_other(timeline.segments, self._began.pop(timeline.call_id))
        at = max(at, timeline.segments[-1].begins_at)  # what is told of late cannot end before it was seen
        assert timeline.segments[-1].ends_at == at
        counted = Counter(segment.kind for segment in timeline.segments)
        # However often it was held, or somebody asked: one talk with one agent.
        runs = groupby(timeline.segments, key=lambda segment: (segment.kind in TALKS, segment.agent_id))
        assert sum(is_talk for (is_talk, _), _ in runs) == self._happened.pop(
            (timeline.call_id, SegmentKind.TALKING), 0
        )
        # One ring of an adopted talk is known from the call itself.
        rang = self._happened.pop((timeline.call_id, SegmentKind.RINGING), 0)
        assert counted[SegmentKind.RINGING] in (rang, rang + 1)
        total = sum((_length(segment) for segment in timeline.segments), start=0.0)
        first = timeline.segments[0].begins_at
        assert abs(total - (at - first).total_seconds()) < 1e-6

    @staticmethod
    def _follow_each_other(segments: Sequence[Segment], began: datetime) -> None:
        assert segments[0].begins_at == began
        for before, after in pairwise(segments):
            assert before.ends_at == after.begins_at, segments
            assert before.ends_at >= before.begins_at
            assert (before.kind, before.agent_id, before.queue) != (after.kind, after.agent_id, after.queue)

    def _shifts_are_whole(self) -> None:
        for (agent_id, shift_at), shift in self._shifts.items():
            segments = [shift[position] for position in range(len(shift))]
            assert segments[0].begins_at == shift_at
            for before, after in pairwise(segments):
                assert before.ends_at == after.begins_at, (agent_id, before, after)


def _length(segment: Segment) -> float:
    assert segment.ends_at is not None
    return (segment.ends_at - segment.begins_at).total_seconds()
