"""Erlang B, C and A against published and exact values."""

from __future__ import annotations

from math import exp, factorial

import pytest

from acd.workforce.erlang import erlang_a, erlang_b, erlang_c, erlang_k


def test_small_cases_are_exact() -> None:
    assert erlang_b(3, 2.0) == pytest.approx(4 / 19)
    assert erlang_c(3, 2.0, 1.0).must_wait == pytest.approx(4 / 9)


@pytest.mark.parametrize(
    ("calls_per_hour", "service", "servers", "threshold", "must_wait", "in_time", "wait"),
    [
        (200, 180, 14, 20, 0.1741319, 0.88835, 7.83593701177724),  # CRAN ErlangC 0.1.0, pyworkforce
        (1000, 120, 40, 20, 0.1907, 0.9372, 3.43),  # PyPI call-center-tools
    ],
)
def test_erlang_c_as_published(
    *,
    calls_per_hour: float,
    service: float,
    servers: int,
    threshold: float,
    must_wait: float,
    in_time: float,
    wait: float,
) -> None:
    found = erlang_c(servers, calls_per_hour / 3600, service, threshold)
    assert found.must_wait == pytest.approx(must_wait, rel=1e-3)
    assert found.service_level == pytest.approx(in_time, rel=1e-3)
    assert found.wait == pytest.approx(wait, rel=2e-3)


@pytest.mark.parametrize(("servers", "load"), [(5, 1.361), (10, 4.461), (20, 12.031), (50, 37.901), (100, 84.064)])
def test_erlang_b_table_of_one_percent(servers: int, load: float) -> None:
    assert erlang_b(servers, load) == pytest.approx(0.01, abs=2e-5)


def test_erlang_a_as_in_the_palm_case() -> None:
    """48 calls a minute of one minute, 50 agents, patience of two minutes; Mandelbaum and Zeltyn."""
    found = erlang_a(50, 48.0, 1.0, 2.0, threshold=1 / 3)
    assert found.abandoned == pytest.approx(0.03091, abs=1e-5)
    assert found.wait * 60 == pytest.approx(3.709, abs=1e-3)
    assert found.occupancy == pytest.approx(0.9303, abs=1e-4)
    assert found.queue == pytest.approx(2.968, abs=1e-3)
    assert found.must_wait == pytest.approx(0.467774, abs=1e-6)
    assert found.service_level == pytest.approx(0.943019, abs=2e-5)


def test_with_endless_patience_erlang_a_is_erlang_c() -> None:
    patient, theory = erlang_a(14, 10.0, 1.2, 1e9, 0.5), erlang_c(14, 10.0, 1.2, 0.5)
    assert patient.wait == pytest.approx(theory.wait, rel=1e-4)
    assert patient.service_level == pytest.approx(theory.service_level, rel=1e-4)


def test_when_patience_is_as_long_as_service_the_number_inside_is_poisson() -> None:
    load, servers = 7.0, 9
    found = erlang_a(servers, load, 1.0, 1.0)
    fewer = sum(exp(-load) * load**n / factorial(n) for n in range(servers))
    assert found.must_wait == pytest.approx(1 - fewer)


def test_too_much_load_is_refused() -> None:
    with pytest.raises(ValueError, match="grows without end"):
        erlang_c(10, 10.0, 1.0)


def test_with_many_places_to_wait_nobody_is_turned_away_and_with_none_it_is_erlang_b() -> None:
    """M/M/c/K lies between the two."""
    many, none = erlang_k(12, 200 / 3600, 180, 400, 20), erlang_k(12, 200 / 3600, 180, 0, 20)
    without = erlang_c(12, 200 / 3600, 180, 20)
    assert many == pytest.approx((*without[:5], 0.0, 0.0), abs=1e-9)
    assert none.turned_away == pytest.approx(erlang_b(12, 10.0))
    assert (none.wait, none.service_level) == (0.0, 1.0)


def test_one_agent_and_one_place_by_hand() -> None:
    """M/M/1/2 at load 1: 0, 1 or 2 inside are equally likely, so every third call is turned away."""
    found = erlang_k(1, 1.0, 1.0, 1, 0.5)
    assert found.turned_away == pytest.approx(1 / 3)
    assert found.must_wait == pytest.approx(1 / 2)
    assert found.wait == pytest.approx(1 / 2)
    assert found.service_level == pytest.approx(1 - 0.5 * exp(-0.5))
