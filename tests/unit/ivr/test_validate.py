"""Every line the checker can write, each from one broken flow."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from ivr.source import ConfigurationError
from ivr.validate import load_flow

SOUND = """\
flow: sound
languages: [fr, en]
start: lang
fallback: support
no_input: {fr: Rien, en: Nothing}
nodes:
  lang:
    kind: language
    prompt: {fr: Un, en: Two}
    choices: {1: fr, 2: en}
    default: fr
    next: main
  main:
    kind: menu
    prompt: {fr: Menu, en: Menu}
    choices:
      1: ask
      2: hello
    otherwise: hello
  ask:
    kind: collect
    prompt: {fr: Numéro, en: Number}
    digits: {max: 6}
    into: ticket
    check: ticket_of_caller
    on_valid: note
    on_invalid: hello
  note: {kind: set, skills: {network: 2}, next: jump}
  jump: {kind: goto, node: support}
  hello: {kind: say, prompt: {fr: Bonjour, en: Hello}, next: support}
  support: {kind: queue, queue: support}
"""


@dataclass(frozen=True)
class Broken:
    old: str
    new: str
    lines: tuple[str, ...]

    def __str__(self) -> str:
        return self.lines[0]


TABLE = [
    Broken("start: lang", "start: lagn", ("f:3:8: unknown node `lagn`; did you mean `lang`?",)),
    Broken("fallback: support", "fallback: gone", ("f:4:11: unknown node `gone`",)),
    Broken(
        "fallback: support",
        "fallback: hello",
        ("f:4:11: the fallback must be a node that ends the flow, such as a queue",),
    ),
    Broken("      1: ask", "      1: aks", ("f:17:10: unknown node `aks`; did you mean `ask`?",)),
    Broken("next: main", "next: mian", ("f:12:11: unknown node `mian`; did you mean `main`?",)),
    Broken("on_valid: note", "on_valid: nope", ("f:26:15: unknown node `nope`; did you mean `note`?",)),
    Broken("node: support}", "node: zzz}", ("f:29:28: unknown node `zzz`",)),
    Broken(
        "    otherwise: hello",
        "    otherwise: hello\n    no_match: {then: bye}",
        ("f:20:22: unknown node `bye`",),
    ),
    Broken("      1: ask\n", "", ("f:19:3: no way leads to `ask`", "f:27:3: no way leads to `note`")),
    Broken("{fr: Rien, en: Nothing}", "{fr: Rien}", ("f:5:1: the prompt is missing in: en",)),
    Broken("{fr: Menu, en: Menu}", "{de: Menu}", ("f:15:5: the prompt is missing in: fr, en",)),
    Broken(
        "{fr: Menu, en: Menu}",
        "{fr: Menu, en: Menu, de: Menü}",
        ("f:15:34: the flow does not speak `de` (languages: fr, en)",),
    ),
    Broken("{1: fr, 2: en}", "{1: fr, 2: de}", ("f:10:25: the flow does not speak `de`",)),
    Broken("default: fr", "default: it", ("f:11:14: the flow does not speak `it`",)),
    Broken("queue: support}", "queue: suport}", ("f:31:33: unknown queue `suport`; did you mean `support`?",)),
    Broken("{network: 2}", "{netwrk: 2}", ("f:28:30: unknown skill `netwrk`; did you mean `network`?",)),
    Broken(
        "      2: hello",
        "      12: hello",
        ("f:17:7: key `1` hides `12`: the caller who keys it has begun the other",),
    ),
    Broken(
        "next: jump}",
        "next: note}",
        (
            "f:28:3: a caller who keys nothing goes round here: note -> note",
            "f:28:3: there is no way out of `note` to a queue or an end",
        ),
    ),
    Broken(
        "    otherwise: hello",
        "    otherwise: main",
        ("f:13:3: a caller who keys nothing goes round here: main -> main",),
    ),
    Broken(
        "on_invalid: hello",
        "on_invalid: main\n    no_input: {then: ask}",
        ("f:20:3: a caller who keys nothing goes round here: ask -> ask",),
    ),
    Broken(
        "prompt: {fr: Bonjour, en: Hello}, next: support}",
        "prompt: {fr: Bonjour, en: Hello}, next: lang}",
        ("f:7:3: a caller who keys nothing goes round here: lang -> main -> hello -> lang",),
    ),
    # what the schema itself refuses
    Broken("kind: menu", "kind: mneu", ("f:14:11: unknown kind `mneu`; did you mean `menu`?",)),
    Broken("otherwise: hello", "otherwize: hello", ("f:14:5: `otherwise` is missing in `main`",)),
    Broken("    choices:\n      1: ask\n      2: hello\n", "    choices: {}\n", ("f:16:14: `choices`:",)),
    Broken("      1: ask", "      a: ask", ("f:17:7: the key `a`:",)),
    Broken("digits: {max: 6}", "digits: {min: 7, max: 6}", ("f:23:13: `digits`: min (7) is greater than max (6)",)),
    Broken("into: ticket", "into: Ticket-Number", ("f:24:11: `into`:",)),
    Broken("check: ticket_of_caller", "check: ticket_of_calle", ("f:25:12: `check`: must be ",)),
    Broken("{fr: Menu, en: Menu}", "Menu", ("f:15:13: `prompt`: must be a mapping of keys to values",)),
    Broken("{fr: Menu, en: Menu}", "{fr: '', en: Menu}", ("f:15:18: `fr`: a prompt needs words to say",)),
    Broken("{fr: Menu, en: Menu}", '{fr: "a\\0b", en: M}', ("f:15:18: `fr`: a prompt may hold printable",)),
    Broken(
        "{fr: Menu, en: Menu}",
        "{fr: {file: ../../etc/passwd}, en: M}",
        ("f:15:25: `file`:",),
    ),
    Broken("languages: [fr, en]", "languages: [fr, fr]", ("f:2:12: `languages`: a language is listed twice",)),
    Broken("languages: [fr, en]", "languages: [fr, english]", ("f:2:17: `languages`:",)),
    Broken("flow: sound\n", "", ("f:1:1: `flow` is missing",)),
]


def _lines(text: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        load_flow(text, "f", known_queues={"support"}, known_skills={"network"})
    return str(caught.value).splitlines()


@pytest.mark.parametrize("broken", TABLE, ids=str)
def test_broken_flow(broken: Broken) -> None:
    assert SOUND.count(broken.old) >= 1
    lines = _lines(SOUND.replace(broken.old, broken.new, 1))
    for wanted in broken.lines:
        assert any(line.startswith(wanted) for line in lines), lines


@pytest.mark.parametrize("broken", TABLE[:20], ids=str)
def test_nothing_else_is_said(broken: Broken) -> None:
    lines = _lines(SOUND.replace(broken.old, broken.new, 1))
    assert len(lines) <= 3, lines


def test_the_sound_flow_has_no_problem() -> None:
    flow, problems = load_flow(SOUND, "f", known_queues={"support"}, known_skills={"network"})
    assert flow.name == "sound"
    assert problems == ()


def test_queues_and_skills_are_not_checked_without_a_list() -> None:
    text = SOUND.replace("queue: support}", "queue: other}").replace("network: 2", "other: 2")
    assert load_flow(text, "f")[1] == ()


def test_a_wide_menu_is_a_warning() -> None:
    text = SOUND.replace("      2: hello\n", "".join(f"      {n}: hello\n" for n in range(2, 8)))
    _, problems = load_flow(text, "f")
    assert [str(problem) for problem in problems] == [
        "f:16:5: warning: 7 choices are hard to remember by ear, 5 at most are advised"
    ]


def test_a_menu_without_a_way_out() -> None:
    text = """\
flow: trap
languages: [en]
start: a
fallback: out
nodes:
  a: {kind: menu, prompt: {en: A}, choices: {1: b}, otherwise: b}
  b: {kind: menu, prompt: {en: B}, choices: {1: a}, otherwise: a}
  out: {kind: hangup}
"""
    assert _lines(text) == [
        "f:6:3: a caller who keys nothing goes round here: a -> b -> a",
        "f:6:3: there is no way out of `a` to a queue or an end",
        "f:7:3: there is no way out of `b` to a queue or an end",
    ]
