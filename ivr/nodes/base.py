"""What every node kind is made of. A kind is one file: its YAML keys, what it does, where it leads.

A node never waits: `enter` and `receive` return the new session and the name of the next node, or None to stay;
while the caller is in a node, `step` says what the shell has to do, from the session alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from functools import cached_property
from typing import Annotated, ClassVar, Literal, NamedTuple, TypeAlias

from msgspec.structs import replace
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from ivr.expression import Kind
from ivr.model import MAX_KEYS, Collect, Input, PromptRef, Session, Step, noted
from ivr.spoken.values import digit_words
from ivr.template import Template, Value, parse_template

Move: TypeAlias = tuple[Session, str | None]

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=40)]
QueueName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=60)]
Language = Annotated[str, Field(pattern=r"^[a-z]{2}$")]
Keys = Annotated[str, Field(pattern=r"^[0-9*#]+$", max_length=4)]
Recording = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*(/[A-Za-z0-9][A-Za-z0-9_-]*)*$")]

MAX_TEXT = 1000
KEYPAD = frozenset("0123456789*#ABCD")


class Part(BaseModel):
    """Base of everything written in a flow's YAML: unknown keys are refused, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, ignored_types=(cached_property,))


class Spoken(Part):
    """What is said in one language: a recording (path without extension), a text to synthesise, or both."""

    text: Annotated[str, Field(max_length=MAX_TEXT)] = ""
    file: Recording | None = None
    without: Annotated[str, Field(max_length=MAX_TEXT)] = ""  # said when a value in `text` is missing

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: object) -> object:
        return {"text": value} if isinstance(value, str) else value

    @field_validator("text", "without")
    @classmethod
    def _printable(cls, text: str) -> str:
        text = " ".join(text.split())
        if not text.isprintable():
            raise ValueError("a prompt may hold printable characters only")
        return text

    @model_validator(mode="after")
    def _something(self) -> Spoken:
        if not self.file and not any(character.isalnum() for character in self.text):
            raise ValueError("a prompt needs words to say or a recorded file")
        return self

    @cached_property
    def template(self) -> Template:
        """The words and values of the text; of a recording none: it is played as it is."""
        return parse_template("" if self.file else self.text)

    @cached_property
    def fixed(self) -> dict[str, tuple[PromptRef, ...]]:
        """By language, what is played where there are no values; filled by `refs`, which is on every call's way."""
        return {}


Prompt = Annotated[dict[Language, Spoken], Field(min_length=1)]


class Retry(Part):
    """What happens when the caller keys nothing, or something else than asked.

    `prompt` is said before the question; with `repeat: false` it stands in the question's place. The caller is
    asked `tries` times in all (counted per cause), then goes to `then` (default: the node's own way out).
    """

    prompt: Prompt | None = None
    tries: Annotated[int, Field(ge=1, le=10)] = 3
    repeat: bool = True
    then: Name | None = None


class Exit(NamedTuple):
    """A way out of a node: its place in the node's YAML, where it leads, whether it may be taken without the caller
    pressing a key, and what is keyed or found to take it (for the picture and the counters)."""

    at: tuple[str | int, ...]
    target: str
    when_silent: bool = False
    label: str = ""


class Said(NamedTuple):
    """A prompt of a node with its place in the node's YAML."""

    at: tuple[str | int, ...]
    prompt: dict[str, Spoken]


class Condition(NamedTuple):
    """An expression of a node with its place in the node's YAML."""

    at: tuple[str | int, ...]
    text: str


class Node(Part):
    """Base of every kind. `is_terminal`: the call's way through menus is over here. `leaves_flow`: this flow is.
    `is_question`: callers may go back to it."""

    is_terminal: ClassVar[bool] = False
    leaves_flow: ClassVar[bool] = False
    is_question: ClassVar[bool] = False

    def enter(self, session: Session) -> Move:
        """The caller arrives; `session` is already clean for this node."""
        return session, None

    def hides_value(self, session: Session) -> bool:
        """Whether `session.value` is a secret now, which must not be written on the channel."""
        return False

    def receive(self, session: Session, given: Input) -> Move:
        """An input while the caller is here. One that does not belong here changes nothing."""
        return session, None

    def step(self, session: Session) -> Step:
        """What the shell has to do while the caller is here."""
        raise NotImplementedError

    def exits(self) -> Iterator[Exit]:
        """Every way out, so that the checker and the picture need not know the kinds."""
        return iter(())

    def said(self) -> Iterator[Said]:
        """Every prompt of this node."""
        return iter(())

    def conditions(self) -> Iterator[Condition]:
        """Every expression of this node."""
        return iter(())

    def values(self) -> Iterator[tuple[tuple[str | int, ...], Value]]:
        """Every value named in a text that is not a prompt, with its place in the node's YAML."""
        return iter(())

    def assigns(self) -> Mapping[str, Kind]:
        """Attributes that the call may have after this node."""
        return {}


PERSON, REPEAT, BACK = "person", "repeat", "back"


