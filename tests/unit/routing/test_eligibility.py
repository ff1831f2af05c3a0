"""Who may take what, and in what respect one falls short."""

from __future__ import annotations

import pytest
from hypothesis import given

from routing import Needs, shortfalls
from routing.eligibility import is_eligible, proficiency
from routing.model import canonical
from tests.unit.routing.brute_force import NEEDS, SKILLS, may_take

FR_OR_EN = (("en", 2), ("fr", 1))


@pytest.mark.parametrize(
    ("needs", "actual", "why"),
    [
        (Needs(), {}, []),
        (Needs(), {"network": 5}, []),
        (Needs((("network", 3),)), {"network": 3}, []),
        (Needs((("network", 3),)), {"network": 4, "printer": 1}, []),
        (Needs((("network", 3),)), {"network": 2}, ["lacks network>=3 (has 2)"]),
        (Needs((("network", 3),)), {"printer": 9}, ["lacks network>=3"]),
        (Needs((("network", 0),)), {}, ["lacks network>=0"]),
        (Needs((("network", 0),)), {"network": 0}, []),
        (
            Needs((("french", 2), ("network", 3), ("vip", 1))),
            {"network": 1},
            ["lacks french>=2", "lacks network>=3 (has 1)", "lacks vip>=1"],
        ),
        (Needs(any_of=(FR_OR_EN,)), {"fr": 1}, []),
        (Needs(any_of=(FR_OR_EN,)), {"en": 1}, ["lacks en>=2 or fr>=1"]),
        (Needs(any_of=(FR_OR_EN, (("night", 1),))), {"en": 2}, ["lacks night>=1"]),
        (Needs(none_of=(("trainee", 1),)), {"trainee": 0}, []),
        (Needs(none_of=(("trainee", 1),)), {"trainee": 1}, ["excluded by trainee>=1 (has 1)"]),
        (Needs((("network", 3),), also=("second_line",)), {"second_line": 1}, []),
        (Needs((("network", 3),), also=("second_line",)), {"second_line": 0}, ["lacks network>=3"]),
        (
            Needs((("network", 3),), none_of=(("trainee", 1),), also=("second_line",)),
            {"second_line": 9, "trainee": 2},
            ["excluded by trainee>=1 (has 2)"],
        ),
    ],
)
def test_every_requirement_counts(needs: Needs, actual: dict[str, int], why: list[str]) -> None:
    assert [str(shortfall) for shortfall in shortfalls(needs, canonical(actual))] == why
    assert is_eligible(needs, actual) == (not why)


@given(needs=NEEDS, actual=SKILLS)
def test_the_verdict_the_reasons_and_the_plain_definition_agree(
    needs: Needs, actual: tuple[tuple[str, int], ...]
) -> None:
    verdict = may_take(needs, dict(actual))
    assert is_eligible(needs, dict(actual)) == verdict
    assert (not shortfalls(needs, actual)) == verdict


def test_proficiency_counts_what_is_asked_for_and_of_alternatives_the_best() -> None:
    needs = Needs((("network", 1),), any_of=(FR_OR_EN,))
    assert proficiency(needs, {"network": 4, "fr": 3, "en": 7, "cooking": 50}) == 11
    assert proficiency(needs, {}) == 0


def test_needs_are_told_in_words() -> None:
    assert str(Needs()) == "no skill"
    assert str(Needs((("a", 1),), (FR_OR_EN,), (("x", 2),), ("g",))) == "a>=1, (en>=2 or fr>=1), not x>=2, or of g"


@given(levels=SKILLS.map(dict))
def test_the_canonical_form_does_not_depend_on_order(levels: dict[str, int]) -> None:
    backwards = dict(reversed(levels.items()))
    assert canonical(levels) == canonical(backwards)
    assert hash(canonical(levels)) == hash(canonical(backwards))
