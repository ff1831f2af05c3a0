"""`set`: note attributes, priority or skills for the queue, and go on.

vip:
  kind: set
  attributes: {reason: incident}
  priority: 2                   # 0 is served first; without it, the queue's own
  skills: {network: 2}          # proficiency needed at least
  next: support
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

from msgspec.structs import replace
from pydantic import Field

from ivr.expression import Kind
from ivr.model import HangUp, Session, Step, noted
from ivr.nodes.base import Exit, Move, Name, Node

Priority = Annotated[int, Field(ge=0, le=9)]
Skills = dict[Name, Annotated[int, Field(ge=1, le=100)]]


class Assign(Node):
    kind: Literal["set"]
    attributes: dict[Name, Annotated[str, Field(max_length=100)]] = Field(default={})
    priority: Priority | None = None
    skills: Skills = Field(default={})
    next: Name

    def exits(self) -> Iterator[Exit]:
        yield Exit(("next",), self.next, when_silent=True)

    def assigns(self) -> Mapping[str, Kind]:
        return dict.fromkeys(self.attributes, Kind.TEXT)

    def enter(self, session: Session) -> Move:
        changed = replace(
            session,
            attributes={**session.attributes, **self.attributes},
            skills={**session.skills, **self.skills},
            path=noted(session.path, exit_="passed"),
            priority=session.priority if self.priority is None else self.priority,
        )
        return changed, self.next

    def step(self, session: Session) -> Step:
        return HangUp("fault")  # nobody rests here; a damaged dump could say so
