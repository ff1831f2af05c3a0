"""Golden transcripts of the nodes that decide, ask and call, of keys that mean the same everywhere, and of limits."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from ivr.calendar import Calendar
from ivr.interpreter import MAX_DUMP, advance, begin, dump, resume, step_of
from ivr.model import CallerFacts, Digits, HangUp, Identified, Session
from ivr.schema import Flow, link
from ivr.source import load
from ivr.validate import Known, check_flow, read_flow
from tests.unit.ivr.transcripts import walk

OFFICE = load(
    'time_zone: Europe/Paris\nweek: {monday-friday: ["08:00-18:00"]}\nholidays: {country: FR}\n', "office"
).validate(Calendar)
MONDAY = "2026-11-23T10:00+01:00"

MAIN = """\
flow: main
languages: [fr, en]
start: who
fallback: people
no_input: {fr: "Rien.", en: "Nothing."}
no_match: {fr: "Non.", en: "No."}
everywhere: {person: {key: "0", node: to_people}, repeat: "*", back: "#"}
limits: {seconds: 120, no_input: 4, no_match: 4}
nodes:
  who:
    kind: branch
    cases:
      - {when: "called_number == '200'", then: opening}
      - {when: "vip and open_tickets > 1", then: people}
      - {when: "calls_today >= 3", then: status}
    otherwise: menu
  opening: {kind: hours, calendar: office, open: menu, closed: closed, holiday: holiday, opens_at: reopens}
  closed:
    kind: say
    prompt: {fr: "Fermé, retour {reopens:when}.", en: "Closed until {reopens:when}."}
    next: bye
  holiday: {kind: say, prompt: {fr: "Jour férié.", en: "Public holiday."}, barge_in: true, next: bye}
  menu:
    kind: menu
    prompt: {fr: "Menu.", en: "Menu."}
    choices: {"1": deeper, "2": status, "3": identify, "4": number}
    no_input: {tries: 9}
    no_match: {tries: 9}
    otherwise: people
  deeper:
    kind: menu
    prompt: {fr: "Plus loin.", en: "Deeper."}
    barge_in: false
    forbid: [person]
    choices: {"1": people}
    otherwise: people
  status:
    kind: lookup
    service: cmdb
    path: "/sites/{site}?caller={caller_number}"
    into: {state: status.text, wait: wait}
    timeout_seconds: 1.5
    tries: 3
    found: tell
    failed: menu
  tell:
    kind: say
    prompt:
      fr: {text: "État {state}, attente {wait:duration}.", without: "Il y a de l'attente."}
      en: {text: "State {state}, wait {wait:duration}.", without: "There is a wait."}
    next: menu
  identify: {kind: call, flow: identify, next: menu, results: {failed: people}}
  number:
    kind: collect
    prompt: {fr: "Numéro.", en: "Number."}
    digits: {min: 3, max: 6}
    into: ticket
    check: ticket_of_caller
    on_valid: how_it_stands
    on_invalid: people
  how_it_stands:
    kind: speak_ticket
    statuses:
      open: {fr: "Ticket {ticket:digits} ouvert {ticket_opened:when}.", en: "Ticket {ticket:digits} is open."}
    otherwise: {fr: "Ticket {ticket:digits}.", en: "Ticket {ticket:digits}."}
    next: menu
  to_people: {kind: say, prompt: {fr: "Quelqu'un.", en: "Somebody."}, next: people}
  people: {kind: queue, queue: support}
  bye: {kind: hangup, reason: closed}
"""
IDENTIFY = """\
flow: identify
languages: [fr, en]
start: ask
fallback: gone
no_match: {fr: "Faux.", en: "Wrong."}
nodes:
  ask:
    kind: collect
    prompt: {fr: "Code.", en: "Code."}
    digits: {min: 4, max: 4, terminator: null}
    into: code
    secret: true
    no_match: {tries: 2}
    on_valid: done
    on_invalid: wrong
  done: {kind: return}
  wrong: {kind: return, result: failed}
  gone: {kind: hangup}
