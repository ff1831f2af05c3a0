"""`queue`: the menu is over, the caller waits for an agent.

support: {kind: queue, queue: support, priority: 2, skills: {network: 1}}
"""

from __future__ import annotations

from typing import ClassVar, Literal

from msgspec.structs import replace
from pydantic import Field

from ivr.model import EnterQueue, Session, Step, noted
from ivr.nodes.assign import Priority, Skills
from ivr.nodes.base import Move, Node, QueueName


class Queue(Node):
    is_terminal: ClassVar[bool] = True
    leaves_flow: ClassVar[bool] = True

    kind: Literal["queue"]
    queue: QueueName
    priority: Priority | None = None
    skills: Skills = Field(default={})

    def enter(self, session: Session) -> Move:
        return replace(session, is_over=True, path=noted(session.path, exit_="queued")), None

    def step(self, session: Session) -> Step:
        return EnterQueue(
            self.queue,
            session.priority if self.priority is None else self.priority,
            {**session.skills, **self.skills},
            session.attributes,
            session.language,
        )
