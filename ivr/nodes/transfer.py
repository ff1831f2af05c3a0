"""`transfer`: ring an outside number, or an extension, and join the caller to whoever answers.

night_desk:
  kind: transfer
  to: "+33123456789"            # `outgoing.allow` of the settings must allow it
  ring_seconds: 25
  busy: message                 # where the caller goes on in each case
  no_answer: message
  failed: message
  done: bye                     # they talked, and the other side hung up

A prompt before it is a `say`. The caller hears ringing, as the other side sends it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Literal

from msgspec.structs import replace
from pydantic import Field

from ivr.hand_over import Transfer, TransferResult
from ivr.model import Input, Session, Step, noted
from ivr.nodes.base import Exit, Move, Name, Node

OutsideNumber = Annotated[str, Field(pattern=r"^\+?[0-9]{2,18}$")]


class TransferCall(Node):
    kind: Literal["transfer"]
    to: OutsideNumber
    ring_seconds: Annotated[float, Field(ge=5, le=120)] = 30.0
    busy: Name
    no_answer: Name
    failed: Name
    done: Name

    def exits(self) -> Iterator[Exit]:
        for label in ("busy", "no_answer", "failed", "done"):
            yield Exit((label,), self.after(label), when_silent=True, label=label)

    def after(self, result: str) -> str:
        return {"busy": self.busy, "no_answer": self.no_answer, "done": self.done}.get(result, self.failed)

    def step(self, session: Session) -> Step:
        return Transfer(self.to, timedelta(seconds=self.ring_seconds))

    def receive(self, session: Session, given: Input) -> Move:
        if not isinstance(given, TransferResult):
            return session, None
        return replace(session, path=noted(session.path, exit_=given.result)), self.after(given.result)
