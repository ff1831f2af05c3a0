"""Golden transcripts of `announce`, and what its checker says."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ivr.errors import ConfigurationError
from ivr.schema import Flow
from ivr.source import load
from ivr.validate import load_flow
from tests.unit.ivr.transcripts import walk

FLOW = """
flow: outage
languages: [fr, en]
start: language
fallback: support
everywhere: {person: {key: "0", node: support}, back: "#"}
nodes:
  language: {kind: language, prompt: {fr: Un, en: Two}, choices: {1: fr, 2: en}, default: fr, next: outage}
  outage:
    kind: announce
    services: [mail]
    prompt:
      fr: {text: "{incident}", without: "Une panne est connue."}
      en: {text: "{incident}", without: "We know of an outage."}
    expected: {fr: "Fin prévue {incident_expected:when}.", en: "Back {incident_expected:when}."}
    offer: {fr: "Tapez 1.", en: "Press 1."}
    on_attached: noted
    next: main
  noted: {kind: say, prompt: {fr: Noté, en: Noted}, next: bye}
  main: {kind: menu, prompt: {fr: Menu, en: Menu}, choices: {1: support}, otherwise: support}
  support: {kind: queue, queue: support}
  bye: {kind: hangup, reason: deflected}
"""


@pytest.fixture(scope="module")
def flow() -> Flow:
    return load_flow(FLOW, "outage.yaml")[0]


GOLDEN = {
    "without an incident the caller notices nothing": (
        """
        < collect 1 within 5s: fr 'Un' + en 'Two'
        > 1
        < find an incident of mail
        > incident
        < collect 1 within 5s: fr 'Menu'
        """,
        "language:1 outage:nothing main:",
    ),
    "the sentence in the caller's language, when it ends, and the offer; pressing the key deflects": (
        """
        < collect 1 within 5s: fr 'Un' + en 'Two'
        > 2
        < find an incident of mail
        > incident id=i1 fr=Panne en=E-mail_is_down. at=2026-12-25T10:30+01:00 tell=1
        < play en 'E-mail is down.' + en 'Back Friday the twenty-fifth of December at ten thirty a.m.'
        > played
        < collect 1 within 5s: en 'Press 1.'
        > 1
        < attach to i1
        > attached
        < play en 'Noted'
        > played
        < hang up: deflected
        """,
        "language:2 outage:attached noted:played bye:hung_up",
    ),
    "no sentence in this language, no end known: the flow's own words": (
        """
        < collect 1 within 5s: fr 'Un' + en 'Two'
        > 1
        < find an incident of mail
        > incident id=i1 en=Down tell=1
        < play fr 'Une panne est connue.'
        > played
        < collect 1 within 5s: fr 'Tapez 1.'
        > silence
        < collect 1 within 5s: fr 'Menu'
        """,
        "language:1 outage:heard main:",
    ),
    "who cannot be rung gets no offer": (
        """
        < collect 1 within 5s: fr 'Un' + en 'Two'
        > 1
        < find an incident of mail
        > incident id=i1 fr=Panne
        < play fr 'Panne'
        > played
        < collect 1 within 5s: fr 'Menu'
        """,
        "language:1 outage:heard main:",
    ),
    "another key stays on the line": (
        """
        < collect 1 within 5s: fr 'Un' + en 'Two'
        > 1
        < find an incident of mail
        > incident id=i1 fr=Panne tell=1
        < play fr 'Panne'
        > played
        < collect 1 within 5s: fr 'Tapez 1.'
        > 7
        < collect 1 within 5s: fr 'Menu'
        """,
        "language:1 outage:heard main:",
    ),
    "zero is a person here, too": (
        """
        < collect 1 within 5s: fr 'Un' + en 'Two'
        > 1
        < find an incident of mail
        > incident id=i1 fr=Panne tell=1
        < play fr 'Panne'
        > played
        < collect 1 within 5s: fr 'Tapez 1.'
        > 0
        < queue support fr
        """,
        "language:1 outage:person support:queued",
    ),
    "where it cannot be noted the menu goes on": (
        """
        < collect 1 within 5s: fr 'Un' + en 'Two'
        > 1
        < find an incident of mail
        > incident id=i1 fr=Panne tell=1
        < play fr 'Panne'
        > played
        < collect 1 within 5s: fr 'Tapez 1.'
        > 1
        < attach to i1
        > not attached
        < collect 1 within 5s: fr 'Menu'
        """,
        "language:1 outage:failed main:",
    ),
    "going back leads to the question before, not to the announcement": (
        """
        < collect 1 within 5s: fr 'Un' + en 'Two'
        > 1
        < find an incident of mail
        > incident
        < collect 1 within 5s: fr 'Menu'
        > #
        < collect 1 within 5s: fr 'Un' + en 'Two'
        """,
        "language:1 outage:nothing main:back language:",
    ),
    "hanging up in the middle": (
        """
        < collect 1 within 5s: fr 'Un' + en 'Two'
        > 1
        < find an incident of mail
        > incident id=i1 fr=Panne tell=1
        < play fr 'Panne'
        > gone
        < hang up: caller_gone
        """,
        "language:1 outage:caller_gone",
    ),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_golden(flow: Flow, name: str) -> None:
    transcript, path = GOLDEN[name]
    wanted = "\n".join(line.strip() for line in transcript.strip().splitlines())
    heard, session = walk(flow, transcript, at=datetime(2026, 12, 1, tzinfo=UTC))
    assert heard == wanted
    assert " ".join(f"{entry.node}:{entry.exit}" for entry in session.path) == path


@pytest.mark.parametrize(
    ("wrong", "right", "line", "says"),
    [
        ("    on_attached: noted\n", "", 10, "`offer` and `on_attached` go together"),
        ("on_attached: noted", "on_attached: notd", 17, "unknown node `notd`"),
        ('offer: {fr: "Tapez 1.", en: "Press 1."}', 'offer: {fr: "Tapez 1."}', 16, "the prompt is missing in: en"),
        ("incident_expected:when", "incident_expect:when", 15, "unknown attribute `incident_expect`"),
        ("services: [mail]", "services: mail", 11, "must be a list"),
        ("services: [mail]", "no_input: {tries: 2}", 10, "an announcement is not repeated"),
    ],
)
def test_a_broken_announcement_is_told_with_its_line(wrong: str, right: str, line: int, says: str) -> None:
    text = FLOW.replace(wrong, right)
    assert text != FLOW
    with pytest.raises(ConfigurationError) as refused:
        load_flow(text, "outage.yaml")
    assert any(problem.line == line and says in problem.message for problem in refused.value.problems), str(
        refused.value
    )


def test_a_condition_may_ask_for_it() -> None:
    text = FLOW.replace(
        "  support: {kind: queue",
        "  who: {kind: branch, cases: [{when: active_major_incident, then: outage}], otherwise: main}\n"
        "  about: {kind: set, attributes: {service: vpn}, next: who}\n"
        "  support: {kind: queue",
    ).replace("next: outage}", "next: about}")
    flow = load(text, "f").validate(Flow)
    heard, _ = walk(flow, "> 1\n> known active_major_incident\n> incident")
    assert heard.splitlines()[2:5:2] == ["< identify", "< find an incident of mail, vpn"]
    heard, _ = walk(flow, "> 1\n> known")
    assert heard.endswith("fr 'Menu'")
