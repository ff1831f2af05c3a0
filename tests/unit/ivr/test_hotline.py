"""The shipped hotline: checked without a warning, and every way through it ends in front of a person."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest

from ivr.interpreter import advance, begin
from ivr.model import CheckResult, Collect, Digits, EnterQueue, Input, Played
from ivr.schema import Flow
from ivr.validate import load_flow
from tests.unit.ivr.transcripts import walk

FILE = Path(__file__).parents[3] / "config/ivr/hotline.yaml"


@pytest.fixture(scope="module")
def hotline() -> Flow:
    flow, problems = load_flow(FILE.read_bytes(), str(FILE), known_queues={"support", "orders"}, known_skills=())
    assert problems == ()
    return flow


MAIN_FR = (
    'fr "Pour signaler un incident, tapez 1. Pour une demande ou une commande, tapez 2. '
    "Pour le suivi d'un ticket, tapez 3.\""
)
MAIN_EN = "en 'To report an incident, press 1. For a request or an order, press 2. About an existing ticket, press 3.'"
WELCOME = (
    "< collect 1 within 4s: fr 'Bienvenue au centre de services Guichet. Pour le français, tapez 1.' "
    "+ en 'For English, press 2.'"
)
FRENCH = f"{WELCOME}\n> 1\n< collect 1 within 5s: {MAIN_FR}"
ENGLISH = f"{WELCOME}\n> 2\n< collect 1 within 5s: {MAIN_EN}"
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
        < queue support en {{'ticket': '1042', 'reason': 'follow_up'}}""",
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
        > silence
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
    went, session = walk(hotline, TRANSCRIPTS[name])
    assert went == wanted
    assert session.is_over


def test_every_way_of_three_keys_ends_in_a_queue(hotline: Flow) -> None:
    keys: list[Input] = [Digits(key) for key in "1239#"]
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
                    given = CheckResult(verdict) if type(step).__name__ == "Check" else Played()
                session, step = advance(session, given)
            assert isinstance(step, EnterQueue)
            assert step.queue in {"support", "orders"}


def test_prompts_are_short_enough_to_remember(hotline: Flow) -> None:
    for prompt in hotline.prompts():
        assert len(prompt.text.split()) <= 30
        assert prompt.text.endswith(".")
