"""What passes between the interpreter and the shell that performs a call: inputs in, one step out.

    begin(flow, facts) -> Session, Step          advance(session, input) -> Session, Step

    Step         the shell performs it, then reports
    ----------   -------------------------------------------------------------
    Play         Played
    Collect      Digits (prompts are cut off by the first key)
    Check        CheckResult
    Identify     Identified
    Lookup       LookupResult
    EnterQueue   nothing: the flow is over
    HangUp       nothing: the flow is over
    any          CallerGone as soon as the caller hangs up

and those of `ivr.hand_over` and `ivr.self_service`.

Every report may come with the instant it is made (`advance(session, input, at)`): opening hours and the longest time in
the menus are reckoned from it.

All values are frozen. A session can be written on the channel and taken up by another process (`dump`, `resume`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal, TypeAlias

import msgspec

from ivr.expression import Kind
from ivr.hand_over import HandOver, HandOverReport
from ivr.self_service import SelfService, SelfServiceReport

if TYPE_CHECKING:
    from ivr.schema import Flow

MAX_KEYS = 64  # keys kept per visit of a node, and per collected value
MAX_VALUE = 200  # characters of an attribute that comes from outside

# What a shell can say of a caller; conditions and prompts may name it.
PRESENTED: Mapping[str, Kind] = {
    "called_number": Kind.TEXT,
    "caller_number": Kind.TEXT,
    "language": Kind.TEXT,
    "waiting": Kind.TRUTH,
}
IDENTIFIED: Mapping[str, Kind] = {
    "known": Kind.TRUTH,  # exactly one contact has this number
    "vip": Kind.TRUTH,
    "contact": Kind.TEXT,  # name
    "organisation": Kind.TEXT,
    "contract": Kind.TEXT,
    "site": Kind.TEXT,
    "number_kind": Kind.TEXT,  # e164, internal, short, anonymous, invalid
    "open_tickets": Kind.NUMBER,
    "calls_today": Kind.NUMBER,  # before this one
    "days_since_last_call": Kind.NUMBER,  # unknown without one
    "active_major_incident": Kind.TRUTH,  # one that concerns this caller
}
# Of the incident that an `announce` node found: the sentence in the caller's language, the title for people, the
# instant (ISO 8601) it is expected to be over; empty where it is not known.
INCIDENT, INCIDENT_TITLE, INCIDENT_EXPECTED = "incident", "incident_title", "incident_expected"
ANNOUNCED: Mapping[str, Kind] = dict.fromkeys((INCIDENT, INCIDENT_TITLE, INCIDENT_EXPECTED), Kind.TEXT)
FACTS: Mapping[str, Kind] = {**PRESENTED, **IDENTIFIED, **ANNOUNCED}


class PromptRef(msgspec.Struct, frozen=True):
    """One sentence to play, in one language: a recording where there is one, else the text, synthesised.

    A sentence with values inside has `pieces`, played one after the other (`text` is then the whole, for the eye). A
    piece that is `spoken_now` may have no sound yet. If a piece has none in time, `without` is played in place of all,
    and where there is no such, the pieces that have one.
    """

    language: str
    text: str = ""
    recording: str = ""
    pieces: tuple[PromptRef, ...] = ()
    without: PromptRef | None = None
    spoken_now: bool = False


class CallerFacts(msgspec.Struct, frozen=True):
    """What is known of the caller before the flow begins. `attributes`, `priority` and `skills` seed the session's."""

    language: str | None = None
    attributes: Mapping[str, str] = {}
    called_number: str = ""
    caller_number: str = ""
    priority: int | None = None
    skills: Mapping[str, int] = {}
    is_waiting: bool = False  # in a queue, which this flow is walked beside


# --- inputs ---------------------------------------------------------------------------------------------------


class Played(msgspec.Struct, frozen=True, tag=True):
    """The prompts of a Play ended."""


class Digits(msgspec.Struct, frozen=True, tag=True):
    """Keys without the terminator. `timeout`: the caller stopped keying (no digits at all: never began)."""

    digits: str
    reason: Literal["complete", "timeout"] = "complete"


class CheckResult(msgspec.Struct, frozen=True, tag=True):
    """The answer to a Check. `value`, if given, is stored in place of what was keyed (an id, say); `attributes` are
    kept besides (see `ivr.nodes.collect.LEARNT`)."""

    ok: bool
    value: str = ""
    attributes: Mapping[str, str] = {}


class Identified(msgspec.Struct, frozen=True, tag=True):
    """What the desk knows of the caller: names of IDENTIFIED; those left out are unknown."""

    facts: Mapping[str, str | float | bool] = {}


class LookupResult(msgspec.Struct, frozen=True, tag=True):
    """The answer to a Lookup: the values found, by attribute. Not ok: no answer in time, or none that fits."""

    ok: bool
    values: Mapping[str, str] = {}


class CallerGone(msgspec.Struct, frozen=True, tag=True):
    """The caller hung up."""


Input: TypeAlias = (
    Played | Digits | CheckResult | Identified | LookupResult | HandOverReport | SelfServiceReport | CallerGone
)


# --- steps ----------------------------------------------------------------------------------------------------


