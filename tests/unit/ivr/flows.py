"""Hypothesis strategies: flows that the schema takes, and callers who do anything."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from ivr.model import (
    CallerFacts,
    CallerGone,
    CheckResult,
    Digits,
    Identified,
    Input,
    LookupResult,
    Played,
)
from ivr.self_service import AnswerKept, CallerAttached, IncidentFound, RequestOpened, VoiceRecorded

LANGUAGES = ["fr", "en", "de"]
NAMES = [f"n{index}" for index in range(8)]


def _prompt(languages: list[str]) -> st.SearchStrategy[dict[str, Any]]:
    word = st.sampled_from(
        ["one", "two", "a {a:digits}", "b {b:when} c", "{ticket} d {open_tickets:number}", "e {incident}"]
    )
    return word.map(lambda said: {language: f"{language} {said}" for language in languages})


def _retry(languages: list[str], targets: st.SearchStrategy[str]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {"tries": st.integers(1, 4), "repeat": st.booleans()},
        optional={"prompt": _prompt(languages), "then": targets},
    )


def _node(languages: list[str], targets: st.SearchStrategy[str]) -> st.SearchStrategy[dict[str, Any]]:
    keys = st.sampled_from(["0", "1", "2", "9", "*", "#", "12", "1*"])
    asking = {"prompt": _prompt(languages)}
    forbidden = st.lists(st.sampled_from(["person", "repeat", "back"]), unique=True)
    retries = {
        "no_input": _retry(languages, targets),
        "no_match": _retry(languages, targets),
        "barge_in": st.booleans(),
        "forbid": forbidden,
    }
    condition = st.sampled_from(
        [
            "vip",
            "active_major_incident and incident_title != ''",
            "not known",
            "open_tickets > 1",
            "a == '1'",
            "number(b) < 3 or length(ticket) > 2",
            "language in ['fr']",
        ]
    )
    case = st.fixed_dictionaries({"when": condition, "then": targets})
    language = st.sampled_from(languages)
    skills = st.dictionaries(st.sampled_from(["network", "french"]), st.integers(1, 5), max_size=2)

    def kind(name: str, needed: dict[str, Any], more: dict[str, Any] | None = None) -> st.SearchStrategy[Any]:
        return st.fixed_dictionaries({"kind": st.just(name), **needed}, optional=more or {})

    return st.one_of(
        kind(
            "menu",
            {**asking, "choices": st.dictionaries(keys, targets, min_size=1, max_size=4), "otherwise": targets},
            retries,
        ),
        kind("say", {**asking, "next": targets}),
        kind(
            "collect",
            {
                **asking,
                "digits": st.fixed_dictionaries(
                    {"min": st.integers(1, 3), "max": st.integers(3, 6)},
                    optional={"terminator": st.sampled_from(["#", "*", None])},
                ),
                "into": st.sampled_from(["ticket", "pin"]),
                "on_valid": targets,
                "on_invalid": targets,
            },
            {**retries, "check": st.just("ticket_of_caller"), "secret": st.booleans()},
        ),
        kind(
            "language",
            {
                **asking,
                "choices": st.dictionaries(keys, language, min_size=1, max_size=3),
                "default": language,
                "next": targets,
            },
            {**retries, "from_caller": st.booleans()},
        ),
        kind(
            "set",
            {"next": targets},
            {
                "attributes": st.dictionaries(st.sampled_from(["a", "b"]), st.text(max_size=20), max_size=2),
                "priority": st.integers(0, 9),
                "skills": skills,
            },
        ),
        kind("goto", {"node": targets}),
        kind(
            "hours",
            {"calendar": st.sampled_from(["office", "gone"]), "open": targets, "closed": targets},
            {"holiday": targets, "opens_at": st.just("b")},
        ),
        kind("branch", {"cases": st.lists(case, min_size=1, max_size=3), "otherwise": targets}),
        kind(
            "lookup",
            {
                "service": st.just("cmdb"),
                "path": st.sampled_from(["/x", "/{ticket}/{a}", "/{site}?{caller_number}"]),
                "into": st.sampled_from([{"a": "x"}, {"a": "x.0", "b": "y"}]),
                "found": targets,
                "failed": targets,
            },
        ),
        kind(
            "speak_ticket",
            {
                "statuses": _prompt(languages).map(lambda prompt: {"open": prompt}),
                "otherwise": _prompt(languages),
                "next": targets,
            },
        ),
        kind("announce", {**asking, "next": targets}, {"services": st.just(["mail"]), "expected": _prompt(languages)}),
        kind(
            "announce",
            {**asking, "offer": _prompt(languages), "on_attached": targets, "next": targets},
            {"key": st.sampled_from(["1", "9", "*"]), "barge_in": st.booleans()},
        ),
        kind(
            "survey",
            {**asking, "measure": st.sampled_from(["csat", "nps", "resolved", "comment"]), "next": targets},
            retries,
        ),
        kind(
            "request",
            {**asking, "item": st.just("reset"), "proof": st.sampled_from(["pin", "callback"])}
            | {"opened": targets, "failed": targets},
            retries,
        ),
        kind("call", {"flow": st.sampled_from(["inner", "gone"]), "next": targets}, {"results": st.just({})}),
        kind("return", {}),
        kind("queue", {"queue": st.just("support")}, {"priority": st.integers(0, 9), "skills": skills}),
        kind("hangup", {}),
    )


@st.composite
def flows(draw: st.DrawFn) -> dict[str, Any]:
    """Plain data of a well-formed flow; whether it makes sense is left to chance."""
    languages = draw(st.lists(st.sampled_from(LANGUAGES), min_size=1, max_size=3, unique=True))
    names = NAMES[: draw(st.integers(1, len(NAMES)))]
    targets = st.sampled_from([*names, "end"])
    nodes = {name: draw(_node(languages, targets)) for name in names}
    nodes["end"] = {"kind": "queue", "queue": "support"}
    data: dict[str, Any] = {
        "flow": "random",
        "languages": languages,
        "start": draw(targets),
        "fallback": "end",
        "max_steps": draw(st.integers(10, 60)),
        "nodes": nodes,
    }
    if draw(st.booleans()):
        data["everywhere"] = {"person": {"key": "0", "node": draw(targets)}, "repeat": "*", "back": "#"}
    if draw(st.booleans()):
        data["limits"] = {"seconds": 30, "no_input": 3, "no_match": 3}
    for name in ("no_input", "no_match"):
        if draw(st.booleans()):
            data[name] = draw(_prompt(languages))
    return data


def inputs() -> st.SearchStrategy[Input]:
    reasons = st.sampled_from(["complete", "timeout"])
    fact = st.one_of(st.booleans(), st.integers(0, 9), st.text(max_size=9))
    digits = st.one_of(st.text("0129*#", max_size=7), st.text(max_size=12))
    return st.one_of(
        st.builds(Digits, digits, reasons),
        st.builds(Digits, st.just(""), st.just("timeout")),
        st.just(Played()),
        st.builds(CheckResult, st.booleans(), st.text(max_size=5)),
        st.builds(Identified, st.dictionaries(st.sampled_from(["vip", "open_tickets", "site", "odd"]), fact)),
        st.builds(LookupResult, st.booleans(), st.dictionaries(st.sampled_from(["a", "b"]), st.text(max_size=300))),
        st.builds(
            IncidentFound,
            st.sampled_from(["", "incident_1"]),
            st.just("title"),
            st.dictionaries(st.sampled_from(LANGUAGES), st.text(max_size=300)),
            st.sampled_from(["", "2026-12-01T10:00+01:00", "soon"]),
            st.booleans(),
        ),
        st.builds(CallerAttached, st.booleans()),
        st.just(AnswerKept()),
        st.builds(VoiceRecorded, st.booleans()),
        st.builds(RequestOpened, st.booleans(), st.text(max_size=9)),
        st.just(CallerGone()),
    )


def facts() -> st.SearchStrategy[CallerFacts]:
    return st.builds(
        CallerFacts,
        st.sampled_from([None, "fr", "en", "de", "xx", ""]),
        st.dictionaries(st.text(max_size=5), st.text(max_size=300), max_size=5),
    )


def instants() -> st.SearchStrategy[datetime]:
    """Any minute of some years, aware."""
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    return st.integers(0, 3 * 365 * 24 * 60).map(lambda minutes: begin + timedelta(minutes=minutes))
