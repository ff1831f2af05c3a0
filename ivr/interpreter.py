"""The pure interpreter: `begin`, then `advance` with what the shell reports, until the session `is_over`.

Neither ever raises, whatever the input and however odd the flow: what cannot be done leads to the flow's
`fallback`, and failing that to HangUp. Every input and every node entered counts towards `max_steps`, so a
caller cannot go round for ever. All time is the shell's: a timeout reaches here as an input.
"""

from __future__ import annotations

import base64
import binascii

import msgspec
from msgspec.structs import replace

from ivr.errors import SessionStateError
from ivr.model import CallerFacts, CallerGone, HangUp, Input, PathEntry, Session, Step, noted
from ivr.nodes import CollectDigits
from ivr.schema import Flow

MAX_DUMP = 1000  # characters; an AGI command line, with all it carries, is at most 2 KiB

_FORMAT = 1


def begin(flow: Flow, facts: CallerFacts | None = None) -> tuple[Session, Step]:
    """A caller enters `flow`. Their language is used from the start when the flow speaks it."""
    facts = facts or CallerFacts()
    known = facts.language in flow.languages
    language = facts.language if known and facts.language else flow.languages[0]
    session = Session(flow, language, language_known=known, attributes=dict(facts.attributes))
    session = _enter(session, flow.start)
    return session, step_of(session)


def advance(session: Session, given: Input) -> tuple[Session, Step]:
    """The session after `given`, and what the shell has to do now.

    An input that does not fit the present step repeats the step. A session that is over stays as it is.
    """
    if isinstance(given, CallerGone):
        if not session.is_over:
            path = noted(session.path, exit_="caller_gone")
            session = replace(session, is_over=True, ending="caller_gone", path=path)
        return session, HangUp("caller_gone")
    if session.is_over:
        return session, step_of(session)
    flow = session.flow
    node = flow.nodes.get(session.node)
    if node is None:
        session = _fall_back(session, "fault")
    elif session.steps >= flow.max_steps:
        session = _fall_back(session, "step_limit")
    else:
        moved, target = node.receive(session, given)
        session = replace(moved, steps=moved.steps + 1) if target is None else _enter(moved, target)
    return session, step_of(session)


def step_of(session: Session) -> Step:
    """What the shell has to do in this session now: after `resume`, where a process takes a call over."""
    if session.ending:
        return HangUp(session.ending)
    node = session.flow.nodes.get(session.node)
    return HangUp("fault") if node is None else node.step(session)


def _enter(session: Session, target: str) -> Session:
    """Go to `target` and on until a node wants something from the shell."""
    flow = session.flow
    following: str | None = target
    while following is not None:
        node = flow.nodes.get(following)
        if node is None:
            return _fall_back(session, "fault")
        if session.steps >= flow.max_steps and not node.is_terminal:
            return _fall_back(session, "step_limit")
        session, following = node.enter(_arrived(session, following))
    return session


def _arrived(session: Session, target: str) -> Session:
    # Built anew rather than by `replace`: this is the hot path, and all that belongs to the last node must go.
    return Session(
        session.flow,
        session.language,
        session.language_known,
        target,
        steps=session.steps + 1,
        priority=session.priority,
        skills=session.skills,
        attributes=session.attributes,
        path=(*session.path, PathEntry(target)),
    )


def _fall_back(session: Session, reason: str) -> Session:
    path = noted(session.path, exit_=reason)
    fallback = session.flow.nodes.get(session.flow.fallback)
    if fallback is None or not fallback.is_terminal:
        return replace(session, is_over=True, ending=reason, path=path)
    session, _ = fallback.enter(_arrived(replace(session, path=path), session.flow.fallback))
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


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_State)


def dump(session: Session) -> str:
    """The session as at most MAX_DUMP characters of `A-Za-z0-9_-`, safe in a channel variable.

    Where it would be longer, the oldest path entries are left out, then the longest attributes: a call that goes
    on with less known of it is better than one that ends. Secret digits are never in it: a session that was
    checking some asks for them again.
    """
    node = session.flow.nodes.get(session.node)
    hide = isinstance(node, CollectDigits) and node.secret
    state = _State(
        _FORMAT,
        session.flow.name,
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
    )
    while True:
        text = base64.urlsafe_b64encode(_encoder.encode(state)).decode().rstrip("=")
        if len(text) <= MAX_DUMP:
            return text
        if state.path:
            del state.path[: max(1, len(state.path) // 8)]
        elif state.attributes:
            del state.attributes[max(state.attributes, key=lambda name: len(name) + len(state.attributes[name]))]
        else:
            state.skills.clear()


def resume(flow: Flow, text: str) -> Session:
    """The dumped session in `flow` (the same flow, or a changed one that still has its node).

    `step_of(session)` says what to do now. Raises SessionStateError; the caller then begins anew.
    """
    if len(text) > MAX_DUMP:
        raise SessionStateError("the dumped session is too long")
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        state = _decoder.decode(raw)
    except (binascii.Error, ValueError) as error:
        raise SessionStateError(f"the dumped session is damaged ({type(error).__name__})") from None
    if state.format != _FORMAT:
        raise SessionStateError(f"the dumped session has format {state.format}, this version reads {_FORMAT}")
    if state.flow != flow.name:
        raise SessionStateError("the dumped session belongs to another flow")
    node = flow.nodes.get(state.node)
    if node is None and not state.ending:
        raise SessionStateError("the flow no longer has the node of the dumped session")
    if state.language not in flow.languages:
        raise SessionStateError("the flow no longer speaks the language of the dumped session")
    if min(state.no_inputs, state.no_matches, state.steps) < 0:
        raise SessionStateError("the dumped session is damaged (counters)")
    if node is not None and (node.is_terminal != state.is_over) and not state.ending:
        raise SessionStateError("the dumped session is damaged (over or not)")
    return Session(
        flow,
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
    )
