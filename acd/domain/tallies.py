"""What agents have done since log-in: by this routing tells who is next. Changed by events alone."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import blake2b
from math import log

from msgspec import Struct
from msgspec.structs import replace

from acd.domain.agent import Agent, Tally
from acd.domain.ids import AgentId, QueueName
from routing import Candidate

RECENT = 30  # handle times kept per queue, for estimates
RECENT_WAITS = 200  # likewise; few end with giving up

Wait = tuple[float, bool]  # seconds in the queue, and whether it ended with giving up


class TalliesPicture(Struct, frozen=True, kw_only=True):
    """All that `Tallies` knows."""

    seed: int | None = None
    draws_stand_at: float = 0.0
    of: dict[AgentId, Tally] = {}
    offers: int = 0
    handle_seconds: dict[QueueName, tuple[float, ...]] = {}
    waits: dict[QueueName, tuple[Wait, ...]] = {}


class Tallies:
    def __init__(self) -> None:
        self.seed: int | None = None  # None: no queue chooses by chance, nobody draws
        self.draws_stand_at = 0.0  # weighted random: the winner's draw, where those who come free begin
        self._of: dict[AgentId, Tally] = {}
        self._offers = 0
        self._handle_seconds: dict[QueueName, deque[float]] = {}
        self._waits: dict[QueueName, deque[Wait]] = {}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tallies) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]  # it changes

    def picture(self) -> TalliesPicture:
        return TalliesPicture(
            seed=self.seed,
            draws_stand_at=self.draws_stand_at,
            of={agent_id: _copy(tally) for agent_id, tally in self._of.items()},
            offers=self._offers,
            handle_seconds={queue: tuple(seconds) for queue, seconds in self._handle_seconds.items()},
            waits={queue: tuple(waits) for queue, waits in self._waits.items()},
        )

    def restore(self, picture: TalliesPicture) -> None:
        self.seed = picture.seed
        self.draws_stand_at = picture.draws_stand_at
        self._of = {agent_id: _copy(tally) for agent_id, tally in picture.of.items()}
        self._offers = picture.offers
        self._handle_seconds = {
            queue: deque(seconds, maxlen=RECENT) for queue, seconds in picture.handle_seconds.items()
        }
        self._waits = {queue: deque(waits, maxlen=RECENT_WAITS) for queue, waits in picture.waits.items()}

    def of(self, agent_id: AgentId, now: datetime) -> Tally:
        tally = self._of.get(agent_id)
        if tally is None:
            tally = self._of[agent_id] = Tally(logged_in_at=now)
        return tally

    def handle_seconds(self, queue: QueueName) -> Sequence[float]:
        """Talk and wrap-up of the latest calls of this queue. Asking changes nothing: a standby is never asked."""
        return self._handle_seconds.get(queue, ())

    def waits(self, queue: QueueName) -> Sequence[Wait]:
        """How the latest waits in this queue ended."""
        return self._waits.get(queue, ())

    def waited(self, queue: QueueName, seconds: float, *, has_left: bool) -> None:
        self._waits.setdefault(queue, deque(maxlen=RECENT_WAITS)).append((seconds, has_left))

    def logged_in(self, agent_id: AgentId, at: datetime) -> None:
        self._of[agent_id] = Tally(logged_in_at=at)

    def forget(self, agent_id: AgentId) -> None:
        self._of.pop(agent_id, None)

    def candidate(self, agent: Agent, idle_since: datetime, at: datetime) -> Candidate:
        """This agent as routing sees an idle one."""
        tally = self.of(agent.agent_id, at)
        tally.times_ready += 1
        return Candidate(
            agent.agent_id,
            agent.profile.skills,
            idle_since.timestamp(),
            occupancy=tally.occupancy(at),
            calls=tally.calls,
            taken=tally.taken,
            last_offers=tally.last_offers,
            row=tally.row,
            draw=0.0 if self.seed is None else _exponential(f"{self.seed}|{agent.agent_id}|{tally.times_ready}"),
            draw_from=self.draws_stand_at,
            taste=agent.profile.taste,
        )

    def offered(self, agent_id: AgentId, queue: QueueName, at: datetime) -> None:
        tally = self.of(agent_id, at)
        self._offers += 1
        tally.taken[queue] = tally.taken.get(queue, 0) + 1
        tally.last_offers[queue] = self._offers

    def answered(self, agent_id: AgentId, queue: QueueName, at: datetime) -> None:
        tally = self.of(agent_id, at)
        tally.calls += 1
        last, times = tally.row
        tally.row = (queue, times + 1 if last == queue else 1)

    def was_busy(self, agent_id: AgentId, seconds: float, at: datetime) -> None:
        """With work that no queue's handle time is learnt from."""
        self.of(agent_id, at).handled_seconds += seconds

    def not_ready(self, agent_id: AgentId, reason: str, seconds: float, at: datetime, *, is_work: bool) -> None:
        tally = self.of(agent_id, at)
        tally.not_ready_seconds[reason] = tally.not_ready_seconds.get(reason, 0.0) + seconds
        if is_work:
            tally.handled_seconds += seconds

    def not_ready_time(self, agent_id: AgentId, reason: str) -> timedelta:
        """Since log-in, without the present one. Asking changes nothing."""
        tally = self._of.get(agent_id)
        return timedelta(seconds=tally.not_ready_seconds.get(reason, 0.0)) if tally else timedelta(0)

    def handled(self, agent_id: AgentId, queue: QueueName, seconds: float, at: datetime) -> None:
        self.of(agent_id, at).handled_seconds += seconds
        self._handle_seconds.setdefault(queue, deque(maxlen=RECENT)).append(seconds)


def _copy(tally: Tally) -> Tally:
    return replace(tally, taken=dict(tally.taken), last_offers=dict(tally.last_offers))


def _exponential(text: str) -> float:
    """Of mean 1, made from a text: the same in any process."""
    number = int.from_bytes(blake2b(text.encode(), digest_size=7).digest(), "big")  # 56 bits
    return -log((number + 1) / (2**56 + 1))
