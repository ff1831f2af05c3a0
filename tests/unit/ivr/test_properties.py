"""For any well-formed flow and any caller: never raises, always ends, only the session's language is spoken."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML
from ruamel.yaml.compat import StringIO

from ivr.calendar import Calendar
from ivr.errors import ConfigurationError, SessionStateError
from ivr.expression import Kind
from ivr.interpreter import MAX_DUMP, advance, begin, dump, resume, step_of
from ivr.model import (
    CallerFacts,
    CheckResult,
    Collect,
    Digits,
    EnterQueue,
    HangUp,
    Identified,
    Identify,
    Input,
    Lookup,
    LookupResult,
    Play,
    Played,
    Session,
    Step,
)
from ivr.nodes import ChooseLanguage
from ivr.schema import Flow, link
from ivr.self_service import (
    AnswerKept,
    FindIncident,
    IncidentFound,
    KeepAnswer,
    OpenRequest,
    RecordVoice,
    RequestOpened,
    VoiceRecorded,
)
from ivr.source import Source, load
from ivr.validate import Known, check_flow, load_flow
from tests.unit.ivr.flows import LANGUAGES, facts, flows, inputs, instants

OFFICE = load(
    'time_zone: Europe/Paris\nweek: {monday-friday: ["08:00-18:00"], saturday: ["22:00-02:00"]}\n'
    "holidays: {country: FR}",
    "office",
).validate(Calendar)
INNER = {
    "flow": "inner",
    "start": "ask",
    "fallback": "out",
    "nodes": {
        "ask": {
            "kind": "menu",
            "prompt": {language: f"{language} inner" for language in LANGUAGES},
            "choices": {"1": "back", "2": "out"},
            "otherwise": "back",
        },
        "back": {"kind": "return"},
        "out": {"kind": "queue", "queue": "support"},
    },
    "languages": LANGUAGES,
}


def _flow(data: dict[str, Any]) -> tuple[Flow, Source]:
    source = Source.of_data(data, "random")
    inner = Source.of_data(INNER, "inner").validate(Flow)
    return link({"random": source.validate(Flow), "inner": inner}, {"office": OFFICE})["random"], source


def _speaks_the_right_language(session: Session, step: Step) -> bool:
    if not isinstance(step, Play | Collect):
        return True
    node = session.flow.nodes[session.node]
    spoken = session.flow.languages if isinstance(node, ChooseLanguage) else (session.language,)
    # The strategies write the language into the text, so a text under a wrong label would show, too.
    return step.language == session.language and all(
        prompt.language in spoken
        and prompt.text.startswith(f"{prompt.language} ")
        and all(piece.language == prompt.language for piece in prompt.pieces)
        for prompt in step.prompts
    )


@given(data=flows(), known=facts(), at=st.none() | instants(), given_=st.lists(inputs(), max_size=80))
@settings(max_examples=200, deadline=None)
def test_any_call_through_any_flow(
    data: dict[str, Any], known: CallerFacts, at: datetime | None, given_: list[Input]
) -> None:
    flow, _ = _flow(data)
    session, step = begin(flow, known, at)
    steps = 0
    for each in given_:
        at = at and at + timedelta(seconds=len(given_))
        assert _speaks_the_right_language(session, step)
        assert session.is_over == isinstance(step, EnterQueue | HangUp)
        before = session
        session, step = advance(session, each, at)
        assert before.is_over or session.steps > steps or session.is_over
        steps = session.steps
    assert session.is_over or len(given_) < flow.max_steps + 1


@given(data=flows(), known=facts(), each=inputs())
@settings(max_examples=100, deadline=None)
def test_the_same_input_for_ever_ends(data: dict[str, Any], known: CallerFacts, each: Input) -> None:
    flow, _ = _flow(data)
    session, step = begin(flow, known)
    for _ in range(flow.max_steps + 1):
        session, step = advance(session, each)
    assert session.is_over
    assert isinstance(step, EnterQueue | HangUp)


@given(data=flows(), known=facts(), given_=st.lists(inputs(), max_size=20))
@settings(max_examples=100, deadline=None)
def test_any_session_survives_a_change_of_process(
    data: dict[str, Any], known: CallerFacts, given_: list[Input]
) -> None:
    flow, _ = _flow(data)
    session, _ = begin(flow, known)
    for each in given_:
        session, _ = advance(session, each)
        text = dump(session)
        assert len(text) <= MAX_DUMP
        assert re.fullmatch(r"[A-Za-z0-9_-]+", text)
        again = resume(flow, text)
        assert (again.node, again.language, again.is_over) == (session.node, session.language, session.is_over)
        assert _speaks_the_right_language(again, step_of(again))


@given(data=flows(), known=facts(), at=st.integers(0, 400), replaced=st.characters(codec="ascii"))
@settings(max_examples=100, deadline=None)
def test_a_damaged_dump_is_refused_or_usable(data: dict[str, Any], known: CallerFacts, at: int, replaced: str) -> None:
    flow, _ = _flow(data)
    text = dump(begin(flow, known)[0])
    text = text[: at % len(text)] + replaced + text[at % len(text) + 1 :]
    try:
        session = resume(flow, text)
    except SessionStateError:
        return
    for _ in range(flow.max_steps + 1):
        session, _ = advance(session, NOT_AN_INPUT)
    assert session.is_over


NOT_AN_INPUT: Any = Play((), "en")


@given(data=flows())
@settings(max_examples=100, deadline=None)
def test_what_the_checker_passes_never_needs_the_step_limit_for_a_silent_caller(data: dict[str, Any]) -> None:
    flow, source = _flow({**data, "max_steps": 1000})
    problems = check_flow(flow, source, known=KNOWN)
    assert all(problem.message for problem in problems)
    if any(problem.severity == "error" for problem in problems):
        return
    session, step = begin(flow)
    while not session.is_over:
        session, step = advance(session, _silent(step))
    assert all(entry.exit != "step_limit" for entry in session.path)


KNOWN = Known(
    queues={"support"},
    calendars={"office"},
    services={"cmdb"},
    flows={"inner": Source.of_data(INNER, "inner").validate(Flow)},
    attributes={"a": Kind.TEXT, "b": Kind.TEXT, "ticket": Kind.TEXT},
)


def _silent(step: Step) -> Input:
    match step:
        case Play():
            return Played()
        case Collect():
            return Digits("", "timeout")
        case Identify():
            return Identified({})
        case Lookup():
            return LookupResult(False)
        case KeepAnswer():
            return AnswerKept()
        case RecordVoice():
            return VoiceRecorded(False)
        case OpenRequest():
            return RequestOpened(True, "1042")
        case FindIncident():
            return IncidentFound("incident_1", "title", can_be_told=True)
        case _:
            return CheckResult(False)


FAULTS = st.sampled_from(["target", "queue", "language", "kind", "extra", "condition", "calendar", "value"])


@given(data=flows(), fault=FAULTS, pick=st.integers(0, 100))
@settings(max_examples=80, deadline=None)
def test_a_fault_put_into_a_flow_is_found_at_its_line(data: dict[str, Any], fault: str, pick: int) -> None:
    names = list(data["nodes"])
    name = names[pick % len(names)]
    node = data["nodes"][name]
    match fault:
        case "kind":
            node["kind"] = "XFAULT"
        case "extra":
            node["XFAULT"] = 1
        case "target":
            if not any(key in node for key in ("next", "otherwise", "on_valid", "node")):
                return
            key = next(key for key in ("next", "otherwise", "on_valid", "node") if key in node)
            node[key] = "xfault"
        case "queue":
            if node["kind"] != "queue":
                return
            node["queue"] = "xfault"
        case "language":
            if "prompt" not in node:
                return
            node["prompt"] = {**node["prompt"], "xx": "XFAULT"}
        case "condition":
            if node["kind"] != "branch":
                return
            node["cases"][0]["when"] = "vip and xfault"
        case "calendar":
            if node["kind"] != "hours":
                return
            node["calendar"] = "xfault"
        case "value":
            if "prompt" not in node:
                return
            language = data["languages"][0]
            node["prompt"] = {**node["prompt"], language: f"{language} {{xfault:digits}}"}
    out = StringIO()
    YAML(typ="safe", pure=True).dump(data, out)
    text = out.getvalue()
    lines = [number for number, line in enumerate(text.split("\n"), 1) if "xfault" in line.lower()]
    try:
        load_flow(text, "f", known=KNOWN)
    except ConfigurationError as error:
        assert lines
        assert any(problem.line in lines for problem in error.problems), (text, str(error))
    else:
        raise AssertionError(text)