class Play(msgspec.Struct, frozen=True, tag=True):
    """Play the prompts, then report Played. `language` is the session's. Keys are kept for the next question;
    `interruptible`: the first one ends the prompts."""

    prompts: tuple[PromptRef, ...]
    language: str
    interruptible: bool = False


class Collect(msgspec.Struct, frozen=True, tag=True):
    """Play the prompts until the first key, then gather keys; report Digits. Keys pressed before count first, and
    spare the caller the prompts.

    Complete at `max_digits` keys or at `terminator` (which is not part of the digits; None: every key counts).
    `timeout` runs from the end of the prompts to the first key, `digit_timeout` between keys.
    `secret`: the keys must not be logged, traced or shown. Not `interruptible`: the prompts are played to their end.
    `is_retry`: the caller is asked again, and keys pressed before are of no account.
    """

    prompts: tuple[PromptRef, ...]
    language: str
    max_digits: int
    terminator: str | None
    timeout: timedelta
    digit_timeout: timedelta
    secret: bool = False
    interruptible: bool = True
    is_retry: bool = False


class Check(msgspec.Struct, frozen=True, tag=True):
    """Find out whether `value` passes the check named `kind`; report CheckResult."""

    kind: str
    value: str
    secret: bool = False


class Identify(msgspec.Struct, frozen=True, tag=True):
    """Find out who calls; report Identified, with nothing in it when nobody can say. `services`: what they ring about,
    as far as the menu knows."""

    services: tuple[str, ...] = ()


class Lookup(msgspec.Struct, frozen=True, tag=True):
    """Ask the HTTP service named `service` for `path` (encoded, to be joined to the service's own address); report
    LookupResult with the value at each place of `into` (keys of nested objects and numbers of list items, with dots).

    `timeout` is for all `tries` together.
    """

    service: str
    path: str
    into: Mapping[str, str]
    timeout: timedelta
    tries: int


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
    """The flow is over: end the call. `reason`: the node's own, or `caller_gone`, `step_limit`, `time_limit`,
    `no_input_limit`, `no_match_limit`, `fault`."""

    reason: str


Step: TypeAlias = Play | Collect | Check | Identify | Lookup | HandOver | SelfService | EnterQueue | HangUp


# --- session --------------------------------------------------------------------------------------------------


class PathEntry(msgspec.Struct, frozen=True, array_like=True):
    """One visit of a node: what was keyed (attempts separated by spaces; nothing if secret) and how it was left.

    `node`: with its flow before it (`identify.ask_pin`) inside a flow that was called. `exit`: the key chosen, or
    `played`, `passed`, `known`, `valid`, `invalid`, `no_input`, `no_match`, `open`, `closed`, `holiday`, `found`,
    `failed`, `saved`, `done`, `busy`, `no_answer`, `refused`, `nothing`, `heard`, `attached`, `called`, `returned`,
    `case N`, `otherwise`, `person`, `back`, `queued`, `hung_up`, `caller_gone`, `step_limit`, `time_limit`,
    `no_input_limit`, `no_match_limit`, `fault`; empty while the caller is in the node.
    `no_inputs`, `no_matches`: attempts of that kind during the visit.
    """

    node: str
    keys: str = ""
    exit: str = ""
    no_inputs: int = 0
    no_matches: int = 0


class Frame(msgspec.Struct, frozen=True):
    """Where a called flow returns to: the `call` node and its flow, and the questions behind it."""

    flow: Flow
    node: str
    trail: tuple[str, ...] = ()


class Session(msgspec.Struct, frozen=True):
    """Where a caller is in a flow. Only nodes and the interpreter make new ones.

    `phase`, `value` and `retry` belong to the node: the part of it that is reached, what is being checked, and
    why it asks again (`no_input`, `no_match`). `ending` is the reason of a hang-up that no node asked for. `flow` is
    the one the caller is in now, `stack` those that called it, the first one outermost. `trail`: questions the caller
    may go back to. `at`: the latest instant the shell told, `began_at` the first one. `facts`: PRESENTED and, once
    `is_identified`, IDENTIFIED.
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
    stack: tuple[Frame, ...] = ()
    trail: tuple[str, ...] = ()
    at: datetime | None = None
    began_at: datetime | None = None
    facts: Mapping[str, str | float | bool] = {}
    is_identified: bool = False
    all_no_inputs: int = 0
    all_no_matches: int = 0

    @property
    def root(self) -> Flow:
        """The flow the caller's number led to."""
        return self.stack[0].flow if self.stack else self.flow

    def known(self) -> dict[str, str | float | bool]:
        """All that conditions and prompts may name, by name."""
        return {**self.attributes, **self.facts, "language": self.language}


def noted(
    path: tuple[PathEntry, ...], keys: str = "", exit_: str = "", *, no_inputs: int = 0, no_matches: int = 0
) -> tuple[PathEntry, ...]:
    """`path` with keys added to the present visit, attempts counted and, if given, how it is left."""
    if not path:
        return path
    last = path[-1]
    every = f"{last.keys} {keys}"[:MAX_KEYS] if last.keys and keys else last.keys or keys
    counted = (last.no_inputs + no_inputs, last.no_matches + no_matches)
    return (*path[:-1], PathEntry(last.node, every, exit_ or last.exit, *counted))
