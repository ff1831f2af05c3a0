"""`callback`: the caller hangs up, keeps their place in the queue, and is called when it is their turn.

call_me:
  kind: callback
  queue: support                # left out in a flow walked while waiting: the queue the caller waits in
  prompt: {fr: "Pour être rappelé à ce numéro, tapez 1. À un autre, tapez 2.", en: "..."}
  ask_number: {fr: "Tapez le numéro, puis dièse.", en: "..."}
  ask_time: {fr: "Tapez l'heure sur quatre chiffres.", en: "..."}    # may be left out; key 3 of the prompt leads to it
  done: confirmed
  refused: wait                 # any other key, no key, a number that may not be called, no more callbacks taken

Without a number of the caller's (withheld) the other one is asked at once. Keys: 1 this number, 2 another one, 3 this
number at a time of the day, which must lie in the queue's hours.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Literal

from msgspec.structs import replace

from ivr.hand_over import BookCallback, CallbackBooked
from ivr.model import Collect, Digits, Input, Session, Step, noted
from ivr.nodes.base import DIGIT_TIMEOUT, Asking, Exit, Move, Name, Prompt, QueueName, Said, keyed, refs

_NUMBER, _TIME, _BOOKING = "number", "time", "booking"
_LONGEST_NUMBER = 18
_SHORTEST_NUMBER = 3
_PATIENCE = timedelta(seconds=8)


class OfferCallback(Asking):
    kind: Literal["callback"]
    queue: QueueName | None = None
    ask_number: Prompt
    ask_time: Prompt | None = None
    done: Name
    refused: Name

    def gives_up(self) -> str:
        return self.refused

    def exits(self) -> Iterator[Exit]:
        yield Exit(("done",), self.done, label="done")
        yield Exit(("refused",), self.refused, when_silent=True, label="refused")
        yield from super().exits()

    def said(self) -> Iterator[Said]:
        yield from super().said()
        yield Said(("ask_number",), self.ask_number)
        if self.ask_time is not None:
            yield Said(("ask_time",), self.ask_time)

    def enter(self, session: Session) -> Move:
        has_number = bool(session.facts.get("caller_number"))
        return (session if has_number else replace(session, phase=_NUMBER)), None

    def step(self, session: Session) -> Step:
        match session.phase:
            case "number":
                return self._asked(self.ask_number, session, _LONGEST_NUMBER, "#")
            case "time" if self.ask_time is not None:
                return self._asked(self.ask_time, session, 4, None)
            case "booking":
                number, _, at = session.value.partition("@")
                return BookCallback(self.queue or "", number, at)
        return self.collect(session, 1)

    def _asked(self, prompt: Prompt, session: Session, most: int, terminator: str | None) -> Collect:
        return Collect(refs(prompt, session), session.language, most, terminator, _PATIENCE, DIGIT_TIMEOUT)

    def receive(self, session: Session, given: Input) -> Move:
        match session.phase, given:
            case "booking", CallbackBooked(ok=ok):
                return self._leaves(session, "done" if ok else "refused")
            case "", Digits():
                return self._chosen(session, keyed(given.digits))
            case "number", Digits():
                return self._numbered(session, keyed(given.digits))
            case "time", Digits():
                return self._timed(session, keyed(given.digits))
        return session, None

    def _chosen(self, session: Session, key: str) -> Move:
        if not key:
            return self.silence(session)
        noted_session = replace(session, path=noted(session.path, key))
        match key:
            case "1":
                return replace(noted_session, phase=_BOOKING, value=""), None
            case "2":
                return replace(noted_session, phase=_NUMBER), None
            case "3" if self.ask_time is not None:
                return replace(noted_session, phase=_TIME), None
        return self.everywhere(session, key) or self._leaves(noted_session, "refused")

    def _numbered(self, session: Session, digits: str) -> Move:
        if not digits.isdecimal() or len(digits) < _SHORTEST_NUMBER:
            return self._again(session)
        return replace(session, phase=_BOOKING, value=digits), None

    def _timed(self, session: Session, digits: str) -> Move:
        if not (digits.isdecimal() and len(digits) == 4 and int(digits[:2]) < 24 and int(digits[2:]) < 60):
            return self._again(session)
        return replace(session, phase=_BOOKING, value=f"@{digits}"), None

    def _again(self, session: Session) -> Move:
        """Asked once more for the same, as often as `no_match` says."""
        phase = session.phase
        moved, target = self.mismatch(session, "", "refused")
        return (moved if target else replace(moved, phase=phase)), target

    def _leaves(self, session: Session, label: str) -> Move:
        target = self.done if label == "done" else self.refused
        return replace(session, path=noted(session.path, exit_=label)), target
