"""Golden transcripts of the nodes that hand a caller on: transfers."""

from __future__ import annotations

import pytest

from ivr.errors import ConfigurationError
from ivr.model import CallerFacts
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


MESSAGE = """\
flow: box
languages: [fr, en]
start: box
fallback: bye
nodes:
  box:
    kind: voicemail
    queue: support
    prompt: {fr: "Parlez.", en: "Speak."}
    max_seconds: 60
    review: {fr: "Envoyer ?", en: "Send?"}
    saved: bye
    failed: lost
  lost: {kind: hangup, reason: lost}
  bye: {kind: hangup, reason: kept}
"""


def steps(text: str, transcript: str, facts: CallerFacts | None = None) -> list[str]:
    told, _ = walk(load_flow(text, "flow.yaml")[0], transcript, facts)
    return [line.removeprefix("< ") for line in told.splitlines() if line.startswith("<")]


RECORD = "record for support, 60s, silence 5s"
SEND = "collect 1 within 5s: fr 'Envoyer ?'"


@pytest.mark.parametrize(
    ("acts", "told"),
    [
        (["played", "message recorded", "1", "message kept"], [RECORD, SEND, "keep for support", "hang up: kept"]),
        (
            ["played", "message recorded", "silence", "message not kept"],
            [RECORD, SEND, "keep for support", "hang up: lost"],
        ),
        (["played", "message recorded", "2", "no message"], [RECORD, SEND, RECORD, "hang up: lost"]),
        (["played", "no message"], [RECORD, "hang up: lost"]),
        (["played", "gone"], [RECORD, "hang up: caller_gone"]),
        (["silence", "booked"], [RECORD, RECORD]),
    ],
)
def test_a_message_is_recorded_reviewed_and_kept(acts: list[str], told: list[str]) -> None:
    assert steps(MESSAGE, "\n".join(f"> {act}" for act in acts)) == ["play until a key fr 'Parlez.'", *told]


BACK = """\
flow: back
languages: [fr, en]
start: offer
fallback: wait
everywhere: {person: {key: "0", node: wait}}
nodes:
  offer:
    kind: callback
    queue: support
    prompt: {fr: "Rappel ?", en: "Call back?"}
    ask_number: {fr: "Numéro ?", en: "Number?"}
    ask_time: {fr: "Heure ?", en: "Time?"}
    no_input: {tries: 2}
    no_match: {tries: 2}
    done: bye
    refused: wait
  wait: {kind: queue, queue: support}
  bye: {kind: hangup, reason: booked}
"""
OFFER = "collect 1 within 5s: fr 'Rappel ?'"
NUMBER = "collect 18 until # within 8s: fr 'Numéro ?'"
TIME = "collect 4 within 8s: fr 'Heure ?'"
WAIT = "queue support fr"


@pytest.mark.parametrize(
    ("acts", "told"),
    [
        (["1", "booked"], ["call back the caller in turn for support", "hang up: booked"]),
        (["1", "refused"], ["call back the caller in turn for support", WAIT]),
        (["2", "0612345678", "booked"], [NUMBER, "call back 0612345678 in turn for support", "hang up: booked"]),
        (["2", "1*", "12"], [NUMBER, NUMBER, WAIT]),
        (["3", "1745", "booked"], [TIME, "call back the caller 1745 for support", "hang up: booked"]),
        (["3", "2561", "9999"], [TIME, TIME, WAIT]),
        (["silence", "silence"], [OFFER, WAIT]),
        (["7"], [WAIT]),
        (["0"], [WAIT]),
        (["gone"], ["hang up: caller_gone"]),
    ],
)
def test_a_callback_is_offered_confirmed_and_booked(acts: list[str], told: list[str]) -> None:
    known = CallerFacts(caller_number="+33612345678")
    assert steps(BACK, "\n".join(f"> {act}" for act in acts), known) == [OFFER, *told]


def test_without_a_number_the_other_one_is_asked_at_once() -> None:
    assert steps(BACK, "> 0612345678") == [NUMBER, "call back 0612345678 in turn for support"]


def test_what_cannot_work_is_told() -> None:
    for text in (MESSAGE, BACK):
        with pytest.raises(ConfigurationError, match="unknown queue `support`"):
            load_flow(text, "flow.yaml", known=Known(queues={"orders"}))
