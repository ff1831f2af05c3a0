"""What every second of a call and of a shift was spent on, folded from events.

A call's segments cover its life, from the first ring to its end or to the end of the last wrap-up, without gap or
overlap. They follow the caller: an agent who wraps up while the caller already waits for another one is not in them
(but in that agent's own). `ivr` is everything before the queue, and what follows a talk before the caller leaves; a
wait goes on while the service has lost hold of the channel, for so it is for the caller.

An agent's segments cover a shift, from log-in to log-out: states with reasons, as the floor saw them.

Segments begin and end at the events' own instants. An event of another kind needs one row in `_OF_CALLS` or
`_OF_AGENTS`. Segments of no length are kept (a phone that could not be rung at all is told of), save those of `ivr`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from acd.domain import events as ev
from acd.domain.agent import AgentState, NotReadyReason
from acd.domain.call import Call
from acd.domain.changes.conversation import consulted_agent
from acd.domain.ids import AgentId, CallId, QueueName
from acd.domain.talk import TalkMode


class SegmentKind(StrEnum):
    IVR = "ivr"
    WAITING = "waiting"
    RINGING = "ringing"
    TALKING = "talking"
    HELD = "held"
    CONSULT = "consult"
    CONFERENCE = "conference"
    WRAP_UP = "wrap_up"


TALKS = frozenset({SegmentKind.TALKING, SegmentKind.HELD, SegmentKind.CONSULT, SegmentKind.CONFERENCE})


class Segment(Struct, frozen=True, kw_only=True):
    """`ends_at` None: under way. `agent_id`: who rings, talks or wraps up."""

    kind: SegmentKind
    begins_at: datetime
    ends_at: datetime | None = None
    queue: QueueName | None = None
    agent_id: AgentId | None = None


class Timeline(Struct, frozen=True, kw_only=True):
    """A call's segments in order. `is_over`: nothing will be added."""

    call_id: CallId
    segments: tuple[Segment, ...]
    is_over: bool = False


class AgentSegment(Struct, frozen=True, kw_only=True):
    """`position` counts from 0 within the shift that began at `shift_at`. `reason`: of `not_ready`; `activity`: what
    kind of talk."""

    agent_id: AgentId
    shift_at: datetime
    position: int
    state: AgentState
    begins_at: datetime
    ends_at: datetime | None = None
    reason: str = ""
    activity: str = ""
    call_id: CallId | None = None


class _Step(NamedTuple):
    """Where a caller is from now on; None keeps what was."""

    kind: SegmentKind
    agent_id: AgentId | None = None
    queue: QueueName | None = None


def _after_transfer(event: ev.CallTransferred) -> _Step:
    """With another agent, or with somebody outside; else on the way to a menu or a queue."""
    goes_on = event.reservation_id is not None or event.far_end is not None
    return _Step(SegmentKind.TALKING if goes_on else SegmentKind.IVR, event.to_agent if goes_on else None)


_OF_CALLS: Mapping[type[ev.Event], Callable[[Any], _Step]] = {
    ev.IvrPathRecorded: lambda event: _Step(SegmentKind.IVR),
    ev.CallQueued: lambda event: _Step(SegmentKind.WAITING, queue=event.queue),
    ev.CallReserved: lambda event: _Step(SegmentKind.RINGING, event.agent_id, event.queue),
    ev.ReservationAccepted: lambda event: _Step(SegmentKind.TALKING, event.agent_id, event.queue),
    ev.ReservationRejected: lambda event: _Step(SegmentKind.WAITING, queue=event.queue),
    ev.ReservationTimedOut: lambda event: _Step(SegmentKind.WAITING, queue=event.queue),
    ev.ReservationCanceled: lambda event: _Step(SegmentKind.WAITING, queue=event.queue),
    ev.ReservationRescinded: lambda event: _Step(SegmentKind.WAITING, queue=event.queue),
    ev.CallerLeftLine: lambda event: _Step(SegmentKind.IVR),
    ev.TalkHeld: lambda event: _Step(SegmentKind.HELD, event.agent_id),
    ev.TalkResumed: lambda event: _Step(SegmentKind.TALKING, event.agent_id),
    ev.ConsultStarted: lambda event: _Step(SegmentKind.CONSULT, event.agent_id),
    ev.ConsultSwapped: lambda event: _Step(
        SegmentKind.TALKING if event.with_caller else SegmentKind.CONSULT, event.agent_id
    ),
    ev.ConsultEnded: lambda event: _Step(
        SegmentKind.HELD if event.mode is TalkMode.HELD else SegmentKind.TALKING, event.agent_id
    ),
    ev.ConferenceStarted: lambda event: _Step(SegmentKind.CONFERENCE, event.agent_id),
    ev.CallTransferred: _after_transfer,
}


