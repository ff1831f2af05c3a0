"""Golden transcripts of `survey` and `request`, and what their checker says."""

from __future__ import annotations

import pytest

from ivr.errors import ConfigurationError
from ivr.interpreter import advance, begin, dump, resume, step_of
from ivr.model import Check, Collect, Digits
from ivr.schema import Flow
from ivr.validate import Known, load_flow
from tests.unit.ivr.transcripts import walk

SURVEY = """
flow: opinion
languages: [fr, en]
start: content
fallback: bye
no_match: {fr: Faux, en: Wrong}
nodes:
  content: {kind: survey, measure: csat, prompt: {fr: Note, en: Mark}, no_input: {tries: 1}, next: recommend}
  recommend: {kind: survey, measure: nps, prompt: {fr: Dix, en: Ten}, no_match: {tries: 2}, next: settled}
  settled: {kind: survey, measure: resolved, "yes": "1", "no": "9", prompt: {fr: Fini, en: Done}, next: who}
  who: {kind: branch, cases: [{when: "number(survey_csat) <= 2", then: words}], otherwise: bye}
  words: {kind: survey, measure: comment, seconds: 30, prompt: {fr: Dites, en: Say}, next: bye}
  bye: {kind: hangup}
"""
REQUEST = """
flow: desk
languages: [fr, en]
start: account
fallback: support
everywhere: {person: {key: "0", node: support}}
nodes:
  account:
    kind: collect
    prompt: {fr: Compte, en: Account}
    digits: {max: 6}
    into: account
    on_valid: reset
    on_invalid: support
  reset:
    kind: request
    item: password_reset
    proof: pin
    prompt: {fr: Code, en: PIN}
    no_match: {tries: 2, prompt: {fr: Faux, en: Wrong}}
    opened: tell
    failed: ring_back
  ring_back:
    kind: request
    item: password_reset
    proof: callback
    prompt: {fr: "On vous rappelle", en: "We ring you back"}
    opened: tell
    failed: support
  tell: {kind: say, prompt: {fr: "Ticket {ticket:digits}", en: "Ticket {ticket:digits}"}, next: bye}
  support: {kind: queue, queue: support}
  bye: {kind: hangup}
"""
KNOWN = Known(items={"password_reset": ("account",)})

GOLDEN = {
    "a content caller is not asked for words": (
        SURVEY,
        """
        < collect 1 within 5s: fr 'Note'
        > 5
        < keep csat 5
        > kept
        < collect 2 until # within 5s: fr 'Dix'
        > 10
        < keep nps 10
        > kept
        < collect 1 within 5s: fr 'Fini'
        > 9
        < keep resolved no
        > kept
        < hang up: flow
        """,
        "content:5:valid recommend:10:valid settled:9:valid who::otherwise bye::hung_up",
    ),
    "an angry one is, and says nothing": (
        SURVEY,
        """
        < collect 1 within 5s: fr 'Note'
        > 1
        < keep csat 1
        > kept
        < collect 2 until # within 5s: fr 'Dix'
        > 0 ...
        < keep nps 0
        > kept
        < collect 1 within 5s: fr 'Fini'
        > 1
        < keep resolved yes
        > kept
        < play until a key fr 'Dites'
        > played
        < record words 30s, silence 3s
        > nothing said
        < hang up: flow
        """,
        "content:1:valid recommend:0:valid settled:1:valid who::case 1 words::no_input bye::hung_up",
    ),
    "out of range, twice: the next question; silence: the next question": (
        SURVEY,
        """
        < collect 1 within 5s: fr 'Note'
        > silence
        < collect 2 until # within 5s: fr 'Dix'
        > 11
        < collect 2 until # within 5s: fr 'Faux' + fr 'Dix'
        > 99
        < collect 1 within 5s: fr 'Fini'
        > gone
        < hang up: caller_gone
        """,
        "content::no_input recommend:11 99:no_match settled::caller_gone",
    ),
    "words are recorded": (
        SURVEY,
        """
        < collect 1 within 5s: fr 'Note'
        > 2
        < keep csat 2
        > kept
        < collect 2 until # within 5s: fr 'Dix'
        > 5 ...
        < keep nps 5
        > kept
        < collect 1 within 5s: fr 'Fini'
        > 1
        < keep resolved yes
        > kept
        < play until a key fr 'Dites'
        > played
        < record words 30s, silence 3s
        > recorded
        < hang up: flow
        """,
        "content:2:valid recommend:5:valid settled:1:valid who::case 1 words::valid bye::hung_up",
    ),
    "the right PIN opens a ticket, and stands nowhere": (
        REQUEST,
        """
        < collect 6 until # within 8s: fr 'Compte'
        > 1042 ...
        < collect 12 until # within 8s secret: fr 'Code'
        > 4711 ...
        < check pin secret
        > ok
        < open password_reset proof pin {'account': '1042'}
        > opened 1000015
        < play fr 'Ticket un zéro zéro zéro zéro un cinq'
        > played
        < hang up: flow
        """,
        "account:1042:valid reset::opened tell::played bye::hung_up",
    ),
    "a wrong one may be tried again, then it is rung back": (
        REQUEST,
        """
        < collect 6 until # within 8s: fr 'Compte'
        > 1042 ...
        < collect 12 until # within 8s secret: fr 'Code'
        > 4712 ...
        < check pin secret
        > wrong
        < collect 12 until # within 8s secret: fr 'Faux' + fr 'Code'
        > 12 ...
        < play until a key fr 'On vous rappelle'
        > played
        < open password_reset proof callback {'account': '1042'}
        > not opened
        < queue support fr {'account': '1042'}
        """,
        "account:1042:valid reset::invalid ring_back::failed support::queued",
    ),
    "a locked one is not asked again": (
        REQUEST,
        """
        < collect 6 until # within 8s: fr 'Compte'
        > 1042 ...
        < collect 12 until # within 8s secret: fr 'Code'
        > 4712 ...
        < check pin secret
        > locked
        < play until a key fr 'On vous rappelle'
        > played
        < open password_reset proof callback {'account': '1042'}
        > opened 1000015
        < play fr 'Ticket un zéro zéro zéro zéro un cinq'
        """,
        "account:1042:valid reset::failed ring_back::opened tell::",
    ),
    "a person instead of a PIN": (
        REQUEST,
        """
        < collect 6 until # within 8s: fr 'Compte'
        > 1 ...
        < collect 12 until # within 8s secret: fr 'Code'
        > 0 ...
        < queue support fr {'account': '1'}
        """,
        "account:1:valid reset:0:person support::queued",
    ),
}


