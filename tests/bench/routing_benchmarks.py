"""`make bench-routing`: what a routing decision costs and how the cost grows (pytest-benchmark).

Not collected by `make test`: no test asserts a time. Figures are written to build/bench-routing.json.
"""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from routing import Needs, Pool, WorkItem
from tests.bench.routing_load import KINDS, SIZES, Load, NaiveLoad, app_queue_second
from tests.bench.statistics import percentile

ROUNDS = 20_000
WARM_UP = 20_000

by_size = pytest.mark.parametrize(("waiting", "agents"), SIZES, ids=[f"{w}x{a}" for w, a in SIZES])
by_kind = pytest.mark.parametrize("kind", KINDS)


def _measure(benchmark: BenchmarkFixture, load: Load, what: Callable[..., None], rounds: int = ROUNDS) -> None:
    for number, item in load.work(min(rounds, WARM_UP)):
        what(number, item)
    work: Iterator[tuple[int, WorkItem]] = iter(load.work(rounds))
    gc.collect()
    measured: Any = benchmark  # the plugin is untyped where it matters
    measured.pedantic(what, setup=lambda: (next(work), {}), rounds=rounds, iterations=1)
    spent = sorted(measured.stats.stats.data)
    benchmark.extra_info["p99_us"] = round(percentile(spent, 99) * 1e6, 2)
    benchmark.extra_info["per_second"] = round(len(spent) / sum(spent))


@by_size
@by_kind
def test_release(benchmark: BenchmarkFixture, waiting: int, agents: int, kind: str) -> None:
    benchmark.group = f"release, {kind}"
    load = Load(waiting, agents, kind)
    _measure(benchmark, load, load.release)


@by_size
@by_kind
def test_arrival(benchmark: BenchmarkFixture, waiting: int, agents: int, kind: str) -> None:
    benchmark.group = f"arrival, {kind}"
    load = Load(waiting, agents, kind, is_idle=True)
    _measure(benchmark, load, load.arrival)


@by_size
def test_skill_change(benchmark: BenchmarkFixture, waiting: int, agents: int) -> None:
    benchmark.group = "skill change, teams"
    load = Load(waiting, agents, "teams")
    _measure(benchmark, load, load.skill_change)


@by_size
def test_step_expiry(benchmark: BenchmarkFixture, waiting: int, agents: int) -> None:
    benchmark.group = "step expiry, teams"
    load = Load(waiting, agents, "teams")
    _measure(benchmark, load, load.step_expiry)


@by_size
def test_naive_scan(benchmark: BenchmarkFixture, waiting: int, agents: int) -> None:
    benchmark.group = "release, without an index"
    load = NaiveLoad(waiting, agents, "teams")
    _measure(benchmark, load, load.release, rounds=100)


@by_size
def test_app_queue_loop(benchmark: BenchmarkFixture, waiting: int, agents: int) -> None:
    """One second of app_queue's polling, as modelled; in C it costs some hundredth of this."""
    benchmark.group = "app_queue, one second of polling"
    measured: Any = benchmark
    visits = measured.pedantic(app_queue_second, args=(waiting, agents), rounds=1, iterations=1)
    benchmark.extra_info["visits_per_second"] = visits


@by_size
def test_memory(benchmark: BenchmarkFixture, waiting: int, agents: int) -> None:
    """Bytes per waiting item in the pool, its WorkItem included."""
    benchmark.group = "memory"
    load = Load(waiting, agents, "teams")
    needs = [item.needs for _, item in load.work(waiting)]

    def fill() -> tuple[Pool, int]:
        pool = Pool()
        gc.collect()
        tracemalloc.start()
        for number, need in enumerate(needs):
            pool.add_item(WorkItem(f"call_guichet-1795295405.{number}", Needs(*need), 5, float(number), "q"))
        taken = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        return pool, taken

    measured: Any = benchmark
    pool, taken = measured.pedantic(fill, rounds=1, iterations=1)
    benchmark.extra_info["bytes_per_item"] = round(taken / len(pool))
