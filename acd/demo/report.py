"""What the demo saw, and what it says at the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import quantiles

Seconds = float


@dataclass(slots=True)
class CallSeen:
    """One simulated call, from the caller's side."""

    number: str
    is_answered_by_pbx: bool = False
    has_talked: bool = False
    caller_hung_up: bool = False
    trouble: str = ""

    @property
    def is_lost(self) -> bool:
        """Neither served nor given up by the caller: cut off, refused, or never taken."""
        return not self.has_talked and not self.caller_hung_up


@dataclass(slots=True)
class Seen:
    """Filled by the actors while the demo runs. Instants are of the machine's monotonic clock."""

    calls: list[CallSeen] = field(default_factory=list)
    pops: dict[tuple[str, str], list[Seconds]] = field(default_factory=dict)  # by agent's login and caller's number
    invites: list[tuple[str, str, Seconds]] = field(default_factory=list)  # agent's login, caller's number, instant
    troubles: list[str] = field(default_factory=list)

    def pop_leads(self) -> list[Seconds]:
        """For each INVITE at an agent's phone how long before it the screen had the pop; minus infinity without one."""
        leads = []
        for login, number, invited_at in self.invites:
            pops = self.pops.get((login, number), [])
            nearest = min(pops, key=lambda at: abs(invited_at - at), default=float("inf"))
            leads.append(invited_at - nearest)
        return leads


@dataclass(frozen=True, slots=True)
class Summary:
    offered: int
    answered: int
    abandoned: int
    lost: int
    interactions: int
    tickets: int
    answered_without_ticket: int
    to_qualify: int
    rings: int
    pops_before_ring: int
    pop_lead_ms_p50: float | None
    pop_lead_ms_p01: float | None
    answered_seen_by_supervisor: int
    average_speed_of_answer_seconds: float | None
    longest_wait_seconds: float | None
    troubles: tuple[str, ...]

    @property
    def pops_before_ring_share(self) -> float | None:
        return self.pops_before_ring / self.rings if self.rings else None

    @property
    def is_good(self) -> bool:
        return (
            self.lost == 0
            and self.answered_without_ticket == 0
            and self.offered == self.interactions
            and self.answered == self.answered_seen_by_supervisor
        )


def percentile(values: Sequence[float], percent: int) -> float | None:
    """None of nothing; the only value of one."""
    if len(values) < 2:
        return values[0] if values else None
    return quantiles(values, n=100, method="inclusive")[percent - 1]


def milliseconds(value: float | None) -> float | None:
    return None if value is None else round(value * 1000, 2)
