"""The pure interpreter: `begin`, then `advance` with what the shell reports, until the session `is_over`.

Neither ever raises, whatever the input and however odd the flow: what cannot be done leads to the flow's
`fallback`, and failing that to HangUp. Every input and every node entered counts towards `max_steps`, so a
caller cannot go round for ever. All time is the shell's: a timeout reaches here as an input.
"""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime

import msgspec
from msgspec.structs import replace

from ivr.errors import SessionStateError
from ivr.model import CallerFacts, CallerGone, Frame, HangUp, Input, PathEntry, Session, Step, noted
from ivr.nodes import CallFlow
from ivr.nodes.subflow import MAX_CALLS
from ivr.schema import Flow

MAX_DUMP = 1000  # characters; an AGI command line, with all it carries, is at most 2 KiB
MAX_TRAIL = 10  # questions a caller can go back

_FORMAT = 1


def begin(flow: Flow, facts: CallerFacts | None = None, at: datetime | None = None) -> tuple[Session, Step]:
    """A caller enters `flow`. Their language is used from the start when the flow speaks it. `at`: now, aware."""
    facts = facts or CallerFacts()
    known = facts.language in flow.languages
    language = facts.language if known and facts.language else flow.languages[0]
    session = Session(
        flow,
        language,
        language_known=known,
        priority=facts.priority,
        skills=dict(facts.skills),
        attributes=dict(facts.attributes),
        facts=_presented(facts),
        at=at,
        began_at=at,
    )
    session = _enter(session, flow.start)
    return session, step_of(session)


def _presented(facts: CallerFacts) -> dict[str, str | float | bool]:
    presented: dict[str, str | float | bool] = {
        "called_number": facts.called_number,
        "caller_number": facts.caller_number,
    }
    return presented | {"waiting": True} if facts.is_waiting else presented


def advance(session: Session, given: Input, at: datetime | None = None) -> tuple[Session, Step]:
    """The session after `given`, and what the shell has to do now. `at`: when it was given, aware; None: as before.

    An input that does not fit the present step repeats the step. A session that is over stays as it is.
    """
    if isinstance(given, CallerGone):
        if not session.is_over:
            path = noted(session.path, exit_="caller_gone")
            session = replace(session, is_over=True, ending="caller_gone", path=path)
        return session, HangUp("caller_gone")
    if session.is_over:
        return session, step_of(session)
    if at is not None:
        session = replace(session, at=at, began_at=session.began_at or at)
    node = session.flow.nodes.get(session.node)
    if node is None:
        session = _fall_back(session, "fault")
    elif session.steps >= session.root.max_steps:
        session = _fall_back(session, "step_limit")
    else:
        moved, target = node.receive(session, given)
        if limit := _limit_of(moved):
            session = _fall_back(moved, limit)
        elif target is None:
            session = replace(moved, steps=moved.steps + 1)
        else:
            if node.is_question and moved.trail is session.trail and moved.flow is session.flow:
                moved = replace(moved, trail=(*moved.trail, session.node)[-MAX_TRAIL:])
            session = _enter(moved, target)
    return session, step_of(session)


def _limit_of(session: Session) -> str:
    """The limit of the whole call that is passed now, or nothing."""
    limits = session.root.limits
    if limits.no_input is not None and session.all_no_inputs >= limits.no_input:
        return "no_input_limit"
    if limits.no_match is not None and session.all_no_matches >= limits.no_match:
        return "no_match_limit"
    if session.at is not None and session.began_at is not None:
        return "time_limit" if session.at - session.began_at >= limits.time else ""
    return ""


def step_of(session: Session) -> Step:
    """What the shell has to do in this session now: after `resume`, where a process takes a call over."""
    if session.ending:
        return HangUp(session.ending)
    node = session.flow.nodes.get(session.node)
    return HangUp("fault") if node is None else node.step(session)


def _enter(session: Session, target: str) -> Session:
    """Go to `target` and on until a node wants something from the shell."""
    max_steps = session.root.max_steps
    following: str | None = target
    while following is not None:
        node = session.flow.nodes.get(following)
        if node is None:
            return _fall_back(session, "fault")
        if session.steps >= max_steps and not node.is_terminal:
            return _fall_back(session, "step_limit")
        session, following = node.enter(_arrived(session, following))
    return session


def _arrived(session: Session, target: str) -> Session:
    # Built anew rather than by `replace`: this is the hot path, and all that belongs to the last node must go.
    visited = f"{session.flow.name}.{target}" if session.stack else target
    return Session(
        session.flow,
        session.language,
        session.language_known,
        target,
        steps=session.steps + 1,
        priority=session.priority,
        skills=session.skills,
        attributes=session.attributes,
        path=(*session.path, PathEntry(visited)),
        stack=session.stack,
        trail=session.trail,
        at=session.at,
        began_at=session.began_at,
        facts=session.facts,
        is_identified=session.is_identified,
        all_no_inputs=session.all_no_inputs,
        all_no_matches=session.all_no_matches,
    )


def _fall_back(session: Session, reason: str) -> Session:
    """To the fallback of the outermost flow."""
    path = noted(session.path, exit_=reason)
    root = session.root
    fallback = root.nodes.get(root.fallback)
    if fallback is None or not fallback.is_terminal:
        return replace(session, is_over=True, ending=reason, path=path)
    out = replace(session, flow=root, stack=(), trail=(), path=path)
    session, _ = fallback.enter(_arrived(out, root.fallback))
    return session


# --- on the channel -------------------------------------------------------------------------------------------


