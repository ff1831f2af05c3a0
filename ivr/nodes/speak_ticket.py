"""`speak_ticket`: tell the caller how their ticket stands, in the words for its status.

tell:
  kind: speak_ticket
  statuses:
    new: {fr: "Votre ticket {ticket:digits}, reçu {ticket_opened:when}, attend.", en: "..."}
    open: {fr: "Un technicien s'occupe du ticket {ticket:digits}.", en: "..."}
  otherwise: {fr: "Votre ticket {ticket:digits} est enregistré.", en: "..."}
  next: after

The ticket is the one a `collect` with `check: ticket_of_caller` found; statuses are the desk's: new, open, pending,
resolved, closed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from msgspec.structs import replace
from pydantic import Field

from ivr.model import Digits, Input, Play, Played, Session, Step, noted
from ivr.nodes.base import Exit, Move, Name, Node, Prompt, Said, refs
from ivr.nodes.collect import TICKET_STATUS

Status = Literal["new", "open", "pending", "resolved", "closed"]


class SpeakTicket(Node):
    kind: Literal["speak_ticket"]
    statuses: Annotated[dict[Status, Prompt], Field(min_length=1)]
    otherwise: Prompt
    barge_in: bool = True
    next: Name

    def exits(self) -> Iterator[Exit]:
        yield Exit(("next",), self.next, when_silent=True)

    def said(self) -> Iterator[Said]:
        for status, prompt in self.statuses.items():
            yield Said(("statuses", status), prompt)
        yield Said(("otherwise",), self.otherwise)

    def step(self, session: Session) -> Step:
        status = session.attributes.get(TICKET_STATUS, "")
        prompt = next((prompt for name, prompt in self.statuses.items() if name == status), self.otherwise)
        return Play(refs(prompt, session), session.language, interruptible=self.barge_in)

    def receive(self, session: Session, given: Input) -> Move:
        if not isinstance(given, Played | Digits):
            return session, None
        return replace(session, path=noted(session.path, exit_="played")), self.next
