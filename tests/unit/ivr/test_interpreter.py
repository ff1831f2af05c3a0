"""Golden transcripts: flow and inputs to steps, one per node kind and error path."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from ivr.errors import SessionStateError
from ivr.interpreter import MAX_DUMP, advance, begin, dump, resume, step_of
from ivr.model import (
    CallerFacts,
    CallerGone,
    Check,
    CheckResult,
    Digits,
    EnterQueue,
    HangUp,
    PathEntry,
    Played,
)
from ivr.schema import Flow
from ivr.source import load
from tests.unit.ivr.transcripts import walk

FLOW = """
flow: every
languages: [fr, en]
start: welcome
fallback: rescue
no_input: {fr: Rien, en: Nothing}
no_match: {fr: Faux, en: Wrong}
nodes:
  welcome:
    kind: language
    prompt: {fr: Un, en: Two}
    choices: {1: fr, 2: en}
    from_caller: true
    timeout_seconds: 4
    no_input: {tries: 2, prompt: {fr: Alors, en: So}, repeat: false}
    no_match: {tries: 2, prompt: {fr: Non, en: 'No'}}
    default: fr
    next: main
  main:
    kind: menu
    prompt: {fr: Menu, en: {text: Menu please, file: menus/main}}
    choices: {1: number, 2: hello, 3: elsewhere, "*": pin, "12": bye}
    no_input: {tries: 2}
    no_match: {tries: 3, then: bye}
    otherwise: hello
  number:
    kind: collect
    prompt: {fr: Ticket, en: Ticket number}
    digits: {min: 2, max: 6}
    into: ticket
    check: ticket_of_caller
    no_input: {tries: 1}
    no_match: {tries: 2, prompt: {fr: Inconnu, en: Unknown}}
    on_valid: urgent
    on_invalid: main
  pin:
    kind: collect
    prompt: {fr: Code, en: PIN}
    digits: {min: 4, max: 4, terminator: null}
    into: pin
    check: ticket_of_caller
    secret: true
    on_valid: hello
    on_invalid: main
  urgent: {kind: set, attributes: {reason: follow_up}, priority: 1, skills: {network: 2}, next: elsewhere}
  elsewhere: {kind: goto, node: support}
  hello: {kind: say, prompt: {fr: Bonjour, en: Hello}, next: support}
  support: {kind: queue, queue: support, skills: {tickets: 1}}
  rescue: {kind: queue, queue: support, priority: 0}
  bye: {kind: hangup, reason: closed}
