"""What the benchmark makes of what phones and screens saw."""

from __future__ import annotations

import pytest

from acd.demo.screens_process import Pop
from tests.bench.bench import Figures
from tests.bench.phones_process import Done, Placed, Rung
from tests.bench.statistics import caller_to_ring, free_to_ring, in_milliseconds, percentile, pop_leads
from tests.bench.table import Target, render, targets


def rung(extension: str, number: str, invited_at: float, ended_at: float | None = None) -> Rung:
    return Rung(
        extension=extension, number=number, invited_at=invited_at, answered_at=None, ended_at=ended_at, ended_by="local"
    )


def placed(number: str, invited_at: float, answered_at: float | None) -> Placed:
    return Placed(
        number=number,
        invited_at=invited_at,
        answered_at=answered_at,
        keyed_at=None,
        ended_at=9.0,
        ended_by="remote",
        trouble="",
    )


def pop(extension: str, number: str, at: float, read_at: float) -> Pop:
    return Pop(login=f"agent{extension}", at=at, read_at=read_at, call={"number": number})


def test_an_agents_gap_is_from_the_hang_up_to_the_next_ring_at_the_same_phone() -> None:
    done = Done(
        rung=(
            rung("1001", "a", 10.0, 12.0),
            rung("1002", "b", 10.5, 11.0),
            rung("1001", "c", 12.25),
            rung("1002", "d", 11.5, 19.0),
            rung("1002", "e", 19.25),
        ),
        full_from=11.0,
        full_to=20.0,
    )
    # 19.0 is too near the end: an agent freed then might not be rung any more, and only quick ones would be counted.
    assert sorted(free_to_ring(done)) == [0.25, 0.5]


def test_gaps_before_all_callers_are_there_do_not_count() -> None:
    done = Done(rung=(rung("1", "a", 1.0, 2.0), rung("1", "b", 2.5)), full_from=3.0, full_to=30.0)
    assert free_to_ring(done) == []


def test_callers_are_found_at_the_phones_by_their_numbers() -> None:
    done = Done(
        placed=(placed("a", 1.0, 1.5), placed("b", 2.0, 2.25), placed("lost", 3.0, 3.5)),
        rung=(rung("1", "b", 2.75), rung("2", "a", 1.75)),
    )
    assert caller_to_ring(done) == ([0.75, 0.75], [0.25, 0.5])


def test_each_ring_takes_its_own_pop_and_one_without_is_counted() -> None:
    rings = [rung("1001", "a", 5.0), rung("1001", "a", 8.0), rung("1002", "b", 6.0), rung("1003", "c", 7.0)]
    pops = [
        pop("1001", "a", 4.5, 4.75),
        pop("1001", "a", 7.0, 8.5),
        pop("1002", "b", 6.25, 6.5),
        pop("1003", "x", 1, 1),
    ]
    arrived, read, missing = pop_leads(rings, pops)
    assert arrived == [0.5, -0.25, 1.0]
    assert read == [0.25, -0.5, -0.5]
    assert missing == 1


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [((), 50, 0.0), ((3.0,), 99, 3.0), ((1.0, 2.0, 3.0), 50, 2.0), (tuple(map(float, range(101))), 99, 99.0)],
)
def test_percentiles(values: tuple[float, ...], percent: float, expected: float) -> None:
    assert percentile(values, percent) == pytest.approx(expected)


def test_times_are_put_under_flat_keys() -> None:
    figures = Figures()
    figures.put("some_measure", "guichet", **in_milliseconds([0.001, 0.003]))
    assert figures.values["some_measure.guichet.p50_ms"] == 2.0
    assert figures.values["some_measure.guichet.samples"] == 2


@pytest.mark.parametrize(
    ("value", "is_least", "verdict"),
    [
        (12.0, False, "met"),
        (15.0, False, "met"),
        (30.0, False, "MISSED by a factor of 2.00"),
        (5.0, True, "MISSED by a factor of 3.00"),
        (0.0, True, "MISSED"),
        (16.0, True, "met"),
    ],
)
def test_verdicts(value: float, is_least: bool, verdict: str) -> None:
    assert Target("some", value, 15.0, is_least=is_least).verdict == verdict


def test_the_table_has_the_systems_side_by_side_and_judges_only_what_was_measured() -> None:
    values = {
        "agent_free_to_ring_50x200.app_queue.p50_ms": 450.0,
        "agent_free_to_ring_50x200.guichet.p50_ms": 4.5,
        "agent_free_to_ring_50x200.guichet.p99_ms": 16.5,
    }
    text = render(values)
    (row,) = [line for line in text.splitlines() if line.startswith("agent_free_to_ring_50x200 p50_ms")]
    assert row.split() == ["agent_free_to_ring_50x200", "p50_ms", "450.00", "4.50", "100.00"]
    assert [(each.is_met, each.value) for each in targets(values)] == [(True, 100.0), (False, 16.5)]
    assert "MISSED by a factor of 1.10" in text
