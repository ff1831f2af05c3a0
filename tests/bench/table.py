"""The table at the end: systems side by side, ratios, targets, and by how much one is missed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

Values = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Target:
    """`value` is held when it is at least (`is_least`) or at most `limit`."""

    text: str
    value: float
    limit: float
    is_least: bool = False

    @property
    def is_met(self) -> bool:
        return self.value >= self.limit if self.is_least else self.value <= self.limit

    @property
    def verdict(self) -> str:
        if self.is_met:
            return "met"
        if not self.limit or not self.value:
            return "MISSED"
        factor = self.limit / self.value if self.is_least else self.value / self.limit
        return f"MISSED by a factor of {factor:.2f}"


def rows(values: Values) -> Iterator[tuple[str, ...]]:
    """What, dial, app_queue, Guichet, app_queue : Guichet."""
    yield ("", "dial", "app_queue", "guichet", "ratio")
    for load in ("10x50", "10x200", "50x200"):
        for statistic in ("p50_ms", "p95_ms", "p99_ms"):
            yield from _row(values, f"agent_free_to_ring_{load}", statistic)
    for measure in ("caller_to_ring", "answer_to_ring"):
        for statistic in ("p50_ms", "p95_ms", "p99_ms"):
            yield from _row(values, measure, statistic)
    for statistic in ("ms", "asterisk_ms", "service_ms"):
        yield from _row(values, "cpu_per_call", statistic)
    yield from _row(values, "calls_per_second", "highest_without_loss")
    for statistic in ("share_before_ring", "least_ms", "p01_ms", "p50_ms"):
        yield from _row(values, "pop_lead", statistic)
    for statistic in ("others_cores", "others_cores_most"):
        if f"machine.all.{statistic}" in values:
            yield (f"machine {statistic}", "", "", _number(values[f"machine.all.{statistic}"]), "")
    for key in sorted(values):
        if key.startswith(("routing_", "engine_", "ivr", "ami_", "fastagi_")):
            yield (key, "", "", _number(values[key]), "")


def _row(values: Values, measure: str, statistic: str) -> Iterator[tuple[str, ...]]:
    found = [values.get(f"{measure}.{system}.{statistic}") for system in ("dial", "app_queue", "guichet")]
    if all(value is None for value in found):
        return
    _, theirs, ours = found
    ratio = f"{theirs / ours:.2f}" if theirs and ours else ""
    yield (f"{measure} {statistic}", *("" if value is None else _number(value) for value in found), ratio)


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:,.2f}"


def targets(values: Values) -> Iterator[Target]:
    """Those for which something was measured."""
    free = "agent_free_to_ring_50x200"
    if f"{free}.guichet.p50_ms" in values and f"{free}.app_queue.p50_ms" in values:
        times = values[f"{free}.app_queue.p50_ms"] / values[f"{free}.guichet.p50_ms"]
        yield Target("agent free -> next ring, 50 x 200: p50 at least 50 times shorter", times, 50, is_least=True)
        yield Target("agent free -> next ring, 50 x 200: p99 <= 15 ms", values[f"{free}.guichet.p99_ms"], 15)
    if "engine_free_to_ring_500x2000.guichet.p99_us" in values:
        p99 = values["engine_free_to_ring_500x2000.guichet.p99_us"] / 1000
        yield Target("the same, engine alone, 500 x 2,000: p99 <= 20 ms", p99, 20)
    if "caller_to_ring.guichet.p99_ms" in values and "caller_to_ring.dial.p99_ms" in values:
        over = values["caller_to_ring.guichet.p99_ms"] - values["caller_to_ring.dial.p99_ms"]
        yield Target("caller enters -> idle agent rings: p99 <= 10 ms over plain Dial", over, 10)
    if "pop_lead.guichet.share_before_ring" in values:
        share = values["pop_lead.guichet.share_before_ring"]
        yield Target("screen-pop before the phone's INVITE: 99.9 % of rings", share * 100, 99.9, is_least=True)
    if "cpu_per_call.guichet.ratio" in values:
        yield Target("CPU per call <= 1.1 x app_queue", values["cpu_per_call.guichet.ratio"], 1.1)
    if "calls_per_second.guichet.highest_without_loss" in values:
        rate = values["calls_per_second.guichet.highest_without_loss"]
        # Callers call at the rate asked for or a trifle below it.
        yield Target("sustained calls/s, none lost: >= 40", round(rate), 40, is_least=True)
    for kind in ("teams", "alone"):
        if f"routing_10000x5000.{kind}.decisions_per_second" in values:
            rate = values[f"routing_10000x5000.{kind}.decisions_per_second"]
            yield Target(f"decisions/s, 10,000 x 5,000 x 200 ({kind}): >= 50,000", rate, 50_000, is_least=True)
            for decade in ("first", "second"):
                growth = values[f"routing_growth.{kind}.{decade}_decade"]
                yield Target(f"cost per decision over the {decade} decade ({kind}): < 1.5 x", growth, 1.5)


def render(values: Values) -> str:
    found = list(rows(values))
    widths = [max(len(row[column]) for row in found) for column in range(len(found[0]))]
    lines = [
        "  ".join(cell.ljust(width) if column == 0 else cell.rjust(width) for column, (cell, width) in enumerate(cells))
        for cells in (list(zip(row, widths, strict=True)) for row in found)
    ]
    judged = list(targets(values))
    if judged:
        width = max(len(target.text) for target in judged)
        lines += ["", *(f"{each.text.ljust(width)}  {_number(each.value):>10}  {each.verdict}" for each in judged)]
    return "\n".join(lines) + "\n"