class _CallBook:
    """One call's segments so far: closed ones and the one under way."""

    __slots__ = ("call_id", "closed", "current", "ended", "taken_up_at", "wrapping_up")

    def __init__(self, call_id: CallId, first: Segment, taken_up_at: datetime) -> None:
        self.call_id = call_id
        self.closed: list[Segment] = []
        self.current = first
        self.taken_up_at = taken_up_at  # by this service: before it, the call tells itself when it was queued
        self.wrapping_up: dict[AgentId, None] = {}  # in order of beginning
        self.ended = False

    def go(self, at: datetime, step: _Step) -> None:
        at = max(at, self.current.begins_at)  # a clock that was set back makes no negative time
        queue = step.queue or self.current.queue
        if (step.kind, step.agent_id, queue) == (self.current.kind, self.current.agent_id, self.current.queue):
            return
        following = Segment(kind=step.kind, begins_at=at, queue=queue, agent_id=step.agent_id)
        if self.current.kind is SegmentKind.IVR and self.current.begins_at == at:
            if not self.closed:
                self.current = following
                return
            before = self.closed.pop()
            if replace(before, begins_at=at, ends_at=None) == following:  # a menu that was passed without being heard
                self.current = replace(before, ends_at=None)
                return
            self.closed.append(before)
        else:
            self.closed.append(replace(self.current, ends_at=at))
        self.current = following

    def close(self, at: datetime) -> None:
        if self.current.kind is SegmentKind.WAITING and self.closed and self.current.begins_at >= at:
            before = self.closed[-1]
            if before.kind is SegmentKind.RINGING:
                return  # the ring ended because the caller did
        self.closed.append(replace(self.current, ends_at=max(at, self.current.begins_at)))

    def queued(self, event: ev.CallQueued) -> None:
        """A caller found waiting, after a restart of the service, has waited since the channel says so."""
        at = event.at
        if not self.closed and self.current.kind is SegmentKind.IVR and event.queued_at < self.taken_up_at:
            at = event.queued_at
        self.go(at, _Step(SegmentKind.WAITING, queue=event.queue))

    def start_wrap_up(self, event: ev.WrapUpStarted) -> None:
        self.wrapping_up[event.agent_id] = None
        if self.ended or (self.current.kind in TALKS and self.current.agent_id in (None, event.agent_id)):
            self.go(event.at, _Step(SegmentKind.WRAP_UP, event.agent_id))

    def end_wrap_up(self, event: ev.WrapUpEnded) -> bool:
        """True when the call is over with it."""
        self.wrapping_up.pop(event.agent_id, None)
        if self.current.kind is not SegmentKind.WRAP_UP or self.current.agent_id != event.agent_id:
            return False
        if self.wrapping_up:
            self.go(event.at, _Step(SegmentKind.WRAP_UP, next(iter(self.wrapping_up))))
        elif not self.ended:
            self.go(event.at, _Step(SegmentKind.IVR))
        return self.ended and not self.wrapping_up

    def end(self, at: datetime) -> bool:
        """The caller has gone. True when nobody wraps up, and the call is over with it."""
        self.ended = True
        if not self.wrapping_up:
            return True
        if self.current.kind is not SegmentKind.WRAP_UP:
            self.go(at, _Step(SegmentKind.WRAP_UP, next(iter(self.wrapping_up))))
        return False


_AgentStep = tuple[AgentState, dict[str, Any]]


class KeptCall(Struct, frozen=True, kw_only=True):
    """All that a `_CallBook` knows."""

    call_id: CallId
    closed: tuple[Segment, ...]
    current: Segment
    taken_up_at: datetime
    wrapping_up: tuple[AgentId, ...]
    ended: bool


