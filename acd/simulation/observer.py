"""What one run has shown, folded from the engine's events like the service's own figures."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from acd.domain import events as ev
from acd.domain.call import Result
from acd.domain.ids import AgentId, CallId, QueueName
from acd.domain.queue import QueuePolicy


@dataclass(slots=True)
class QueueOutcome:
    """Of calls that were queued after the warm-up. Times in seconds."""

    offered: int = 0
    answered: int = 0
    answered_in_time: int = 0
    abandoned: int = 0
    moved: int = 0
    turned_away: int = 0
    wait_sum: float = 0.0  # of all who were answered or gave up
    answered_wait_sum: float = 0.0
    relaxed: int = 0  # answered after a routing step: by others than first asked for
    waiting_area: float = 0.0  # integral of the number waiting
    entered: int = 0  # after the warm-up, for Little's law
    left_wait_sum: float = 0.0
    estimate_errors: list[float] = field(default_factory=list)  # estimated - real
    estimates_unknown: int = 0


@dataclass(slots=True)
class _Waiting:
    queue: QueueName
    at: float
    is_counted: bool
    since: float  # in this queue, where it has come from another
    estimate: float | None = None
    step: int = 0


class Observer:
    """Of a run of `length` seconds, of which the first `warm_up` are not counted. `groups`: of each agent."""

    def __init__(self, length: float, warm_up: float, groups: Mapping[AgentId, str]) -> None:
        self._warm = warm_up
        self._targets: dict[QueueName, float] = {}  # seconds
        self.groups = groups
        self._now = 0.0
        self._waiting: dict[CallId, _Waiting] = {}
        self._counts: dict[QueueName, tuple[int, float]] = {}  # how many wait now, and since when so many
        self._busy_since: dict[AgentId, float] = {}
        self._here_since: dict[AgentId, float] = {}
        self.queues: defaultdict[QueueName, QueueOutcome] = defaultdict(QueueOutcome)
        self.busy: dict[AgentId, float] = {}
        self.here: dict[AgentId, float] = {}
        self.seconds = length - warm_up

    def hear(self, events: Sequence[ev.Event], at: float) -> None:
        self._now = at
        for event in events:
            match event:
                case ev.QueuesConfigured(queues=queues):
                    self._know(queues)
                case ev.CallQueued(call_id=call_id, queue=queue):
                    self._queued(call_id, queue)
                case ev.StepReached(call_id=call_id, step=step) if call_id in self._waiting:
                    self._waiting[call_id].step = step
                case ev.ReservationAccepted():
                    self._accepted(event)
                case ev.CallEnded(call_id=call_id):
                    self._ended(call_id, event.termination.result)
                case ev.CallReserved(agent_id=agent_id):
                    self._busy_since[agent_id] = at
                case ev.AgentBecameReady(agent_id=agent_id):
                    self._free(agent_id)
                    self._here_since.setdefault(agent_id, at)
                case ev.AgentBecameNotReady(agent_id=agent_id) | ev.AgentLoggedOut(agent_id=agent_id):
                    self._free(agent_id)
                    self._add(self.here, agent_id, self._here_since.pop(agent_id, None))
                case ev.CallOverflowed(queue=queue, to_queue=None) if at >= self._warm:
                    self.queues[queue].turned_away += 1

    def _know(self, policies: Iterable[QueuePolicy]) -> None:
        for policy in policies:
            self.queues.setdefault(policy.name, QueueOutcome())  # in the order they are configured
            self._targets[policy.name] = policy.service_level_time.total_seconds()

    def estimated(self, call_id: CallId, expected: float | None) -> None:
        waiting = self._waiting.get(call_id)
        if waiting is None or not waiting.is_counted:
            return
        if expected is None:
            self.queues[waiting.queue].estimates_unknown += 1
        waiting.estimate = expected

    def close(self, at: float) -> None:
        self._now = at
        for call_id in tuple(self._waiting):
            self._leave(self._waiting.pop(call_id))
        for agent_id in tuple(self._busy_since):
            self._free(agent_id)
        for agent_id, since in self._here_since.items():
            self._add(self.here, agent_id, since)

    # calls ---------------------------------------------------------------------------------------------------

    def _queued(self, call_id: CallId, queue: QueueName) -> None:
        before = self._waiting.pop(call_id, None)
        entered_at, is_counted = self._now, self._now >= self._warm
        if before is not None:
            self._leave(before)
            self.queues[before.queue].moved += before.is_counted
            entered_at = before.at
        self._waiting[call_id] = _Waiting(queue, entered_at, is_counted, self._now)
        self._count(queue, 1)
        self.queues[queue].offered += is_counted

    def _accepted(self, event: ev.ReservationAccepted) -> None:
        waiting = self._waiting.pop(event.call_id, None)
        if waiting is None:
            return
        self._leave(waiting)
        if not waiting.is_counted:
            return
        outcome, waited = self.queues[waiting.queue], event.wait_seconds
        outcome.answered += 1
        outcome.answered_wait_sum += waited
        outcome.wait_sum += waited
        outcome.answered_in_time += waited <= self._targets.get(waiting.queue, 0.0)
        outcome.relaxed += waiting.step > 0
        if waiting.estimate is not None:
            outcome.estimate_errors.append(waiting.estimate - waited)

    def _ended(self, call_id: CallId, result: Result) -> None:
        waiting = self._waiting.pop(call_id, None)
        if waiting is None:
            return
        self._leave(waiting)
        if waiting.is_counted and result in {Result.ABANDONED, Result.SHORT_ABANDONED}:
            self.queues[waiting.queue].abandoned += 1
            self.queues[waiting.queue].wait_sum += self._now - waiting.at

    def _leave(self, waiting: _Waiting) -> None:
        outcome = self.queues[waiting.queue]
        self._count(waiting.queue, -1)
        if waiting.is_counted:
            outcome.entered += 1
            outcome.left_wait_sum += self._now - waiting.since

    def _count(self, queue: QueueName, by: int) -> None:
        """The number waiting, integrated over the counted time: what Little's law is held against."""
        count, since = self._counts.get(queue, (0, 0.0))
        self.queues[queue].waiting_area += count * max(0.0, self._now - max(since, self._warm))
        self._counts[queue] = (count + by, self._now)

    # agents --------------------------------------------------------------------------------------------------

    def _free(self, agent_id: AgentId) -> None:
        self._add(self.busy, agent_id, self._busy_since.pop(agent_id, None))

    def _add(self, to: dict[AgentId, float], agent_id: AgentId, since: float | None) -> None:
        if since is not None:
            to[agent_id] = to.get(agent_id, 0.0) + max(0.0, self._now - max(since, self._warm))
