"""Every line the checker can write of conditions, values, calls, calendars and keys, with its exact place."""

from __future__ import annotations

import pytest

from ivr.errors import ConfigurationError
from ivr.schema import link
from ivr.validate import Known, check_flow, read_flow

SOUND = """\
flow: f
languages: [en]
start: who
fallback: people
everywhere: {person: {key: "0", node: people}}
nodes:
  who:
    kind: branch
    cases:
      - {when: "vip and note == 'x'", then: opening}
      - when: open_tickets > 3
        then: ask
    otherwise: ask
  opening: {kind: hours, calendar: office, open: ask, closed: people}
  ask:
    kind: menu
    prompt: {en: "Your ticket {ticket:digits}, please press 1."}
    choices: {"1": look, "2": sub, "3": number}
    otherwise: people
  look: {kind: lookup, service: cmdb, path: "/a/{ticket}", into: {note: x.y}, found: ask2, failed: ask2}
  ask2: {kind: menu, prompt: {en: A}, choices: {"1": ask3}, otherwise: people}
  ask3: {kind: menu, prompt: {en: A}, choices: {"1": people}, otherwise: people}
  sub: {kind: call, flow: g, next: ask2, results: {failed: people}}
  number: {kind: collect, prompt: {en: N}, digits: {max: 5}, into: ticket, on_valid: people, on_invalid: people}
  people: {kind: queue, queue: support}
"""
OTHER = """\
flow: g
languages: [en]
start: ask
fallback: gone
nodes:
  ask: {kind: menu, prompt: {en: "For {ticket:digits}."}, choices: {"1": good}, otherwise: bad}
  good: {kind: return}
  bad: {kind: return, result: failed}
  gone: {kind: hangup}
"""


def lines_of(text: str, other: str = OTHER) -> list[str]:
    """What the checker says of the flow f; its warnings, too."""
    flow, source = read_flow(text, "f")
    linked = link({"f": flow, "g": read_flow(other, "g")[0]}, {})
    known = Known(queues={"support"}, calendars={"office"}, services={"cmdb"}, flows=linked)
    return [str(problem) for problem in check_flow(linked["f"], source, known=known)]


def test_the_sound_flow() -> None:
    assert lines_of(SOUND) == []


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("vip and note", "vop and note", "f:10:17: unknown attribute `vop`; did you mean `vip`?"),
        ("note == 'x'", "nott == 'x'", "f:10:25: unknown attribute `nott`; did you mean `note`?"),
        ("note == 'x'", "note == 3", "f:10:25: a text cannot be compared with a number: use number(...)"),
        ("open_tickets > 3", "open_tickets >", "f:11:29: expected a value, found the end"),
        ("open_tickets > 3", "vip or tickets", "f:11:22: unknown attribute `tickets`; did you mean `ticket`?"),
        ("open_tickets > 3", "open_tickets", "f:11:15: this is a number, a condition must be yes or no: compare it"),
        ("calendar: office", "calendar: ofice", "f:14:36: unknown calendar `ofice`; did you mean `office`?"),
        ("{ticket:digits}", "{tiket:digits}", "f:17:31: unknown attribute `tiket`; did you mean `ticket`?"),
        (
            "{ticket:digits}",
            "{ticket:digts}",
            "f:17:31: unknown form `digts`; did you mean `digits`? "
            "(known: digits, number, date, time, when, duration, text)",
        ),
        ("service: cmdb", "service: cdmb", "f:20:33: unknown lookup service `cdmb`; did you mean `cmdb`?"),
        ("/a/{ticket}", "/a/{tcket}", "f:20:49: unknown attribute `tcket`; did you mean `ticket`?"),
        ("{note: x.y}", "{vip: x.y}", "f:20:3: `vip` is what is known of the caller and cannot be set"),
        ("flow: g", "flow: gg", "f:23:27: unknown flow `gg`; did you mean `g`?"),
        ("{failed: people}", "{faild: people}", "f:23:52: the flow `g` never returns `faild`; did you mean `failed`?"),
        ("node: people}}", "node: peple}}", "f:5:39: unknown node `peple`; did you mean `people`?"),
        ('"2": sub', '"01": sub', "f:18:26: key `0` (`person` everywhere) hides `01`"),
        (
            '"2": sub',
            '"0": sub',
            "f:18:26: warning: key `0` is `person` everywhere, but not here: say so with `forbid: [person]`",
        ),
        (
            'ask3: {kind: menu, prompt: {en: A}, choices: {"1": people}',
            'ask3: {kind: menu, prompt: {en: A}, choices: {"1": ask4}',
            "f:23:3: warning: `ask4` is the 4th menu behind one another, 3 at most are advised",
        ),
        ("otherwise: ask\n", "otherwise: who\n", "f:7:3: a caller who keys nothing goes round here: who -> who"),
        ("failed: ask2}", "failed: look}", "f:20:3: a caller who keys nothing goes round here: look -> look"),
        ("closed: people", "closed: who", "f:7:3: a caller who keys nothing goes round here: who -> opening -> who"),
    ],
)
def test_a_slip_has_its_line(old: str, new: str, line: str) -> None:
    assert SOUND.count(old) >= 1
    text = SOUND.replace(old, new, 1)
    if "ask4" in new:
        text = text.replace(
            "  sub:", '  ask4: {kind: menu, prompt: {en: A}, choices: {"1": people}, otherwise: people}\n  sub:'
        )
    found = lines_of(text)
    assert any(each.startswith(line) for each in found), found
    assert len(found) <= 2, found


def test_a_called_flow_must_speak_the_language_and_not_call_back() -> None:
    german = OTHER.replace("languages: [en]", "languages: [de]").replace("{en:", "{de:")
    assert lines_of(SOUND, german) == ["f:23:27: the flow `g` does not speak: en"]
    back = OTHER.replace("good: {kind: return}", "good: {kind: call, flow: f, next: bad}")
    assert "f:23:27: `g` leads back into this flow: flows may not call one another in a round" in lines_of(SOUND, back)


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ('person: {key: "0", node: people}', 'repeat: "1", back: "1"', "f:5:13: `everywhere`: one key cannot mean two"),
        ('person: {key: "0", node: people}', 'repeat: "12"', "f:5:22: `repeat`:"),
        ('path: "/a/{ticket}"', 'path: "http://evil/"', "f:20:45: `path`:"),
        ('path: "/a/{ticket}"', 'path: "/a b"', "f:20:45: `path`:"),
        ("into: {note: x.y}", "into: {note: x..y}", "f:20:73: `note`:"),
        ("when: open_tickets > 3", "when: ''", "f:11:15: `when`:"),
        ("flow: f\n", "flow: f\nlimits: {seconds: 0}\n", "f:2:19: `seconds`: must be greater than 0"),
    ],
)
def test_what_the_schema_refuses(old: str, new: str, line: str) -> None:
    assert SOUND.count(old) == 1
    with pytest.raises(ConfigurationError) as refusal:
        read_flow(SOUND.replace(old, new), "f")
    assert any(each.startswith(line) for each in str(refusal.value).splitlines()), str(refusal.value)