class BookPicture(Struct, frozen=True, kw_only=True):
    """All that a `SegmentBook` knows, for a restart, but for what has changed and is not taken."""

    calls: tuple[KeptCall, ...]
    agents: dict[AgentId, AgentSegment]
    last: dict[AgentId, AgentSegment]


class SegmentBook:
    """Give it every event, in order; it keeps what is under way and hands over what has changed."""

    def __init__(self) -> None:
        self._calls: dict[CallId, _CallBook] = {}
        self._agents: dict[AgentId, AgentSegment] = {}
        self._last: dict[AgentId, AgentSegment] = {}  # of those who are logged out
        self._changed_calls: dict[CallId, Timeline] = {}
        self._changed_agents: dict[tuple[AgentId, datetime, int], AgentSegment] = {}

    def picture(self) -> BookPicture:
        calls = (
            KeptCall(
                call_id=book.call_id,
                closed=tuple(book.closed),
                current=book.current,
                taken_up_at=book.taken_up_at,
                wrapping_up=tuple(book.wrapping_up),
                ended=book.ended,
            )
            for book in self._calls.values()
        )
        return BookPicture(calls=tuple(calls), agents=dict(self._agents), last=dict(self._last))

    def restore(self, picture: BookPicture) -> None:
        for kept in picture.calls:
            book = self._calls[kept.call_id] = _CallBook(kept.call_id, kept.current, kept.taken_up_at)
            book.closed, book.ended = list(kept.closed), kept.ended
            book.wrapping_up = dict.fromkeys(kept.wrapping_up)
        self._agents, self._last = dict(picture.agents), dict(picture.last)

    # reading -------------------------------------------------------------------------------------------------

    def timeline(self, call_id: CallId) -> Timeline | None:
        """Of a call in progress or in wrap-up."""
        book = self._calls.get(call_id)
        return None if book is None else _picture(book)

    def shift(self, agent_id: AgentId) -> AgentSegment | None:
        """What an agent does now; None for one who is logged out."""
        return self._agents.get(agent_id)

    def take_changed(self) -> tuple[tuple[Timeline, ...], tuple[AgentSegment, ...]]:
        """To be written: calls whose caller has gone (again when their wrap-up is over), and agents' segments that have
        begun or ended, the latest picture of each, since this was asked last."""
        calls, agents = tuple(self._changed_calls.values()), tuple(self._changed_agents.values())
        self._changed_calls.clear()
        self._changed_agents.clear()
        return calls, agents

    # listening -----------------------------------------------------------------------------------------------

    def hear(self, events: Sequence[ev.Event] | Iterable[ev.Event]) -> None:
        for event in events:
            self._tell_call(event)
            self._tell_agent(event)

    def _tell_call(self, event: ev.Event) -> None:
        match event:
            case ev.CallStarted():
                first = Segment(kind=SegmentKind.IVR, begins_at=event.started_at)
                self._calls[event.call_id] = _CallBook(event.call_id, first, event.at)
                return
            case ev.TalkAdopted():
                self._adopt(event)
                return
            case ev.WorkOpened() | ev.OutgoingCallPlaced():
                self._opened(event)
                return
            case ev.CallServedElsewhere():
                self._served_elsewhere(event)
                return
        book = self._calls.get(getattr(event, "call_id", CallId("")))
        if book is None:
            return
        is_over = False
        match event:
            case ev.CallQueued():
                book.queued(event)
            case ev.WrapUpStarted():
                book.start_wrap_up(event)
            case ev.WrapUpEnded():
                is_over = book.end_wrap_up(event)
            case ev.FarEndNotReached(next_at=next_at, queue=queue) if next_at is not None:
                book.go(event.at, _Step(SegmentKind.WAITING, queue=queue))
            case ev.CallOverflowed(to_queue=None) if book.current.kind is SegmentKind.WAITING:
                book.go(event.at, _Step(SegmentKind.IVR))  # back in the menus
            case ev.CallEnded():
                is_over = book.end(event.at)
            case _:
                step = _OF_CALLS.get(type(event))
                if step is not None:
                    book.go(event.at, step(event))
        if is_over:
            book.close(event.at)
            del self._calls[book.call_id]
        if is_over or isinstance(event, ev.CallEnded):
            self._changed_calls[book.call_id] = _picture(book, is_over=is_over)

    def _opened(self, event: ev.WorkOpened | ev.OutgoingCallPlaced) -> None:
        """What no caller is on the line for: a callback or a message waits, an agent's own call rings. What rings the
        agent's phone and then the far end's is one segment."""
        call, kind, agent_id = event.call, SegmentKind.WAITING, None
        if isinstance(event, ev.OutgoingCallPlaced):
            kind, agent_id = SegmentKind.RINGING, event.agent_id
        first = Segment(kind=kind, begins_at=event.at, queue=call.queue, agent_id=agent_id)
        self._calls[call.call_id] = _CallBook(call.call_id, first, event.at)

    def _adopt(self, event: ev.TalkAdopted) -> None:
        """A talk found under way, of a call that was lost sight of or never seen."""
        call = event.call
        if (book := self._calls.get(call.call_id)) is None:
            self._calls[call.call_id] = _adopted(call, event.agent_id, event.at)
        else:
            answered_at = min(call.answered_at or event.at, event.at)
            book.go(answered_at, _Step(SegmentKind.TALKING, event.agent_id, call.queue))

    def _served_elsewhere(self, event: ev.CallServedElsewhere) -> None:
        """It is over, and its own instants tell the rest."""
        call = event.call
        ended_at = min(call.ended_at or event.at, event.at)
        if (book := self._calls.pop(call.call_id, None)) is None:
            segments = segments_of_instants(
                started_at=call.started_at,
                queued_at=call.queued_at,
                offered_at=call.offered_at,
                answered_at=call.answered_at,
                talk_ended_at=call.talk_ended_at,
                ended_at=ended_at,
                queue=call.queue,
                agent_id=call.agent_id,
            )
        else:
            if call.answered_at is not None:
                book.go(min(call.answered_at, ended_at), _Step(SegmentKind.TALKING, call.agent_id, call.queue))
            book.close(ended_at)
            segments = tuple(book.closed)
        self._changed_calls[call.call_id] = Timeline(call_id=call.call_id, segments=segments, is_over=True)

    def _tell_agent(self, event: ev.Event) -> None:
        match event:
            case ev.AgentLoggedOut() | ev.AgentRemoved():
                if (current := self._agents.pop(event.agent_id, None)) is not None:
                    self._last[event.agent_id] = closed = _closed(current, event.at)
                    self._put(closed)
                return
        if (step := _OF_AGENTS.get(type(event))) is not None:
            self._goes_on(event.agent_id, event.at, step(event))  # type: ignore[attr-defined]  # all of the table have it
        is_blind = isinstance(event, ev.CallTransferred) and event.reservation_id is None
        step = None if is_blind else _OF_CONSULTED.get(type(event))
        if step is not None and (consulted_id := consulted_agent(event)) is not None:
            self._goes_on(consulted_id, event.at, step(event))

    def _goes_on(self, agent_id: AgentId, at: datetime, step: _AgentStep) -> None:
        state, changes = step
        before = self._last.pop(agent_id, None)
        if (current := self._agents.get(agent_id)) is not None:
            before = _closed(current, at)
            self._put(before)
        if before is not None and before.ends_at is not None and (current or before.ends_at >= at):
            # Logged out and in at the same instant: one shift.
            place: dict[str, Any] = {
                "shift_at": before.shift_at,
                "position": before.position + 1,
                "begins_at": before.ends_at,
            }
        else:
            place = {"shift_at": at, "position": 0, "begins_at": at}
        following = AgentSegment(agent_id=agent_id, state=state, **place, **changes)
        self._agents[agent_id] = following
        self._put(following)

    def _put(self, segment: AgentSegment) -> None:
        self._changed_agents[segment.agent_id, segment.shift_at, segment.position] = segment


