"""Percentiles and pairings of what the phones and the screens saw."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise
from statistics import quantiles

from acd.demo.screens_process import Pop
from tests.bench.phones_process import Done, Rung

CENSORED_SECONDS = 2.0  # before the end of a run: an agent freed then may not be rung before all hang up


def percentile(values: Sequence[float], percent: float) -> float:
    """By linear interpolation; 0 of nothing."""
    if len(values) < 2:
        return values[0] if values else 0.0
    return quantiles(values, n=1000, method="inclusive")[round(percent * 10) - 1]


def in_milliseconds(seconds: Sequence[float]) -> dict[str, float]:
    ms = [value * 1000 for value in seconds]
    return {
        "p50_ms": percentile(ms, 50),
        "p95_ms": percentile(ms, 95),
        "p99_ms": percentile(ms, 99),
        "max_ms": max(ms, default=0.0),
        "samples": float(len(ms)),
    }


def free_to_ring(done: Done) -> list[float]:
    """From each agent's hang-up to the next INVITE at the same agent's phone, while the backlog was full."""
    gaps: list[float] = []
    for rings in _by_extension(done.rung).values():
        for before, after in pairwise(rings):
            freed_at = before.ended_at
            if freed_at is not None and done.full_from <= freed_at <= done.full_to - CENSORED_SECONDS:
                gaps.append(after.invited_at - freed_at)
    return gaps


def caller_to_ring(done: Done) -> tuple[list[float], list[float]]:
    """From the caller's INVITE, and from the PBX's answer, to the INVITE at the agent's phone."""
    rung = {ring.number: ring.invited_at for ring in done.rung}
    served = [call for call in done.placed if call.number in rung]
    from_invite = [rung[call.number] - call.invited_at for call in served]
    from_answer = [rung[call.number] - call.answered_at for call in served if call.answered_at is not None]
    return from_invite, from_answer


def pop_leads(rung: Iterable[Rung], pops: Iterable[Pop]) -> tuple[list[float], list[float], int]:
    """INVITE minus pop, by the kernel's stamps and by when the screen's program had it; rings without any pop."""
    offers: dict[tuple[str, str], list[Pop]] = defaultdict(list)
    for pop in pops:
        offers[pop.login.removeprefix("agent"), pop.call["number"]].append(pop)
    arrived: list[float] = []
    read: list[float] = []
    missing = 0
    for ring in sorted(rung, key=lambda ring: ring.invited_at):
        waiting = offers[ring.extension, ring.number]
        if not waiting:
            missing += 1
            continue
        pop = waiting.pop(0)
        arrived.append(ring.invited_at - pop.at)
        read.append(ring.invited_at - pop.read_at)
    return arrived, read, missing


def _by_extension(rung: Iterable[Rung]) -> dict[str, list[Rung]]:
    found: dict[str, list[Rung]] = defaultdict(list)
    for ring in sorted(rung, key=lambda ring: ring.invited_at):
        found[ring.extension].append(ring)
    return found
