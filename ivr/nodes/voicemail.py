"""`voicemail`: a prompt, a beep, and the caller leaves a message for a queue's agents.

message:
  kind: voicemail
  queue: support
  prompt: {fr: "Laissez un message après le signal, puis tapez une touche.", en: "Leave a message after the tone."}
  max_seconds: 180
  silence_seconds: 5            # so long without a word ends it
  review: {fr: "Pour l'envoyer, tapez 1. Pour recommencer, tapez 2.", en: "To send it, press 1; to begin again, 2."}
  saved: thanks
  failed: bye                   # nothing was said, or it could not be kept

`review` may be left out. Who hangs up while speaking, or while asked, has left the message.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Literal

from msgspec.structs import replace
from pydantic import Field

from ivr.hand_over import KeepMessage, MessageKept, MessageRecorded, RecordMessage
from ivr.model import Collect, Digits, Input, Play, Played, Session, Step, noted
from ivr.nodes.base import DIGIT_TIMEOUT, Exit, Move, Name, Node, Prompt, QueueName, Said, keyed, refs

_RECORDING, _REVIEW, _KEEPING = "recording", "review", "keeping"
_MOST_TAKES = 5


class LeaveMessage(Node):
    kind: Literal["voicemail"]
    queue: QueueName
    prompt: Prompt
    max_seconds: Annotated[float, Field(ge=5, le=900)] = 180.0
    silence_seconds: Annotated[float, Field(ge=1, le=30)] = 5.0
    review: Prompt | None = None
    saved: Name
    failed: Name

    def exits(self) -> Iterator[Exit]:
        yield Exit(("saved",), self.saved, when_silent=True, label="saved")
        yield Exit(("failed",), self.failed, when_silent=True, label="failed")

    def said(self) -> Iterator[Said]:
        yield Said(("prompt",), self.prompt)
        if self.review is not None:
            yield Said(("review",), self.review)

    def step(self, session: Session) -> Step:
        match session.phase:
            case "recording":
                limits = timedelta(seconds=self.max_seconds), timedelta(seconds=self.silence_seconds)
                return RecordMessage(self.queue, *limits)
            case "review" if self.review is not None:
                asked = refs(self.review, session)
                return Collect(asked, session.language, 1, None, timedelta(seconds=5), DIGIT_TIMEOUT)
            case "keeping":
                return KeepMessage(self.queue)
        return Play(refs(self.prompt, session), session.language, interruptible=True)

    def receive(self, session: Session, given: Input) -> Move:
        match session.phase, given:
            case "", Played() | Digits():
                return replace(session, phase=_RECORDING), None
            case "recording", MessageRecorded(ok=False):
                return self._leaves(session, "failed")
            case "recording", MessageRecorded():
                return replace(session, phase=_REVIEW if self.review is not None else _KEEPING), None
            case "review", Digits(digits=digits):
                again = keyed(digits) == "2" and session.no_matches < _MOST_TAKES
                session = replace(session, path=noted(session.path, keyed(digits, 1)))
                if again:
                    return replace(session, phase=_RECORDING, no_matches=session.no_matches + 1), None
                return replace(session, phase=_KEEPING), None
            case "keeping", MessageKept(ok=ok):
                return self._leaves(session, "saved" if ok else "failed")
        return session, None

    def _leaves(self, session: Session, label: str) -> Move:
        target = self.saved if label == "saved" else self.failed
        return replace(session, path=noted(session.path, exit_=label)), target