class _State(msgspec.Struct, array_like=True):
    """A session without its flow. New fields go to the end, with defaults (older processes ignore them); any
    other change is a new `_FORMAT`."""

    format: int
    flow: str
    language: str
    language_known: bool
    node: str
    phase: str
    value: str
    retry: str
    no_inputs: int
    no_matches: int
    steps: int
    priority: int | None
    skills: dict[str, int]
    attributes: dict[str, str]
    path: list[PathEntry]
    is_over: bool
    ending: str
    stack: list[tuple[str, str, list[str]]] = []  # flow, node and trail of each call, outermost first
    inside: str = ""  # the flow the node is in; "": the outermost
    trail: list[str] = []
    began_at: float = 0.0
    all_no_inputs: int = 0
    all_no_matches: int = 0


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_State)


def dump(session: Session) -> str:
    """The session as at most MAX_DUMP characters of `A-Za-z0-9_-`, safe in a channel variable.

    Where it would be longer, the oldest path entries are left out, then the longest attributes: a call that goes
    on with less known of it is better than one that ends. Secret digits are never in it: a session that was
    checking some asks for them again.
    """
    node = session.flow.nodes.get(session.node)
    hide = node is not None and node.hides_value(session)
    state = _State(
        _FORMAT,
        session.root.name,
        session.language,
        session.language_known,
        session.node,
        "" if hide else session.phase,
        "" if hide else session.value,
        session.retry,
        session.no_inputs,
        session.no_matches,
        session.steps,
        session.priority,
        dict(session.skills),
        dict(session.attributes),
        list(session.path),
        session.is_over,
        session.ending,
        [(frame.flow.name, frame.node, list(frame.trail)) for frame in session.stack],
        session.flow.name if session.stack else "",
        list(session.trail),
        session.began_at.timestamp() if session.began_at else 0.0,
        session.all_no_inputs,
        session.all_no_matches,
    )
    while True:
        text = base64.urlsafe_b64encode(_encoder.encode(state)).decode().rstrip("=")
        if len(text) <= MAX_DUMP:
            return text
        if state.path:
            del state.path[: max(1, len(state.path) // 8)]
        elif state.trail:
            state.trail.clear()
        elif state.attributes:
            del state.attributes[max(state.attributes, key=lambda name: len(name) + len(state.attributes[name]))]
        else:
            state.skills.clear()


def flow_of(text: str) -> str:
    """Name of the flow that a dumped session belongs to; nothing for what is none."""
    try:
        return _decoder.decode(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)).flow
    except ValueError:  # binascii.Error and msgspec's are such, too
        return ""


def resume(flow: Flow, text: str, facts: CallerFacts | None = None) -> Session:
    """The dumped session in `flow` (the same flow, or a changed one that still has its node).

    `step_of(session)` says what to do now. Raises SessionStateError; the caller then begins anew.
    """
    if len(text) > MAX_DUMP:
        raise SessionStateError("the dumped session is too long")
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        state = _decoder.decode(raw)
        began_at = datetime.fromtimestamp(state.began_at, UTC) if state.began_at else None
    except (binascii.Error, ValueError, OverflowError, OSError) as error:
        raise SessionStateError(f"the dumped session is damaged ({type(error).__name__})") from None
    if state.format != _FORMAT:
        raise SessionStateError(f"the dumped session has format {state.format}, this version reads {_FORMAT}")
    if state.flow != flow.name:
        raise SessionStateError("the dumped session belongs to another flow")
    stack = _stack_of(flow, state)
    inside = flow.flows[state.inside] if stack else flow
    node = inside.nodes.get(state.node)
    if node is None and not state.ending:
        raise SessionStateError("the flow no longer has the node of the dumped session")
    if state.language not in inside.languages or state.language not in flow.languages:
        raise SessionStateError("the flow no longer speaks the language of the dumped session")
    if min(state.no_inputs, state.no_matches, state.steps, state.all_no_inputs, state.all_no_matches) < 0:
        raise SessionStateError("the dumped session is damaged (counters)")
    if node is not None and (node.is_terminal != state.is_over) and not state.ending:
        raise SessionStateError("the dumped session is damaged (over or not)")
    return Session(
        inside,
        state.language,
        state.language_known,
        state.node,
        state.phase,
        state.value,
        state.retry,
        state.no_inputs,
        state.no_matches,
        state.steps,
        state.priority,
        state.skills,
        state.attributes,
        tuple(state.path),
        state.is_over,
        state.ending,
        stack,
        _trail_of(inside, state.trail),
        began_at=began_at,
        facts=_presented(facts or CallerFacts()),
        all_no_inputs=state.all_no_inputs,
        all_no_matches=state.all_no_matches,
    )


def _stack_of(flow: Flow, state: _State) -> tuple[Frame, ...]:
    """The calls under way, each still a call of the flow called next; raises SessionStateError."""
    names = [*(name for name, _, _ in state.stack), state.inside]
    if not state.stack:
        if state.inside:
            raise SessionStateError("the dumped session is damaged (calls)")
        return ()
    frames: list[Frame] = []
    for (name, node, trail), called in zip(state.stack, names[1:], strict=True):
        within = flow if not frames else flow.flows.get(name)
        caller = within.nodes.get(node) if within is not None else None
        if within is None or within.name != name or not isinstance(caller, CallFlow) or caller.flow != called:
            raise SessionStateError("the flow no longer has the calls of the dumped session")
        frames.append(Frame(within, node, _trail_of(within, trail)))
    if len(frames) > MAX_CALLS or state.inside not in flow.flows:
        raise SessionStateError("the flow no longer has the calls of the dumped session")
    return tuple(frames)


def _trail_of(flow: Flow, names: list[str]) -> tuple[str, ...]:
    return tuple(name for name in names[-MAX_TRAIL:] if name in flow.nodes)