"""


def flows_of(*texts: str) -> dict[str, Flow]:
    read = [read_flow(text, f"flow{index}") for index, text in enumerate(texts)]
    linked = link({flow.name: flow for flow, _ in read}, {"office": OFFICE})
    for flow, source in read:
        known = Known(calendars={"office"}, services={"cmdb"}, flows=linked, queues={"support"})
        assert check_flow(linked[flow.name], source, known=known) == ()
    return linked


@pytest.fixture(scope="module")
def main() -> Flow:
    return flows_of(MAIN, IDENTIFY)["main"]


@dataclass(frozen=True)
class Case:
    transcript: str
    called: str = "100"
    at: str = MONDAY
    facts: CallerFacts = field(default_factory=CallerFacts)


MENU = "< collect 1 within 5s: fr 'Menu.'"
PLAIN = f"< identify\n> known\n{MENU}"

CASES = {
    "hours: open": Case(f"{MENU}\n> gone\n< hang up: caller_gone", called="200"),
    "hours: closed": Case(
        "< play fr 'Fermé, retour demain à huit heures'\n> played\n< hang up: closed",
        called="200",
        at="2026-11-23T18:00+01:00",
    ),
    "hours: holiday": Case(
        "< play until a key fr 'Jour férié.'\n> played\n< hang up: closed",
        called="200",
        at="2026-12-25T10:00+01:00",
    ),
    "branch: the first that holds": Case("< identify\n> known vip open_tickets=2 calls_today=9\n< queue support fr"),
    "branch: a later one": Case(
        "< identify\n> known open_tickets=2 calls_today=3 site=Lyon%2F1\n"
        "< look up cmdb /sites/Lyon%252F1?caller=%2B33612340000 within 1.5s, 3 tries"
    ),
    "branch: nobody knows": Case(PLAIN),
    "lookup: found": Case(
        f"{PLAIN}\n> 2\n< look up cmdb /sites/?caller=%2B33612340000 within 1.5s, 3 tries\n"
        "> found state=bon wait=130\n< play fr 'État bon attente trois minutes'"
    ),
    "lookup: failed": Case(
        f"{PLAIN}\n> 2\n< look up cmdb /sites/?caller=%2B33612340000 within 1.5s, 3 tries\n> failed\n{MENU}"
    ),
    "lookup: a value is missing": Case(
        f"{PLAIN}\n> 2\n< look up cmdb /sites/?caller=%2B33612340000 within 1.5s, 3 tries\n> found state=bon\n{MENU}"
    ),
    "lookup: a value that cannot be said": Case(
        f"{PLAIN}\n> 2\n< look up cmdb /sites/?caller=%2B33612340000 within 1.5s, 3 tries\n"
        '> found state=bon wait=longtemps\n< play fr "Il y a de l\'attente."'
    ),
    "call and return": Case(
        f"{PLAIN}\n> 3\n< collect 4 within 8s secret: fr 'Code.'\n> 1234\n{MENU}\n> gone\n< hang up: caller_gone"
    ),
    "call: its other result": Case(
        f"{PLAIN}\n> 3\n< collect 4 within 8s secret: fr 'Code.'\n> 1 ...\n"
        "< collect 4 within 8s secret: fr 'Faux.' + fr 'Code.'\n> 12 ...\n< queue support fr"
    ),
    "call: a person is the outer flow's": Case(
        f"{PLAIN}\n> 3\n< collect 4 within 8s secret: fr 'Code.'\n> 0 ...\n< play fr \"Quelqu'un.\"\n> played\n"
        "< queue support fr"
    ),
    "repeat and back": Case(
        f"{PLAIN}\n> *\n{MENU}\n> 1\n< collect 1 to the end within 5s: fr 'Plus loin.'\n> #\n{MENU}\n> #\n{MENU}"
    ),
    "a person": Case(f'{PLAIN}\n> 0\n< play fr "Quelqu\'un."\n> played\n< queue support fr'),
    "a person, forbidden here": Case(
        f"{PLAIN}\n> 1\n< collect 1 to the end within 5s: fr 'Plus loin.'\n> 0\n"
        "< collect 1 to the end within 5s: fr 'Non.' + fr 'Plus loin.'"
    ),
    "speak_ticket": Case(
        f"{PLAIN}\n> 4\n< collect 6 until # within 8s: fr 'Numéro.'\n> 1042\n< check ticket_of_caller 1042\n"
        "> ok\n< play until a key fr 'Ticket un zéro quatre deux'\n> played\n" + MENU
    ),
    "too many silences of the whole call": Case(
        f"{PLAIN}\n> silence\n< collect 1 within 5s: fr 'Rien.' + fr 'Menu.'\n"
        "> silence\n< collect 1 within 5s: fr 'Rien.' + fr 'Menu.'\n> 1\n"
        "< collect 1 to the end within 5s: fr 'Plus loin.'\n> silence\n"
        "< collect 1 to the end within 5s: fr 'Rien.' + fr 'Plus loin.'\n> silence\n< queue support fr"
    ),
    "too many wrong keys of the whole call": Case(
        f"{PLAIN}\n> 9\n< collect 1 within 5s: fr 'Non.' + fr 'Menu.'\n"
        "> 8\n< collect 1 within 5s: fr 'Non.' + fr 'Menu.'\n> 7\n< collect 1 within 5s: fr 'Non.' + fr 'Menu.'\n"
        "> 6\n< queue support fr"
    ),
    "too long in the menus": Case(
        f"{PLAIN}\n@ 2026-11-23T10:01+01:00\n> *\n{MENU}\n@ 2026-11-23T10:02+01:00\n> *\n< queue support fr"
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_transcript(main: Flow, name: str) -> None:
    case = CASES[name]
    facts = CallerFacts(called_number=case.called, caller_number="+33612340000")
    went, _ = walk(main, case.transcript, facts, datetime.fromisoformat(case.at))
    # Attributes are told of by other tests.
    assert [line.partition(" {")[0] for line in went.splitlines()] == case.transcript.splitlines()


def _in_the_code(main: Flow) -> Session:
    session, _ = begin(main, CallerFacts(called_number="200"), datetime.fromisoformat(MONDAY))
    return advance(session, Digits("3"))[0]


def test_the_path_of_a_called_flow_has_its_name(main: Flow) -> None:
    session = advance(_in_the_code(main), Digits("1234"))[0]
    nodes = [entry.node for entry in session.path]
    assert nodes == ["who", "opening", "menu", "identify", "identify.ask", "identify.done", "menu"]
    assert session.attributes["code"] == "1234"
    assert all("1234" not in entry.keys for entry in session.path)


def test_a_call_is_taken_up_inside_a_called_flow(main: Flow) -> None:
    session = _in_the_code(main)
    text = dump(session)
    assert len(text) <= MAX_DUMP
    again = resume(main, text)
    assert (again.flow.name, again.root.name, again.began_at) == ("identify", "main", session.began_at)
    assert advance(again, Digits("1234"))[0].node == "menu"


def test_a_changed_flow_goes_on_where_the_node_still_is(main: Flow) -> None:
    changed = flows_of(MAIN.replace('fr: "Menu."', 'fr: "Autre menu."'), IDENTIFY)["main"]
    assert changed.version != main.version
    again = resume(changed, dump(_in_the_code(main)))
    session, _ = advance(again, Digits("1234"))
    assert "Autre menu." in str(step_of(session))


def test_the_version_covers_called_flows_and_calendars(main: Flow) -> None:
    assert flows_of(MAIN, IDENTIFY)["main"].version == main.version
    assert flows_of(MAIN, IDENTIFY.replace("Code.", "Le code."))["main"].version != main.version
    read = {flow.name: flow for flow, _ in (read_flow(MAIN, "m"), read_flow(IDENTIFY, "i"))}
    later = OFFICE.model_copy(update={"time_zone": "UTC"})
    assert link(read, {"office": later})["main"].version != main.version


def test_pieces_of_a_prompt_with_values(main: Flow) -> None:
    session, _ = begin(main, CallerFacts(called_number="100"), datetime.fromisoformat(MONDAY))
    session, _ = advance(session, Identified({"calls_today": 3}))
    assert session.node == "status"
    fixed = {prompt.text for prompt in main.prompts() if prompt.language == "fr"}
    assert {"Ticket", "ouvert", "un", "deux", "Il y a de l'attente.", "État", "attente"} <= fixed


def test_without_a_clock_it_is_open_and_no_time_runs_out(main: Flow) -> None:
    session, _ = begin(main, CallerFacts(called_number="200"))
    assert session.node == "menu"
    for _ in range(3):
        session, step = advance(session, Digits("*"))
    assert not isinstance(step, HangUp)


def test_a_flow_that_was_never_linked_goes_on_without_calls_and_calendars() -> None:
    alone, _ = read_flow(MAIN, "alone")
    session, _ = begin(alone, CallerFacts(called_number="200"), datetime(2026, 12, 25, tzinfo=UTC))
    assert session.node == "menu"
    session, _ = advance(session, Digits("3"))
    assert (session.node, session.path[-2].exit) == ("menu", "fault")


def test_flows_that_call_each_other_in_a_round_still_end() -> None:
    text = """\
flow: {me}
languages: [en]
start: other
fallback: out
nodes:
  other: {{kind: call, flow: {you}, next: out}}
  out: {{kind: hangup}}
"""
    read = [read_flow(text.format(me=me, you=you), me)[0] for me, you in (("a", "b"), ("b", "a"))]
    session, step = begin(link({flow.name: flow for flow in read}, {})["a"])
    assert session.is_over
    assert isinstance(step, HangUp)
