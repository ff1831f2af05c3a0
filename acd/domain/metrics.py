"""Queue figures of the day, folded from events. Every metric is a function with its definition.

A day begins at midnight in the service's time zone, with the first event after it; calls that wait then are offered on
the new day, talks under way were answered on the old one.

Offered: calls that entered the queue. Answered: their talk began. Abandoned: the caller left before, after the queue's
short-abandon limit; shorter ones are `short_abandoned` (a limit of 0 seconds counts none as short). Failed: ended by a
fault of ours before an answer. Moved: left for another queue, where they are offered again, or for a menu. So at any
time offered = answered + abandoned + short_abandoned + failed + moved + deflected + those inside. All these are of
callers on the line; for the rest see `work_figures`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import replace

from acd.domain import events as ev
from acd.domain.call import Call, Result, Termination
from acd.domain.ids import CallId, QueueName
from acd.domain.queue import QueuePolicy
from acd.domain.work_figures import count, is_of_other_kind


class QueueFigures(Struct, kw_only=True):
    """Counts since the day began; times in seconds."""

    offered: int = 0
    answered: int = 0
    answered_in_time: int = 0
    abandoned: int = 0
    short_abandoned: int = 0
    failed: int = 0
    moved: int = 0
    overflowed: int = 0  # not let in at the door, or sent on by a routing step
    deflected: int = 0  # left for a callback or a message
    no_answers: int = 0  # reservations that ended in RONA
    callbacks: int = 0  # asked for
    callbacks_reached: int = 0
    callbacks_not_reached: int = 0  # given up
    outgoing: int = 0  # calls that agents placed for this queue
    outgoing_answered: int = 0
    messages: int = 0
    messages_handled: int = 0
    answered_wait_seconds: float = 0.0
    talk_seconds: float = 0.0
    wrap_up_seconds: float = 0.0
    wrap_ups: int = 0


def service_level(figures: QueueFigures) -> float | None:
    """Answered within the threshold / (answered + abandoned + failed). Calls still waiting, short abandons and calls
    moved to another queue do not count.

    None as long as there is nothing to divide by.
    """
    total = figures.answered + figures.abandoned + figures.failed
    return figures.answered_in_time / total if total else None


def average_speed_of_answer(figures: QueueFigures) -> float | None:
    """Seconds between entering the queue and the beginning of the talk / answered calls. Abandons do not count."""
    return figures.answered_wait_seconds / figures.answered if figures.answered else None


def average_handle_time(figures: QueueFigures) -> float | None:
    """(Talk + wrap-up) seconds / handled calls (those whose wrap-up is over)."""
    return (figures.talk_seconds + figures.wrap_up_seconds) / figures.wrap_ups if figures.wrap_ups else None


class StatisticsPicture(Struct, frozen=True, kw_only=True):
    """All that `QueueStatistics` knows."""

    figures: dict[QueueName, QueueFigures]
    policies: dict[QueueName, QueuePolicy]
    inside: dict[CallId, QueueName]
    talking: set[CallId] = set()
    day: date | None = None


class QueueStatistics:
    """Folds events into figures per queue. `zone`: whose midnight begins a day."""

    def __init__(self, zone: tzinfo = UTC) -> None:
        self._zone = zone
        self._day: date | None = None
        self._day_ends: datetime | None = None  # not asked of the time zone at every event
        self._talking: set[CallId] = set()  # of those inside
        self._figures: dict[QueueName, QueueFigures] = {}
        self._policies: dict[QueueName, QueuePolicy] = {}
        self._inside: dict[CallId, QueueName] = {}  # where a call is counted as offered: coming back is no new offer

    def of(self, queue: QueueName) -> QueueFigures:
        return self._figures.setdefault(queue, QueueFigures())

    def hear(self, events: Sequence[ev.Event]) -> None:
        for event in events:
            self.apply(event)

    def picture(self) -> Iterator[StatisticsPicture]:
        yield StatisticsPicture(
            figures={queue: replace(figures) for queue, figures in self._figures.items()},
            policies=dict(self._policies),
            inside=dict(self._inside),
            talking=set(self._talking),
            day=self._day,
        )

    def restore(self, pieces: Sequence[Raw]) -> None:
        picture = msgspec.json.decode(pieces[0], type=StatisticsPicture)
        self._figures, self._policies, self._inside = picture.figures, picture.policies, picture.inside
        self._talking, self._day = picture.talking, picture.day
        self._day_ends = self._end_of(picture.day) if picture.day is not None else None

    def apply(self, event: ev.Event) -> None:
        if self._day_ends is None or event.at >= self._day_ends:
            self._begin(event.at.astimezone(self._zone).date())
        if is_of_other_kind(event):
            count(self, event)
            return
        match event:
            case ev.QueuesConfigured(queues=queues):
                self._policies |= {policy.name: policy for policy in queues}
            case ev.CallQueued(call_id=call_id, queue=queue):
                self._queued(call_id, queue)
            case ev.CallOverflowed(queue=queue, call_id=call_id, to_queue=to_queue):
                self.of(queue).overflowed += 1
                if to_queue is None and (before := self._inside.pop(call_id, None)) is not None:
                    self.of(before).moved += 1
            case ev.CallerLeftLine(call_id=call_id, queue=queue) if queue is not None:
                if self._inside.pop(call_id, None) is not None:
                    self.of(queue).deflected += 1
            case ev.ReservationAccepted(call_id=call_id, queue=queue, wait_seconds=waited):
                self._answered(call_id, queue, waited)
            case ev.TalkAdopted(call=call, wait_seconds=float() as waited) if call.queue is not None:
                self._queued(call.call_id, call.queue)
                self._answered(call.call_id, call.queue, waited)
            case ev.TalkAdopted(call=call):
                self._adopted(call)
            case ev.CallServedElsewhere():
                self._served_elsewhere(event)
            case ev.ReservationTimedOut(queue=queue):
                self.of(queue).no_answers += 1
            case ev.TalkEnded(queue=queue, talk_seconds=seconds):
                self.of(queue).talk_seconds += seconds
            case ev.WrapUpEnded(queue=queue, wrap_up_seconds=seconds):
                self.of(queue).wrap_up_seconds += seconds
                self.of(queue).wrap_ups += 1
            case ev.CallTransferred(call_id=call_id):
                self._forget(call_id)  # answered: should it come to a queue again, it is offered anew
            case ev.CallEnded():
                self._ended(event)

    def _end_of(self, day: date) -> datetime:
        return datetime.combine(day + timedelta(days=1), time(), self._zone)

    def _begin(self, day: date) -> None:
        is_first, self._day = self._day is None, day
        self._day_ends = self._end_of(day)
        if is_first:
            return
        self._figures = {}
        for call_id, queue in self._inside.items():
            self.of(queue).offered += call_id not in self._talking

    def _queued(self, call_id: CallId, queue: QueueName) -> None:
        before = self._inside.get(call_id)
        if before == queue:
            return
        if before is not None:
            self.of(before).moved += 1
        self._inside[call_id] = queue
        self.of(queue).offered += 1

    def _answered(self, call_id: CallId, queue: QueueName, waited: float) -> None:
        if call_id in self._inside:
            self._talking.add(call_id)
        figures = self.of(queue)
        figures.answered += 1
        figures.answered_wait_seconds += waited
        policy = self._policies.get(queue)
        if policy is not None and waited <= policy.service_level_time.total_seconds():
            figures.answered_in_time += 1

    def _adopted(self, call: Call) -> None:
        """One that is counted as offered has been answered. Of one known from the desk alone nothing is."""
        if (queue := self._inside.get(call.call_id)) and call.queued_at and call.answered_at:
            self._answered(call.call_id, queue, max(0.0, (call.answered_at - call.queued_at).total_seconds()))

    def _served_elsewhere(self, event: ev.CallServedElsewhere) -> None:
        call = event.call
        if call.queue is None:
            return
        self._queued(call.call_id, call.queue)
        if call.answered_at is not None:
            self._answered(call.call_id, call.queue, event.wait_seconds)
            self.of(call.queue).talk_seconds += ((call.ended_at or event.at) - call.answered_at).total_seconds()
        self._forget(call.call_id)
        self._left(call.queue, call.termination)

    def _ended(self, event: ev.CallEnded) -> None:
        self._forget(event.call_id)
        self._left(event.queue, event.termination)

    def _forget(self, call_id: CallId) -> None:
        self._inside.pop(call_id, None)
        self._talking.discard(call_id)

    def _left(self, queue: QueueName | None, termination: Termination | None) -> None:
        if queue is None or termination is None:
            return
        if termination.result is Result.ABANDONED:
            self.of(queue).abandoned += 1
        elif termination.result is Result.SHORT_ABANDONED:
            self.of(queue).short_abandoned += 1
        elif termination.result is Result.FAILED:
            self.of(queue).failed += 1