@pytest.fixture(scope="module")
def flows() -> dict[str, Flow]:
    return {text: load_flow(text, "f.yaml", known=KNOWN)[0] for text in (SURVEY, REQUEST)}


@pytest.mark.parametrize("name", GOLDEN)
def test_golden(flows: dict[str, Flow], name: str) -> None:
    text, transcript, path = GOLDEN[name]
    heard, session = walk(flows[text], transcript)
    assert heard == "\n".join(line.strip() for line in transcript.strip().splitlines())
    assert " ".join(f"{entry.node}:{entry.keys}:{entry.exit}" for entry in session.path) == path


def test_a_pin_is_not_on_the_channel(flows: dict[str, Flow]) -> None:
    flow = flows[REQUEST]
    session, _ = begin(flow)
    session, _ = advance(session, Digits("1042"))
    session, step = advance(session, Digits("4711"))
    assert isinstance(step, Check)
    again = resume(flow, dump(session))
    assert again.value == ""
    asked = step_of(again)
    assert isinstance(asked, Collect)
    assert asked.secret
    assert "4711" not in str(session.path)


@pytest.mark.parametrize(
    ("text", "wrong", "right", "line", "says"),
    [
        (SURVEY, "measure: csat", "measure: happy", 8, "must be one of csat, nps, resolved, comment"),
        (SURVEY, '"no": "9"', '"no": "1"', 10, "one key cannot mean yes and no"),
        (SURVEY, "survey_csat", "survey_cast", 11, "unknown attribute `survey_cast`"),
        (SURVEY, "seconds: 30", "seconds: 0", 12, "greater than 0"),
        (
            REQUEST,
            "item: password_reset\n    proof: pin",
            "item: pasword_reset\n    proof: pin",
            17,
            "unknown catalogue",
        ),
        (REQUEST, "into: account", "into: acount", 17, "no node sets `account`"),
        (REQUEST, "into: account", "into: account\n    secret: true", 18, "`account` is secret"),
        (REQUEST, "proof: pin", "proof: none", 18, "must be one of pin, callback"),
        (REQUEST, "failed: ring_back", "failed: rng_back", 22, "unknown node `rng_back`"),
    ],
)
def test_a_broken_one_is_told_with_its_line(text: str, wrong: str, right: str, line: int, says: str) -> None:
    broken = text.replace(wrong, right, 1)
    assert broken != text
    with pytest.raises(ConfigurationError) as refused:
        load_flow(broken, "f.yaml", known=KNOWN)
    found = [problem for problem in refused.value.problems if says in problem.message]
    assert line in [problem.line for problem in found], str(refused.value)
