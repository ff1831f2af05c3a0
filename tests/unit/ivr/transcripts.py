"""Calls as text: what the caller does (`>`) and what the shell is told (`<`), for golden transcripts.

< collect fr 1: "Bonjour" + en "Hello"
> 2                     keys, complete            > 12 ...        keys, then silence
> silence               no keys                   > ok | wrong    the answer to a check
> played                a prompt ended            > gone          the caller hung up
> known vip open_tickets=3 site=Lyon              what the desk says (a word alone: yes)
> found name=value ...  > failed                  the answer to a lookup
> incident id=i1 fr=Une_panne at=2026-... tell=1  an incident that concerns them (`incident` alone: none)
> kept | recorded | nothing said                  answers of a survey
> opened 1042 | not opened | locked               a request, and a PIN too often wrong
> attached | not attached                         whether they will be told
> joined done           a transfer, and what came of it
@ 2026-12-25T10:00+01:00                          from now on it is that time
"""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from ivr.hand_over import (
    BookCallback,
    CallbackBooked,
    KeepMessage,
    MessageKept,
    MessageRecorded,
    RecordMessage,
    Transfer,
    TransferResult,
)
from ivr.interpreter import advance, begin, dump, resume, step_of
from ivr.model import (
    CallerFacts,
    CallerGone,
    Check,
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
    PromptRef,
    Session,
    Step,
)
from ivr.schema import Flow
from ivr.self_service import (
    AnswerKept,
    AttachCaller,
    CallerAttached,
    FindIncident,
    IncidentFound,
    KeepAnswer,
    OpenRequest,
    RecordVoice,
    RequestOpened,
    VoiceRecorded,
)

_WORDS: dict[str, Input] = {
    "silence": Digits("", "timeout"),
    "nothing": Digits("", "complete"),
    "ok": CheckResult(True),
    "wrong": CheckResult(False),
    "played": Played(),
    "failed": LookupResult(False),
    "gone": CallerGone(),
    "message recorded": MessageRecorded(True),
    "no message": MessageRecorded(False),
    "message kept": MessageKept(True),
    "message not kept": MessageKept(False),
    "booked": CallbackBooked(True),
    "refused": CallbackBooked(False),
    "attached": CallerAttached(True),
    "kept": AnswerKept(),
    "recorded": VoiceRecorded(True),
    "nothing said": VoiceRecorded(False),
    "not opened": RequestOpened(False),
    "locked": CheckResult(False, attributes={"verdict": "locked"}),
    "not attached": CallerAttached(False),
}


def walk(
    flow: Flow, transcript: str, facts: CallerFacts | None = None, at: datetime | None = None
) -> tuple[str, Session]:
    """Replay the `>` lines of `transcript`; the whole call as it went, and where it ended.

    Before every input the session is dumped and taken up again, as after a change of process.
    """
    session, step = begin(flow, facts, at)
    lines = [f"< {written(step)}"]
    for line in transcript.strip().splitlines():
        mark, _, act = line.strip().partition(" ")
        if mark == "@":
            at = datetime.fromisoformat(act)
            lines.append(f"@ {act}")
        if mark != ">":
            continue
        again = resume(flow, dump(session), facts)
        if isinstance(step, Check) and step.secret:
            again = session  # a secret is not on the channel: it would be asked for again
        if not session.is_identified:  # that and the time are asked again
            assert step_of(again) == step or session.at is not None
        session = replace(again, at=session.at, facts=session.facts, is_identified=session.is_identified)
        assert step_of(session) == step
        session, step = advance(session, input_of(act), at)
        lines += [f"> {act}", f"< {written(step)}"]
    return "\n".join(lines), session


def input_of(act: str) -> Input:
    if act in _WORDS:
        return _WORDS[act]
    if act.startswith("joined "):
        return TransferResult(act.removeprefix("joined "))  # type: ignore[arg-type]
    if act.startswith("ok "):
        return CheckResult(True, act.removeprefix("ok "))
    if act.startswith("known"):
        return Identified(dict(_fact(word) for word in act.split()[1:]))
    if act.startswith("opened "):
        return RequestOpened(True, act.removeprefix("opened "))
    if act.startswith("incident"):
        return _incident(dict(word.split("=", 1) for word in act.split()[1:]))
    if act.startswith("found"):
        return LookupResult(True, dict(word.split("=", 1) for word in act.split()[1:]))
    keys, dots, _ = act.partition(" ...")
    return Digits(keys, "timeout" if dots else "complete")


def _incident(said: dict[str, str]) -> IncidentFound:
    """`incident` alone: none. A sentence each language, its words joined by `_`."""
    if not said:
        return IncidentFound()
    sentences = {name: text.replace("_", " ") for name, text in said.items() if name in ("fr", "en")}
    return IncidentFound(said["id"], said["id"], sentences, said.get("at", ""), can_be_told="tell" in said)


def _fact(word: str) -> tuple[str, str | float | bool]:
    name, equals, value = word.partition("=")
    return name, (float(value) if value.replace(".", "").isdecimal() else value) if equals else True


def written(step: Step) -> str:
    match step:
        case Play():
            return f"play{' until a key' if step.interruptible else ''} {_prompts(step.prompts)}"
        case Collect():
            until = f" until {step.terminator}" if step.terminator else ""
            secret = " secret" if step.secret else ""
            wait = f" within {step.timeout.total_seconds():g}s"
            firm = "" if step.interruptible else " to the end"
            return f"collect {step.max_digits}{firm}{until}{wait}{secret}: {_prompts(step.prompts)}"
        case Check():
            return f"check {step.kind} {'secret' if step.secret else step.value}"
        case KeepAnswer():
            return f"keep {step.measure} {step.value}"
        case RecordVoice():
            return f"record {step.name} {step.limit.total_seconds():g}s, silence {step.silence.total_seconds():g}s"
        case OpenRequest():
            return f"open {step.item} proof {step.proof} {dict(step.attributes)}"
        case FindIncident():
            return f"find an incident{' of ' + ', '.join(step.services) if step.services else ''}"
        case AttachCaller():
            return f"attach to {step.incident_id}"
        case Identify():
            return "identify"
        case Lookup():
            return f"look up {step.service} {step.path} within {step.timeout.total_seconds():g}s, {step.tries} tries"
        case EnterQueue():
            priority = "" if step.priority is None else f" priority {step.priority}"
            skills = f" skills {dict(step.skills)}" if step.skills else ""
            noted = f" {dict(step.attributes)}" if step.attributes else ""
            return f"queue {step.queue} {step.language}{priority}{skills}{noted}"
        case Transfer():
            return f"transfer {step.to} for {step.timeout.total_seconds():g}s"
        case RecordMessage():
            limits = f"{step.limit.total_seconds():g}s, silence {step.silence.total_seconds():g}s"
            return f"record for {step.queue}, {limits}"
        case KeepMessage():
            return f"keep for {step.queue}"
        case BookCallback():
            return f"call back {step.number or 'the caller'} {step.at or 'in turn'} for {step.queue or 'their queue'}"
        case HangUp():
            return f"hang up: {step.reason}"


def _prompts(prompts: tuple[PromptRef, ...]) -> str:
    said = [f"{p.language} {p.recording + ' ' if p.recording else ''}{p.text!r}" for p in prompts]
    return " + ".join(said) or "nothing"