"""


@pytest.fixture(scope="module")
def flow() -> Flow:
    return load(FLOW, "every.yaml").validate(Flow)


@dataclass(frozen=True)
class Golden:
    name: str
    transcript: str
    path: str
    facts: CallerFacts | None = None

    def __str__(self) -> str:
        return self.name


ENGLISH = CallerFacts("en")

GOLDEN = [
    Golden(
        "language by key, each spoken by its own voice; a recording goes along with its text",
        """
        < collect 1 within 4s: fr 'Un' + en 'Two'
        > 2
        < collect 2 within 5s: en menus/main 'Menu please'
        """,
        "welcome:2:2 main::",
    ),
    Golden(
        "language known from the caller: not asked",
        "< collect 2 within 5s: en menus/main 'Menu please'",
        "welcome::known main::",
        ENGLISH,
    ),
    Golden(
        "language: silence has its own prompt in place of the question, then the default",
        """
        < collect 1 within 4s: fr 'Un' + en 'Two'
        > silence
        < collect 1 within 4s: fr 'Alors' + en 'So'
        > silence
        < collect 2 within 5s: fr 'Menu'
        """,
        "welcome::no_input main::",
    ),
    Golden(
        "language: wrong keys have their own prompt before the question, then the default",
        """
        < collect 1 within 4s: fr 'Un' + en 'Two'
        > 9
        < collect 1 within 4s: fr 'Non' + en 'No' + fr 'Un' + en 'Two'
        > #
        < collect 2 within 5s: fr 'Menu'
        """,
        "welcome:9 #:no_match main::",
    ),
    Golden(
        "menu: silence and wrong keys are counted apart; otherwise after silence",
        """
        < collect 2 within 5s: en menus/main 'Menu please'
        > 9
        < collect 2 within 5s: en 'Wrong' + en menus/main 'Menu please'
        > silence
        < collect 2 within 5s: en 'Nothing' + en menus/main 'Menu please'
        > 8 ...
        < collect 2 within 5s: en 'Wrong' + en menus/main 'Menu please'
        > silence
        < play en 'Hello'
        > played
        < queue support en skills {'tickets': 1}
        """,
        "welcome::known main:9 8:no_input hello::played support::queued",
        ENGLISH,
    ),
    Golden(
        "menu: wrong keys lead to their own way out",
        """
        < collect 2 within 5s: en menus/main 'Menu please'
        > 9
        < collect 2 within 5s: en 'Wrong' + en menus/main 'Menu please'
        > 99
        < collect 2 within 5s: en 'Wrong' + en menus/main 'Menu please'
        > 0
        < hang up: closed
        """,
        "welcome::known main:9 99 0:no_match bye::hung_up",
        ENGLISH,
    ),
    Golden(
        "menu: a key of two digits, and the shorter one by timeout; goto",
        """
        < collect 2 within 5s: en menus/main 'Menu please'
        > 3 ...
        < queue support en skills {'tickets': 1}
        """,
        "welcome::known main:3:3 elsewhere::passed support::queued",
        ENGLISH,
    ),
    Golden(
        "menu: the longer key",
        """
        < collect 2 within 5s: en menus/main 'Menu please'
        > 12
        < hang up: closed
        """,
        "welcome::known main:12:12 bye::hung_up",
        ENGLISH,
    ),
    Golden(
        "collect: wrong ticket, then the right one; attributes, priority and skills reach the queue",
        """
        < collect 2 within 5s: en menus/main 'Menu please'
        > 1
        < collect 6 until # within 8s: en 'Ticket number'
        > 4711
        < check ticket_of_caller 4711
        > wrong
        < collect 6 until # within 8s: en 'Unknown' + en 'Ticket number'
        > 815 ...
        < check ticket_of_caller 815
        > ok
        < queue support en priority 1 skills {'network': 2, 'tickets': 1} {'ticket': '815', 'reason': 'follow_up'}
        """,
        "welcome::known main:1:1 number:4711 815:valid urgent::passed elsewhere::passed support::queued",
        ENGLISH,
    ),
    Golden(
        "collect: a check may give the value its own form",
        """
        < collect 2 within 5s: en menus/main 'Menu please'
        > 1
        < collect 6 until # within 8s: en 'Ticket number'
        > 0815
        < check ticket_of_caller 0815
        > ok INC-0815
        < queue support en priority 1 skills {'network': 2, 'tickets': 1} {'ticket': 'INC-0815', 'reason': 'follow_up'}
        """,
        "welcome::known main:1:1 number:0815:valid urgent::passed elsewhere::passed support::queued",
        ENGLISH,
    ),
    Golden(
        "collect: too short, then not a number: given up without a check",
        """
        < collect 2 within 5s: en menus/main 'Menu please'
        > 1
        < collect 6 until # within 8s: en 'Ticket number'
        > 4
        < collect 6 until # within 8s: en 'Unknown' + en 'Ticket number'
        > 12*
        < collect 2 within 5s: en menus/main 'Menu please'
        """,
        "welcome::known main:1:1 number:4 12*:invalid main::",
        ENGLISH,
    ),
    Golden(
        "collect: the terminator alone is a wrong entry, silence is none",
        """
        < collect 2 within 5s: en menus/main 'Menu please'
        > 1
        < collect 6 until # within 8s: en 'Ticket number'
        > nothing
        < collect 6 until # within 8s: en 'Unknown' + en 'Ticket number'
        > silence
        < collect 2 within 5s: en menus/main 'Menu please'
        """,
        "welcome::known main:1:1 number::no_input main::",
        ENGLISH,
    ),
    Golden(
        "collect: secret keys are marked, and leave no trace; resuming asks for them again",
        """
        < collect 2 within 5s: en menus/main 'Menu please'
        > *
        < collect 4 within 8s secret: en 'PIN'
        > 12
        < collect 4 within 8s secret: en 'Wrong' + en 'PIN'
        """,
        "welcome::known main:*:* pin::",
        ENGLISH,
    ),
    Golden(
        "inputs that do not fit change nothing",
        """
        < collect 2 within 5s: en menus/main 'Menu please'
        > played
        < collect 2 within 5s: en menus/main 'Menu please'
        > ok
        < collect 2 within 5s: en menus/main 'Menu please'
        > 1
        < collect 6 until # within 8s: en 'Ticket number'
        > ok
        < collect 6 until # within 8s: en 'Ticket number'
        > 123
        < check ticket_of_caller 123
        > 456
        < check ticket_of_caller 123
        > played
        < check ticket_of_caller 123
        """,
        "welcome::known main:1:1 number:123:",
        ENGLISH,
    ),
    Golden(
        "the caller hangs up in a menu",
        """
        < collect 1 within 4s: fr 'Un' + en 'Two'
        > gone
        < hang up: caller_gone
        > 1
        < hang up: caller_gone
        """,
        "welcome::caller_gone",
    ),
    Golden(
        "what comes after the end changes nothing",
        """
        < collect 2 within 5s: en menus/main 'Menu please'
        > 3
        < queue support en skills {'tickets': 1}
        > 1
        < queue support en skills {'tickets': 1}
        """,
        "welcome::known main:3:3 elsewhere::passed support::queued",
        ENGLISH,
    ),
    Golden(
        "a language the flow does not speak is not known",
        "< collect 1 within 4s: fr 'Un' + en 'Two'",
        "welcome::",
        CallerFacts("de"),
    ),
]


@pytest.mark.parametrize("golden", GOLDEN, ids=str)
def test_golden_transcript(flow: Flow, golden: Golden) -> None:
    wanted = "\n".join(line.strip() for line in golden.transcript.strip().splitlines())
    went, session = walk(flow, golden.transcript, golden.facts)
    assert went == wanted
    assert " ".join(f"{e.node}:{e.keys}:{e.exit}" for e in session.path) == golden.path


def test_facts_seed_the_attributes(flow: Flow) -> None:
    session, _ = begin(flow, CallerFacts("en", {"site": "Lyon"}))
    _, step = advance(session, Digits("3"))
    assert isinstance(step, EnterQueue)
    assert step.attributes == {"site": "Lyon"}


def test_secret_value_is_checked_but_never_dumped(flow: Flow) -> None:
    session, _ = begin(flow, ENGLISH)
    session, _ = advance(session, Digits("*"))
    session, step = advance(session, Digits("9876"))
    assert step == Check("ticket_of_caller", "9876", True)
    again = resume(flow, dump(session))
    assert again.value == ""
    assert all("9876" not in entry.keys for entry in again.path)
    assert type(step_of(again)).__name__ == "Collect"


def test_hostile_digits_are_reduced_to_keys(flow: Flow) -> None:
    session, _ = begin(flow, ENGLISH)
    session, _ = advance(session, Digits("x1\r\n${exec}\x00"))
    assert session.node == "number"
    session, _ = advance(session, Digits("4" * 100_000))
    assert session.no_matches == 1
    assert len(session.path[-1].keys) <= 64


def test_a_caller_cannot_go_round_for_ever() -> None:
    text = """