class Asking(Node):
    """Base of the kinds that put a question and wait for keys."""

    is_question: ClassVar[bool] = True

    prompt: Prompt
    timeout_seconds: Annotated[float, Field(gt=0, le=60)] = 5.0
    barge_in: bool = True
    no_input: Retry = Retry()
    no_match: Retry = Retry()
    forbid: frozenset[Literal["person", "repeat", "back"]] = frozenset()

    def gives_up(self) -> str:
        """Where a caller goes who was asked often enough."""
        raise NotImplementedError

    def said(self) -> Iterator[Said]:
        yield Said(("prompt",), self.prompt)
        for name, retry in (("no_input", self.no_input), ("no_match", self.no_match)):
            if retry.prompt is not None:
                yield Said((name, "prompt"), retry.prompt)

    def exits(self) -> Iterator[Exit]:
        if self.no_input.then:
            yield Exit(("no_input", "then"), self.no_input.then, when_silent=True, label="no_input")
        if self.no_match.then:
            yield Exit(("no_match", "then"), self.no_match.then, label="no_match")

    @cached_property
    def timeout(self) -> timedelta:
        return timedelta(seconds=self.timeout_seconds)

    def question(self, session: Session) -> tuple[PromptRef, ...]:
        """The prompts to play now: why the caller is asked again, if so, then the question."""
        if session.retry not in ("no_input", "no_match"):
            return refs(self.prompt, session)
        retry = self.no_input if session.retry == "no_input" else self.no_match
        flow = session.flow
        again = retry.prompt or (flow.no_input if session.retry == "no_input" else flow.no_match)
        if again is None:
            return refs(self.prompt, session)
        question = refs(self.prompt, session) if retry.repeat else ()
        return refs(again, session) + question

    def collect(self, session: Session, max_digits: int, terminator: str | None = None) -> Collect:
        return Collect(
            self.question(session),
            session.language,
            max_digits,
            terminator,
            self.timeout,
            DIGIT_TIMEOUT,
            interruptible=self.barge_in,
            is_retry=bool(session.retry) and session.retry != REPEAT,
        )

    def silence(self, session: Session) -> Move:
        """Nothing was keyed: ask again, or give up."""
        count = session.no_inputs + 1
        path = noted(session.path, no_inputs=1)
        session = replace(session, path=path, all_no_inputs=session.all_no_inputs + 1)
        if count >= self.no_input.tries:
            left = replace(session, path=noted(session.path, exit_="no_input"))
            return left, self.no_input.then or self.gives_up()
        return replace(session, no_inputs=count, retry="no_input", phase="", value=""), None

    def mismatch(self, session: Session, keys: str, exit_: str = "no_match") -> Move:
        """Something else was keyed than asked: ask again, or give up."""
        count = session.no_matches + 1
        path = noted(session.path, keys, no_matches=1)
        session = replace(session, path=path, all_no_matches=session.all_no_matches + 1)
        if count >= self.no_match.tries:
            left = replace(session, path=noted(session.path, exit_=exit_))
            return left, self.no_match.then or self.gives_up()
        return replace(session, no_matches=count, retry="no_match", phase="", value=""), None

    def everywhere(self, session: Session, keys: str) -> Move | None:
        """What a key does that the flow gives a meaning everywhere; None: it has none here."""
        meaning = session.root.everywhere.meaning_of(keys)
        if meaning is None or meaning in self.forbid:
            return None
        if meaning == PERSON and session.root.person:
            left = replace(session, path=noted(session.path, keys, PERSON))
            if session.stack:  # the person is the outermost flow's
                left = replace(left, flow=session.root, stack=(), trail=())
            return left, session.root.person
        if meaning == BACK and session.trail:
            left = replace(session, path=noted(session.path, keys, BACK), trail=session.trail[:-1])
            return left, session.trail[-1]
        if meaning in (REPEAT, BACK):
            return replace(session, retry=REPEAT, phase="", value="", path=noted(session.path, keys)), None
        return None


DIGIT_TIMEOUT = timedelta(seconds=3)


def refs(prompt: dict[str, Spoken], session: Session, language: str = "") -> tuple[PromptRef, ...]:
    """The prompt in the session's language (or the one given); nothing rather than another language where it is
    missing."""
    language = language or session.language
    spoken = prompt.get(language)
    if spoken is None:
        return ()
    fixed = spoken.fixed.get(language)
    if fixed is not None:
        return fixed
    if not spoken.template.values:
        fixed = spoken.fixed[language] = (PromptRef(language, spoken.text, spoken.file or ""),)
        return fixed
    return (_filled(spoken, language, session),)


def _filled(spoken: Spoken, language: str, session: Session) -> PromptRef:
    """A prompt with values. One whose value is missing becomes `without`, or keeps what it has."""
    known, texts, pieces = session.known(), [], []
    without = PromptRef(language, spoken.without) if spoken.without else None
    for part in spoken.template.parts:
        if isinstance(part, str):
            texts.append(part)
            pieces.append(PromptRef(language, part))
            continue
        said = part.say(known, language, session.at)
        if said is None:
            if without is not None:
                return without
            continue
        texts.append(" ".join(said))
        pieces += [PromptRef(language, words, spoken_now=part.format != "digits") for words in said]
    return PromptRef(language, " ".join(texts), pieces=tuple(pieces), without=without)


def fixed_refs(spoken: Spoken, language: str) -> Iterator[PromptRef]:
    """All of a prompt that is known before a call."""
    if not spoken.template.values:
        yield PromptRef(language, spoken.text, spoken.file or "")
        return
    yield from (PromptRef(language, part) for part in spoken.template.parts if isinstance(part, str))
    if spoken.without:
        yield PromptRef(language, spoken.without)
    if any(value.format == "digits" for value in spoken.template.values):
        yield from (PromptRef(language, word) for word in digit_words(language))


def keyed(digits: str, limit: int = MAX_KEYS) -> str:
    """What a telephone can send of `digits`, at most `limit` keys: the shell's input is not trusted."""
    if len(digits) <= limit and KEYPAD.issuperset(digits):
        return digits
    return "".join(key for key in digits[: 4 * limit] if key in KEYPAD)[:limit]
