"""The shipped hotline: checked without a warning, and every way through it ends in front of a person."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import product
from pathlib import Path

import pytest

from ivr.interpreter import advance, begin
from ivr.model import CheckResult, Collect, Digits, EnterQueue, Input, Played
from ivr.schema import Flow
from ivr.self_service import CallerAttached, IncidentFound, RequestOpened
from ivr.validate import Known, load_flow
from tests.unit.ivr.transcripts import walk

KNOWN = Known(queues={"support", "orders", "access"}, skills=(), calendars={"office"}, items={"password_reset": ()})
FILE = Path(__file__).parents[3] / "config/ivr/hotline.yaml"


@pytest.fixture(scope="module")
def hotline() -> Flow:
    flow, problems = load_flow(FILE.read_bytes(), str(FILE), known=KNOWN)
    assert problems == ()
    return flow


MAIN_FR = (
    'fr "Pour signaler un incident, tapez 1. Pour une demande ou une commande, tapez 2. '
    "Pour le suivi d'un ticket, tapez 3. Pour un mot de passe, tapez 4.\""
)
MAIN_EN = (
    "en 'To report an incident, press 1. For a request or an order, press 2. About an existing ticket, press 3. "
    "For a password, press 4.'"
)
NO_OUTAGE = "\n< find an incident\n> incident"
WELCOME = (
    "< collect 1 within 4s: fr 'Bienvenue au centre de services Guichet. Pour le français, tapez 1.' "
    "+ en 'For English, press 2.'"
)
FRENCH = f"{WELCOME}\n> 1{NO_OUTAGE}\n< collect 1 within 5s: {MAIN_FR}"
ENGLISH = f"{WELCOME}\n> 2{NO_OUTAGE}\n< collect 1 within 5s: {MAIN_EN}"
CODE_FR = 'fr "Tapez votre code personnel, puis dièse. Pour parler à quelqu\'un, tapez 0."'
TICKET_EN = "en 'Please enter your ticket number, followed by the hash key.'"
UNKNOWN_EN = "en 'I could not find this number among your tickets.'"

TRANSCRIPTS = {
    "an incident, in French": f"{FRENCH}\n> 1\n< queue support fr {{'reason': 'incident'}}",
    "an order, in English": f"{ENGLISH}\n> 2\n< queue orders en {{'reason': 'request'}}",
    "a ticket, at the second attempt": f"""{ENGLISH}
        > 3
        < collect 12 until # within 8s: {TICKET_EN}
        > 12
        < check ticket_of_caller 12
        > wrong
        < collect 12 until # within 8s: {UNKNOWN_EN} + {TICKET_EN}
        > 1042
        < check ticket_of_caller 1042
        > ok
        < play until a key en 'This ticket is being worked on.'
        > played
        < queue support en {{'ticket': '1042', 'reason': 'follow_up'}}""",
    "a password without an agent": f"""{FRENCH}
        > 4
        < collect 12 until # within 8s secret: {CODE_FR}
        > 4711
        < check pin secret
        > ok
        < open password_reset proof pin {{}}
        > opened 1042
        < play fr 'Votre demande porte le numéro un zéro quatre deux'
        > played
        < play fr 'Merci de votre appel. Au revoir.'
        > played
        < hang up: told""",
    "no PIN: somebody who knows about passwords": f"""{FRENCH}
        > 4
        < collect 12 until # within 8s secret: {CODE_FR}
        > 0 ...
        < play fr 'Je vous passe un conseiller.'
        > played
        < queue support fr""",
    "an outage": f"""{WELCOME}
        > 1
        < find an incident
        > incident id=i1 fr=Panne tell=1
        < play fr 'Panne'
        > played
        < collect 1 within 5s: fr 'Pour être prévenu du retour, tapez 1. Sinon, restez en ligne.'
        > 1
        < attach to i1
        > attached
        < play fr "C'est noté, nous vous préviendrons."
        > played
        < play fr 'Merci de votre appel. Au revoir.'
        > played
        < hang up: told""",
    "no ticket of theirs, three times": f"""{ENGLISH}
        > 3
        < collect 12 until # within 8s: {TICKET_EN}
        > 1
        < check ticket_of_caller 1
        > wrong
        < collect 12 until # within 8s: {UNKNOWN_EN} + {TICKET_EN}
        > 2
        < check ticket_of_caller 2
        > wrong
        < collect 12 until # within 8s: {UNKNOWN_EN} + {TICKET_EN}
        > 3
        < check ticket_of_caller 3
        > wrong
        < play en 'I will put you through to an agent.'
        > played
        < queue support en""",
    "a caller who never presses a key": f"""{WELCOME}
        > silence
        < collect 1 within 4s: fr 'Pour le français, tapez 1.' + en 'For English, press 2.'
        > silence{NO_OUTAGE}
        < collect 1 within 5s: {MAIN_FR}
        > silence
        < collect 1 within 5s: fr "Je n'ai pas reçu votre choix." + {MAIN_FR}
        > silence
        < collect 1 within 5s: fr "Je n'ai pas reçu votre choix." + {MAIN_FR}
        > silence
        < play fr 'Je vous passe un conseiller.'
        > played
        < queue support fr""",
    "a caller who presses the wrong keys": f"""{ENGLISH}
        > 9
        < collect 1 within 5s: en 'That is not one of the choices.' + {MAIN_EN}
        > *
        < collect 1 within 5s: en 'That is not one of the choices.' + {MAIN_EN}
        > 0
        < play en 'I will put you through to an agent.'
        > played
        < queue support en""",
}


@pytest.mark.parametrize("name", TRANSCRIPTS)
def test_transcript(hotline: Flow, name: str) -> None:
    wanted = "\n".join(line.strip() for line in TRANSCRIPTS[name].strip().splitlines())
    went, session = walk(hotline, TRANSCRIPTS[name], at=datetime(2026, 12, 1, tzinfo=UTC))
    assert went == wanted
    assert session.is_over


def _answers(verdict: bool) -> dict[str, Input]:
    return {
        "Check": CheckResult(verdict),
        "FindIncident": IncidentFound("i1", "E-mail", can_be_told=True) if verdict else IncidentFound(),
        "AttachCaller": CallerAttached(True),
        "OpenRequest": RequestOpened(True, "1042"),
    }


def test_every_way_of_three_keys_ends_in_a_queue(hotline: Flow) -> None:
    keys: list[Input] = [Digits(key) for key in "12349#"]
    keys.append(Digits("", "timeout"))
    for first in product(keys, repeat=3):
        for verdict in (True, False):
            session, step = begin(hotline)
            pending = list(first)
            for _ in range(60):
                if session.is_over:
                    break
                given: Input = Digits("", "timeout")
                if isinstance(step, Collect):
                    given = pending.pop(0) if pending else given
                else:
                    given = _answers(verdict).get(type(step).__name__, Played())
                session, step = advance(session, given)
            assert isinstance(step, EnterQueue) or session.path[-3].node in {"asked_for", "will_be_told"}


def test_prompts_are_short_enough_to_remember(hotline: Flow) -> None:
    for said in hotline.said():
        for spoken in said.prompt.values():
            assert len(spoken.text.split()) <= 30
            assert spoken.text.endswith((".", "{incident}"))
