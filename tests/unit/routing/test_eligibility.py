"""Who may take what, and in what respect one falls short."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing import shortfalls
from routing.eligibility import is_eligible
from routing.model import canonical

LEVELS = st.dictionaries(st.sampled_from(["french", "network", "printer", "vip"]), st.integers(0, 100))


@pytest.mark.parametrize(
    ("required", "actual", "why"),
    [
        ({}, {}, []),
        ({}, {"network": 5}, []),
        ({"network": 3}, {"network": 3}, []),
        ({"network": 3}, {"network": 4, "printer": 1}, []),
        ({"network": 3}, {"network": 2}, ["lacks network>=3 (has 2)"]),
        ({"network": 3}, {"printer": 9}, ["lacks network>=3"]),
        ({"network": 0}, {}, ["lacks network>=0"]),
        ({"network": 0}, {"network": 0}, []),
        (
            {"vip": 1, "network": 3, "french": 2},
            {"network": 1},
            ["lacks french>=2", "lacks network>=3 (has 1)", "lacks vip>=1"],
        ),
    ],
)
def test_every_requirement_counts(required: dict[str, int], actual: dict[str, int], why: list[str]) -> None:
    requirements, skills = canonical(required), canonical(actual)
    assert [str(shortfall) for shortfall in shortfalls(requirements, skills)] == why
    assert is_eligible(requirements, skills) == (not why)


@given(required=LEVELS, actual=LEVELS)
def test_the_verdict_and_the_reasons_agree(required: dict[str, int], actual: dict[str, int]) -> None:
    requirements, skills = canonical(required), canonical(actual)
    assert is_eligible(requirements, skills) == (not shortfalls(requirements, skills))


@given(levels=LEVELS)
def test_the_canonical_form_does_not_depend_on_order(levels: dict[str, int]) -> None:
    backwards = dict(reversed(levels.items()))
    assert canonical(levels) == canonical(backwards)
    assert hash(canonical(levels)) == hash(canonical(backwards))