def _talking(event: Any, activity: str = "") -> _AgentStep:
    return AgentState.TALKING, {"call_id": event.call_id, "activity": activity}


_OF_AGENTS: Mapping[type[ev.Event], Callable[[Any], _AgentStep]] = {
    ev.AgentLoggedIn: lambda event: (AgentState.NOT_READY, {"reason": NotReadyReason.LOGGED_IN}),
    ev.AgentBecameReady: lambda event: (AgentState.READY, {}),
    ev.AgentBecameNotReady: lambda event: (AgentState.NOT_READY, {"reason": event.reason}),
    ev.CallReserved: lambda event: (AgentState.RESERVED, {"call_id": event.call_id}),
    ev.ReservationAccepted: lambda event: (AgentState.TALKING, {"call_id": event.call_id}),
    ev.TalkAdopted: lambda event: (AgentState.TALKING, {"call_id": event.call.call_id}),
    ev.WrapUpStarted: lambda event: (AgentState.WRAP_UP, {"call_id": event.call_id}),
    ev.OutgoingCallPlaced: lambda event: (AgentState.RESERVED, {"call_id": event.call.call_id}),
    ev.TalkHeld: lambda event: _talking(event, "held"),
    ev.TalkResumed: _talking,
    ev.ConsultStarted: lambda event: _talking(event, "consult"),
    ev.ConsultSwapped: lambda event: _talking(event, "" if event.with_caller else "consult"),
    ev.ConsultEnded: lambda event: _talking(event, "held" if event.mode is TalkMode.HELD else ""),
    ev.ConferenceStarted: lambda event: _talking(event, "conference"),
}

