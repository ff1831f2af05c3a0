"""`say`: play a prompt to its end (with `barge_in: true`, until a key is pressed) and go on. Keys are kept for the next
question.

closed:
  kind: say
  prompt: {fr: "Ne quittez pas.", en: "Please hold."}
  next: support
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from msgspec.structs import replace

from ivr.model import Digits, Input, Play, Played, Session, Step, noted
from ivr.nodes.base import Exit, Move, Name, Node, Prompt, Said, refs


class Say(Node):
    kind: Literal["say"]
    prompt: Prompt
    barge_in: bool = False
    next: Name

    def exits(self) -> Iterator[Exit]:
        yield Exit(("next",), self.next, when_silent=True)

    def said(self) -> Iterator[Said]:
        yield Said(("prompt",), self.prompt)

    def step(self, session: Session) -> Step:
        return Play(refs(self.prompt, session), session.language, interruptible=self.barge_in)

    def receive(self, session: Session, given: Input) -> Move:
        if not isinstance(given, Played | Digits):  # a shell that let a key cut it short has played it, too
            return session, None
        return replace(session, path=noted(session.path, exit_="played")), self.next
