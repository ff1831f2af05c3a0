"""`request`: open a ticket for an item of the catalogue, such as a password reset, for a caller who shows who they are.

reset:
  kind: request
  item: password_reset          # `catalogue` of the settings: its title, and the attributes that are its answers
  proof: pin                    # the PIN of the caller's contact; `callback`: somebody rings the number on file first
  prompt: {fr: "Tapez votre code personnel, puis dièse.", en: "Enter your PIN, followed by hash."}
  into: ticket                  # attribute that gets the ticket's number
  opened: tell
  failed: to_agent              # not proven, locked, no PIN, not opened

With `callback` the prompt is said, and the ticket tells the agent to ring back before acting. PINs are in no log, no
path and no record; after five wrong ones in a row, over all calls, none is compared for half an hour.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, Literal

from msgspec.structs import replace

from ivr.expression import Kind
from ivr.model import Check, CheckResult, Digits, Input, Play, Played, Session, Step, noted
from ivr.nodes.base import Asking, Exit, Move, Name, keyed
from ivr.self_service import OpenRequest, RequestOpened

PIN_CHECK: Final = "pin"
WRONG: Final = "wrong"  # the verdict after which a caller may try again; see `Check`
VERDICT: Final = "verdict"

_SHORTEST, _LONGEST = 4, 12
_CHECKING, _OPENING = "checking", "opening"


class MakeRequest(Asking):
    kind: Literal["request"]
    item: Name
    proof: Literal["pin", "callback"]
    timeout_seconds: float = 8.0
    into: Name = "ticket"
    opened: Name
    failed: Name

    def gives_up(self) -> str:
        return self.failed

    def exits(self) -> Iterator[Exit]:
        yield Exit(("opened",), self.opened, label="opened", when_silent=self.proof == "callback")
        yield Exit(("failed",), self.failed, label="failed", when_silent=True)
        yield from super().exits()

    def assigns(self) -> Mapping[str, Kind]:
        return {self.into: Kind.TEXT}

    def hides_value(self, session: Session) -> bool:
        return session.phase == _CHECKING

    def step(self, session: Session) -> Step:
        if session.phase == _OPENING:
            return OpenRequest(self.item, session.attributes, self.proof)
        if self.proof == "callback":
            return Play(self.question(session), session.language, interruptible=self.barge_in)
        if session.phase == _CHECKING:
            return Check(PIN_CHECK, session.value, secret=True)
        return replace(self.collect(session, _LONGEST, "#"), secret=True)

    def receive(self, session: Session, given: Input) -> Move:
        match given:
            case RequestOpened() if session.phase == _OPENING:
                return self._opened(session, given)
            case CheckResult() if session.phase == _CHECKING:
                if given.ok:
                    return replace(session, phase=_OPENING, value=""), None
                if given.attributes.get(VERDICT, WRONG) == WRONG:
                    return self.mismatch(session, "", "invalid")
                return replace(session, path=noted(session.path, exit_="failed")), self.failed
            case Played() | Digits() if self.proof == "callback" and not session.phase:
                return replace(session, phase=_OPENING), None
            case Digits() if not session.phase:
                return self._keyed(session, given)
        return session, None

    def _keyed(self, session: Session, given: Digits) -> Move:
        digits = keyed(given.digits)
        if not digits and given.reason == "timeout":
            return self.silence(session)
        if len(digits) == 1 and (elsewhere := self.everywhere(session, digits)):
            return elsewhere
        if not (_SHORTEST <= len(digits) <= _LONGEST and digits.isdecimal()):
            return self.mismatch(session, "", "invalid")
        return replace(session, phase=_CHECKING, value=digits), None

    def _opened(self, session: Session, given: RequestOpened) -> Move:
        if not given.ok:
            return replace(session, path=noted(session.path, exit_="failed")), self.failed
        attributes = {**session.attributes, self.into: keyed(given.ticket)}
        return replace(session, attributes=attributes, path=noted(session.path, exit_="opened")), self.opened
