"""Values as people say them, in both languages."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.spoken import english, french
from ivr.spoken.values import FORMATS, digit_words, say

NOW = datetime(2026, 11, 21, 15, 0, tzinfo=UTC)  # a Saturday

NUMBERS = {
    0: ("zéro", "zero"),
    1: ("un", "one"),
    16: ("seize", "sixteen"),
    21: ("vingt et un", "twenty-one"),
    60: ("soixante", "sixty"),
    70: ("soixante-dix", "seventy"),
    71: ("soixante et onze", "seventy-one"),
    77: ("soixante-dix-sept", "seventy-seven"),
    80: ("quatre-vingts", "eighty"),
    81: ("quatre-vingt-un", "eighty-one"),
    91: ("quatre-vingt-onze", "ninety-one"),
    100: ("cent", "one hundred"),
    101: ("cent un", "one hundred and one"),
    180: ("cent quatre-vingts", "one hundred and eighty"),
    200: ("deux cents", "two hundred"),
    1000: ("mille", "one thousand"),
    1001: ("mille un", "one thousand and one"),
    80_000: ("quatre-vingt mille", "eighty thousand"),
    200_000: ("deux cent mille", "two hundred thousand"),
    1_000_000: ("un million", "one million"),
    200_000_000: ("deux cents millions", "two hundred million"),
}


@pytest.mark.parametrize("value", NUMBERS)
def test_numbers(value: int) -> None:
    assert (french.number(value), english.number(value)) == NUMBERS[value]


VALUES: dict[tuple[str, str], tuple[str | None, str | None]] = {
    ("1042", "digits"): ("un|zéro|quatre|deux", "one|zero|four|two"),
    ("+33 6*#", "digits"): ("trois|trois|six|étoile|dièse", "three|three|six|star|hash"),
    ("12a", "digits"): (None, None),
    ("", "digits"): (None, None),
    ("-12.50", "number"): ("moins douze virgule cinq", "minus twelve point five"),
    ("3.0", "number"): ("trois", "three"),
    ("007", "number"): ("sept", "seven"),
    ("many", "number"): (None, None),
    ("2026-12-01", "date"): ("mardi premier décembre", "Tuesday the first of December"),
    ("2027-05-02", "date"): (
        "dimanche deux mai deux mille vingt-sept",
        "Sunday the second of May twenty twenty-seven",
    ),
    ("2026-02-30", "date"): (None, None),
    ("2026-11-20T09:30+01:00", "date"): ("vendredi vingt novembre", "Friday the twentieth of November"),
    ("00:00", "time"): ("minuit", "midnight"),
    ("00:30", "time"): ("minuit trente", "twelve thirty a.m."),
    ("01:00", "time"): ("une heure", "one a.m."),
    ("12:00", "time"): ("midi", "noon"),
    ("14:05", "time"): ("quatorze heures cinq", "two oh five p.m."),
    ("21:21", "time"): ("vingt et une heures vingt et une", "nine twenty-one p.m."),
    ("25:00", "time"): (None, None),
    ("2026-11-21T18:00+00:00", "when"): ("aujourd'hui à dix-huit heures", "today at six p.m."),
    ("2026-11-22T09:00+00:00", "when"): ("demain à neuf heures", "tomorrow at nine a.m."),
    ("2026-11-23T08:30+01:00", "when"): ("lundi à huit heures trente", "Monday at eight thirty a.m."),
    ("2026-11-30T08:00+01:00", "when"): (
        "lundi trente novembre à huit heures",
        "Monday the thirtieth of November at eight a.m.",
    ),
    ("1", "duration"): ("une seconde", "one second"),
    ("45", "duration"): ("quarante-cinq secondes", "forty-five seconds"),
    ("60", "duration"): ("une minute", "one minute"),
    ("61", "duration"): ("deux minutes", "two minutes"),
    ("3600", "duration"): ("une heure", "one hour"),
    ("4860", "duration"): ("une heure et vingt et une minutes", "one hour and twenty-one minutes"),
    ("180000", "duration"): ("deux jours et deux heures", "two days and two hours"),
    ("nan", "duration"): (None, None),
    ("-1", "duration"): (None, None),
    ("Salle  12\n", "text"): ("Salle 12", "Salle 12"),
    ("--", "text"): (None, None),
    ("x" * 300, "text"): (None, None),
    ("5", "roman"): (None, None),
}


@pytest.mark.parametrize(("value", "form"), VALUES)
def test_values(value: str, form: str) -> None:
    said = tuple(say(value, form, language, NOW) for language in ("fr", "en"))
    assert tuple(words and "|".join(words) for words in said) == VALUES[value, form]


def test_a_language_without_rules_hears_the_value_as_it_stands() -> None:
    assert say("1042", "digits", "de", NOW) == ("1042",)


@given(st.text(max_size=30), st.sampled_from([*FORMATS, "none"]), st.sampled_from(["fr", "en", "de"]))
def test_any_value_is_said_or_left_out(value: str, form: str, language: str) -> None:
    said = say(value, form, language, NOW)
    assert said is None or all(any(c.isalnum() for c in words) or language == "de" for words in said)


@given(st.integers(0, 10**12 - 1))
def test_any_number_is_said_in_words(value: int) -> None:
    assert re.fullmatch(r"[a-zé -]+", french.number(value))
    assert re.fullmatch(r"[a-z -]+", english.number(value))
    assert len({french.number(value), french.number(value + 1 if value < 10**12 - 1 else 0)}) == 2


def test_every_digit_can_be_made_beforehand() -> None:
    for language in ("fr", "en"):
        said = say("0123456789*#", "digits", language)
        assert said is not None
        assert set(said) <= set(digit_words(language))