# What becomes of the agent who is asked; the end of it is a state of their own again.
_OF_CONSULTED: Mapping[type[ev.Event], Callable[[Any], _AgentStep]] = {
    ev.ConsultStarted: lambda event: (AgentState.RESERVED, {"call_id": event.call_id}),
    ev.ConsultAnswered: lambda event: _talking(event, "consult"),
    ev.CallTransferred: _talking,
}


def segments_of_instants(
    *,
    started_at: datetime,
    queued_at: datetime | None,
    offered_at: datetime | None,
    answered_at: datetime | None,
    talk_ended_at: datetime | None,
    ended_at: datetime | None,
    queue: QueueName | None,
    agent_id: AgentId | None,
) -> tuple[Segment, ...]:
    """What a call's own instants tell, for one of which no more is known: earlier rings and holds are lost with a
    service that died."""
    steps = [(started_at, _Step(SegmentKind.IVR))]
    if queued_at is not None:
        steps.append((queued_at, _Step(SegmentKind.WAITING, queue=queue)))
    if offered_at is not None and agent_id is not None:
        steps.append((offered_at, _Step(SegmentKind.RINGING, agent_id, queue)))
    if answered_at is not None:
        steps.append((answered_at, _Step(SegmentKind.TALKING, agent_id, queue)))
    until = talk_ended_at or ended_at
    found: list[Segment] = []
    for number, (begins_at, step) in enumerate(steps):
        following = steps[number + 1][0] if number + 1 < len(steps) else until
        at = max(begins_at, found[-1].ends_at or begins_at) if found else begins_at
        ends_at = None if following is None else max(at, following)
        if step.kind is not SegmentKind.IVR or at != ends_at:
            segment = Segment(kind=step.kind, begins_at=at, ends_at=ends_at, queue=step.queue, agent_id=step.agent_id)
            found.append(segment)
    return tuple(found)


def _adopted(call: Call, agent_id: AgentId, at: datetime) -> _CallBook:
    """A talk found under way, told by the instants the call kept. None of them is later than the answer."""
    answered_at = min(call.answered_at or at, at)

    def clamped(instant: datetime | None) -> datetime | None:
        return None if instant is None else min(instant, answered_at)

    *closed, current = segments_of_instants(
        started_at=min(call.started_at, answered_at),
        queued_at=clamped(call.queued_at),
        offered_at=clamped(call.offered_at),
        answered_at=answered_at,
        talk_ended_at=None,
        ended_at=None,
        queue=call.queue,
        agent_id=agent_id,
    )
    book = _CallBook(call.call_id, current, at)
    book.closed.extend(closed)
    return book


def _picture(book: _CallBook, *, is_over: bool = False) -> Timeline:
    segments = book.closed if is_over else [*book.closed, book.current]
    return Timeline(call_id=book.call_id, segments=tuple(segments), is_over=is_over)


def _closed(segment: AgentSegment, at: datetime) -> AgentSegment:
    return replace(segment, ends_at=max(at, segment.begins_at))
