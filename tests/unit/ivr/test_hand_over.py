"""Golden transcripts of the nodes that hand a caller on: transfers."""

from __future__ import annotations

import pytest

from ivr.errors import ConfigurationError
from ivr.validate import Known, load_flow
from tests.unit.ivr.transcripts import walk

FLOW = """\
flow: night
languages: [fr, en]
start: desk
fallback: bye
nodes:
  desk: {kind: transfer, to: "+33123456789", ring_seconds: 25, busy: taken, no_answer: bye, failed: bye, done: bye}
  taken: {kind: say, prompt: {fr: "Occupé.", en: "Busy."}, next: bye}
  bye: {kind: hangup, reason: night}
"""


def checked(text: str = FLOW) -> None:
    load_flow(text, "night.yaml", known=Known(may_dial=lambda number: number == "+33123456789"))


@pytest.mark.parametrize(
    ("outcome", "then"),
    [
        ("joined done", "< hang up: night"),
        ("joined no_answer", "< hang up: night"),
        ("joined failed", "< hang up: night"),
        ("joined busy", "< play fr 'Occupé.'"),
        ("silence", "< transfer +33123456789 for 25s"),
        ("gone", "< hang up: caller_gone"),
    ],
)
def test_a_transfer_ends_in_one_of_four_ways(outcome: str, then: str) -> None:
    flow, warnings = load_flow(FLOW, "night.yaml")
    assert warnings == ()
    told, session = walk(flow, f"> {outcome}")
    assert told.splitlines() == ["< transfer +33123456789 for 25s", f"> {outcome}", then]
    if outcome == "joined busy":
        assert [(entry.node, entry.exit) for entry in session.path] == [("desk", "busy"), ("taken", "")]


@pytest.mark.parametrize(
    ("wrong", "right", "line", "told"),
    [
        ('"+33123456789"', '"+44123456789"', 6, "`outgoing` does not allow this number"),
        ('"+33123456789"', '"paul"', 6, "match"),
        ("busy: taken", "busy: nobody", 6, "unknown node `nobody`"),
        ("busy: taken, ", "", 6, "busy"),
        ("ring_seconds: 25", "ring_seconds: 1000", 6, "less than or equal to 120"),
    ],
)
def test_a_transfer_that_cannot_work_is_told_with_its_line(wrong: str, right: str, line: int, told: str) -> None:
    checked()
    assert FLOW.count(wrong) == 1
    with pytest.raises(ConfigurationError) as refusal:
        checked(FLOW.replace(wrong, right))
    problem = refusal.value.problems[0]
    assert (problem.line, told in str(problem)) == (line, True)