flow: round
languages: [en]
start: a
fallback: rescue
max_steps: 10
nodes:
  a: {kind: menu, prompt: {en: A}, choices: {1: b}, otherwise: a}
  b: {kind: goto, node: a}
  rescue: {kind: queue, queue: support}
"""
    session, step = begin(load(text, "f").validate(Flow))
    for _ in range(10):
        session, step = advance(session, Digits("1"))
    assert isinstance(step, EnterQueue)
    assert session.path[-2].exit == "step_limit"


def test_a_step_that_is_never_answered_ends(flow: Flow) -> None:
    session, step = begin(flow)
    inputs = 0
    while not session.is_over:
        session, step = advance(session, Played())
        inputs += 1
    assert inputs <= flow.max_steps
    assert step == EnterQueue("support", 0, {}, {}, "fr")


BROKEN = """
flow: broken
languages: [en]
start: {start}
fallback: {fallback}
nodes:
  a: {{kind: goto, node: {target}}}
  m: {{kind: menu, prompt: {{fr: A}}, choices: {{1: nowhere}}, otherwise: nowhere}}
  q: {{kind: queue, queue: support}}
"""


@pytest.mark.parametrize(
    ("start", "fallback", "target", "ends"),
    [
        ("a", "q", "nowhere", "EnterQueue"),
        ("a", "q", "a", "EnterQueue"),
        ("nowhere", "q", "a", "EnterQueue"),
        ("nowhere", "nowhere", "a", "HangUp"),
        ("a", "a", "a", "HangUp"),
        ("a", "m", "nowhere", "HangUp"),
        ("m", "q", "m", "EnterQueue"),
    ],
)
def test_unchecked_flows_end_too(start: str, fallback: str, target: str, ends: str) -> None:
    flow = load(BROKEN.format(start=start, fallback=fallback, target=target), "f").validate(Flow)
    session, step = begin(flow)
    if not session.is_over:
        session, step = advance(session, Digits("1"))
    assert type(step).__name__ == ends
    assert session.is_over


def test_dump_is_short_and_safe_and_drops_the_oldest_path_first(flow: Flow) -> None:
    session, _ = begin(flow, ENGLISH)
    for _ in range(40):
        session, _ = advance(session, Digits("1"))
        session, _ = advance(session, Digits("", "timeout"))
    text = dump(session)
    assert len(text) <= MAX_DUMP
    assert set(text) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    again = resume(flow, text)
    assert step_of(again) == step_of(session)
    assert again.path == session.path[-len(again.path) :]
    assert again.path[-1] == PathEntry("main")


def test_dump_never_fails_for_too_many_attributes(flow: Flow) -> None:
    session, _ = begin(flow, CallerFacts("en", {f"a{n}": "x" * 90 for n in range(50)} | {"ticket": "7"}))
    again = resume(flow, dump(session))
    assert again.attributes["ticket"] == "7"


def test_resume_in_a_changed_flow(flow: Flow) -> None:
    session, _ = begin(flow, ENGLISH)
    text = dump(session)
    changed = load(FLOW.replace("Menu please", "New words"), "f").validate(Flow)
    assert changed.version != flow.version
    assert "New words" in str(step_of(resume(changed, text)))
    without = load(FLOW.replace("  main:", "  other:"), "f").validate(Flow)
    with pytest.raises(SessionStateError, match="no longer has the node"):
        resume(without, text)
    other = load(FLOW.replace("flow: every", "flow: other"), "f").validate(Flow)
    with pytest.raises(SessionStateError, match="another flow"):
        resume(other, text)
    french = load(FLOW.replace("languages: [fr, en]", "languages: [fr]"), "f").validate(Flow)
    with pytest.raises(SessionStateError, match="no longer speaks"):
        resume(french, text)


@pytest.mark.parametrize("text", ["", "!", "a", "AAAA", "é", "gA", "x" * 5000, "k" * 400])
def test_damaged_dumps_are_refused(flow: Flow, text: str) -> None:
    with pytest.raises(SessionStateError):
        resume(flow, text)


def test_an_unprintable_check_value_is_not_taken(flow: Flow) -> None:
    session, _ = begin(flow, ENGLISH)
    session, _ = advance(session, Digits("1"))
    session, _ = advance(session, Digits("4711"))
    session, step = advance(session, CheckResult(True, "bad\nvalue"))
    assert isinstance(step, EnterQueue)
    assert step.attributes["ticket"] == "4711"
    session, step = advance(session, CallerGone())
    assert step == HangUp("caller_gone")
