"""What passes between the interpreter and the shell that performs a call: inputs in, one step out.

    begin(flow, facts) -> Session, Step          advance(session, input) -> Session, Step

    Step         the shell performs it, then reports
    ----------   -------------------------------------------------------------
    Play         Played
    Collect      Digits (prompts are cut off by the first key)
    Check        CheckResult
    EnterQueue   nothing: the flow is over
    HangUp       nothing: the flow is over
    any          CallerGone as soon as the caller hangs up

All values are frozen. A session can be written on the channel and taken up by another process (`dump`, `resume`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Literal, TypeAlias

import msgspec

if TYPE_CHECKING:
    from ivr.schema import Flow

MAX_KEYS = 64  # keys kept per visit of a node, and per collected value


class PromptRef(msgspec.Struct, frozen=True):
    """One sentence to play, in one language: a recording where there is one, else the text, synthesised."""

    language: str
    text: str = ""
    recording: str = ""


class CallerFacts(msgspec.Struct, frozen=True):
    """What is known of the caller before the flow begins. `attributes` seeds the session's."""

    language: str | None = None
    attributes: Mapping[str, str] = {}


# --- inputs ---------------------------------------------------------------------------------------------------


class Played(msgspec.Struct, frozen=True, tag=True):
    """The prompts of a Play ended."""


class Digits(msgspec.Struct, frozen=True, tag=True):
    """Keys without the terminator. `timeout`: the caller stopped keying (no digits at all: never began)."""

    digits: str
    reason: Literal["complete", "timeout"] = "complete"


class CheckResult(msgspec.Struct, frozen=True, tag=True):
    """The answer to a Check. `value`, if given, is stored in place of what was keyed (an id, say)."""

    ok: bool
    value: str = ""


class CallerGone(msgspec.Struct, frozen=True, tag=True):
    """The caller hung up."""


Input: TypeAlias = Played | Digits | CheckResult | CallerGone


# --- steps ----------------------------------------------------------------------------------------------------


class Play(msgspec.Struct, frozen=True, tag=True):
    """Play the prompts to their end, then report Played. `language` is the session's."""

    prompts: tuple[PromptRef, ...]
    language: str


class Collect(msgspec.Struct, frozen=True, tag=True):
    """Play the prompts until the first key, then gather keys; report Digits.

    Complete at `max_digits` keys or at `terminator` (which is not part of the digits; None: every key counts).
    `timeout` runs from the end of the prompts to the first key, `digit_timeout` between keys.
    `secret`: the keys must not be logged, traced or shown.
    """

    prompts: tuple[PromptRef, ...]
    language: str
    max_digits: int
    terminator: str | None
    timeout: timedelta
    digit_timeout: timedelta
    secret: bool = False


class Check(msgspec.Struct, frozen=True, tag=True):
    """Find out whether `value` passes the check named `kind`; report CheckResult."""

    kind: str
    value: str
    secret: bool = False


class EnterQueue(msgspec.Struct, frozen=True, tag=True):
    """The flow is over: the caller waits in `queue`.

    `priority`: 0 is served first, None is the queue's own. `skills`: proficiency needed at least, by skill, besides
    the queue's own.
    """

    queue: str
    priority: int | None
    skills: Mapping[str, int]
    attributes: Mapping[str, str]
    language: str


class HangUp(msgspec.Struct, frozen=True, tag=True):
    """The flow is over: end the call. `reason`: the node's own, or `caller_gone`, `step_limit`, `fault`."""

    reason: str


Step: TypeAlias = Play | Collect | Check | EnterQueue | HangUp


# --- session --------------------------------------------------------------------------------------------------


class PathEntry(msgspec.Struct, frozen=True, array_like=True):
    """One visit of a node: what was keyed (attempts separated by spaces; nothing if secret) and how it was left.

    `exit`: the key chosen, or `played`, `passed`, `known`, `valid`, `invalid`, `no_input`, `no_match`, `queued`,
    `hung_up`, `caller_gone`, `step_limit`, `fault`; empty while the caller is in the node.
    """

    node: str
    keys: str = ""
    exit: str = ""


class Session(msgspec.Struct, frozen=True):
    """Where a caller is in a flow. Only nodes and the interpreter make new ones.

    `phase`, `value` and `retry` belong to the node: the part of it that is reached, what is being checked, and
    why it asks again (`no_input`, `no_match`). `ending` is the reason of a hang-up that no node asked for.
    """

    flow: Flow
    language: str
    language_known: bool = False
    node: str = ""
    phase: str = ""
    value: str = ""
    retry: str = ""
    no_inputs: int = 0
    no_matches: int = 0
    steps: int = 0
    priority: int | None = None
    skills: Mapping[str, int] = {}
    attributes: Mapping[str, str] = {}
    path: tuple[PathEntry, ...] = ()
    is_over: bool = False
    ending: str = ""


def noted(path: tuple[PathEntry, ...], keys: str = "", exit_: str = "") -> tuple[PathEntry, ...]:
    """`path` with keys added to the present visit and, if given, how it is left."""
    if not path:
        return path
    last = path[-1]
    every = f"{last.keys} {keys}"[:MAX_KEYS] if last.keys and keys else last.keys or keys
    return (*path[:-1], PathEntry(last.node, every, exit_ or last.exit))
