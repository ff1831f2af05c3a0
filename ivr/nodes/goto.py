"""`goto`: another name for a node, so that several ways can be led elsewhere in one place.

orders: {kind: goto, node: support}
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from msgspec.structs import replace

from ivr.model import HangUp, Session, Step, noted
from ivr.nodes.base import Exit, Move, Name, Node


class Goto(Node):
    kind: Literal["goto"]
    node: Name

    def exits(self) -> Iterator[Exit]:
        yield Exit(("node",), self.node, when_silent=True)

    def enter(self, session: Session) -> Move:
        return replace(session, path=noted(session.path, exit_="passed")), self.node

    def step(self, session: Session) -> Step:
        return HangUp("fault")  # nobody rests here; a damaged dump could say so
