"""`collect`: have the caller key a number, have it checked, keep it.

    ticket_number:
      kind: collect
      prompt: {fr: "Tapez le numéro, puis dièse.", en: "Enter the number, followed by hash."}
      digits: {min: 1, max: 10, terminator: "#"}
      into: ticket                  # attribute that gets the value
      check: ticket_of_caller
      on_valid: support
      on_invalid: main              # after too many tries

`no_match` is what is said of a number that is too short or fails the check.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Final, Literal

from msgspec.structs import replace
from pydantic import Field, model_validator

from ivr.expression import Kind
from ivr.model import MAX_KEYS, MAX_VALUE, Check, CheckResult, Collect, Digits, Input, Session, Step, noted
from ivr.nodes.base import Asking, Exit, Move, Name, Part, keyed

CheckKind = Literal["ticket_of_caller"]

TICKET_STATUS: Final = "ticket_status"
# What a check tells besides, by kind of check: instants as ISO 8601, status as the desk calls it.
LEARNT: Final[Mapping[str, tuple[str, ...]]] = {"ticket_of_caller": (TICKET_STATUS, "ticket_opened")}

_CHECKING = "checking"


class DigitRule(Part):
    min: Annotated[int, Field(ge=1, le=MAX_KEYS)] = 1
    max: Annotated[int, Field(ge=1, le=MAX_KEYS)]
    terminator: Literal["#", "*"] | None = "#"

    @model_validator(mode="after")
    def _ordered(self) -> DigitRule:
        if self.min > self.max:
            raise ValueError(f"min ({self.min}) is greater than max ({self.max})")
        return self


class CollectDigits(Asking):
    kind: Literal["collect"]
    digits: DigitRule
    into: Name
    check: CheckKind | None = None
    secret: bool = False
    timeout_seconds: Annotated[float, Field(gt=0, le=60)] = 8.0
    on_valid: Name
    on_invalid: Name

    def gives_up(self) -> str:
        return self.on_invalid

    def exits(self) -> Iterator[Exit]:
        yield Exit(("on_valid",), self.on_valid, label="valid")
        yield Exit(("on_invalid",), self.on_invalid, when_silent=self.no_input.then is None, label="invalid")
        yield from super().exits()

    def assigns(self) -> Mapping[str, Kind]:
        return dict.fromkeys((self.into, *LEARNT.get(self.check or "", ())), Kind.TEXT)

    def hides_value(self, session: Session) -> bool:
        return self.secret

    def step(self, session: Session) -> Step:
        if session.phase == _CHECKING and self.check is not None:
            return Check(self.check, session.value, self.secret)
        step: Collect = self.collect(session, self.digits.max, self.digits.terminator)
        return replace(step, secret=True) if self.secret else step

    def receive(self, session: Session, given: Input) -> Move:
        if isinstance(given, CheckResult) and session.phase == _CHECKING:
            if not given.ok:
                return self.mismatch(session, "", "invalid")
            learnt = {name: given.attributes[name] for name in LEARNT[self.check or ""] if name in given.attributes}
            learnt = {name: value for name, value in learnt.items() if len(value) <= MAX_VALUE}
            return self._accepted(session, keyed_value(given.value) or session.value, learnt)
        if not isinstance(given, Digits) or session.phase == _CHECKING:
            return session, None
        digits = keyed(given.digits)
        if not digits and given.reason == "timeout":
            return self.silence(session)
        shown = "" if self.secret else digits
        if len(digits) == 1 and self.digits.min > 1 and (elsewhere := self.everywhere(session, digits)):
            return elsewhere
        if not (self.digits.min <= len(digits) <= self.digits.max and digits.isdecimal()):
            return self.mismatch(session, shown, "invalid")
        session = replace(session, path=noted(session.path, shown))
        if self.check is None:
            return self._accepted(session, digits)
        return replace(session, phase=_CHECKING, value=digits), None

    def _accepted(self, session: Session, value: str, learnt: Mapping[str, str] | None = None) -> Move:
        attributes = {**session.attributes, **(learnt or {}), self.into: value}
        return replace(session, attributes=attributes, path=noted(session.path, exit_="valid")), self.on_valid


def keyed_value(value: str) -> str:
    """A check's own form of the value (a ticket id), bounded: it travels on the channel."""
    return value if len(value) <= MAX_KEYS and value.isprintable() else ""
