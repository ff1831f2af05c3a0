"""`hangup`: end the call.

goodbye: {kind: hangup, reason: closed}
"""

from __future__ import annotations

from typing import ClassVar, Literal

from msgspec.structs import replace

from ivr.model import HangUp, Session, Step, noted
from ivr.nodes.base import Move, Name, Node


class EndCall(Node):
    is_terminal: ClassVar[bool] = True
    leaves_flow: ClassVar[bool] = True

    kind: Literal["hangup"]
    reason: Name = "flow"

    def enter(self, session: Session) -> Move:
        return replace(session, is_over=True, path=noted(session.path, exit_="hung_up")), None

    def step(self, session: Session) -> Step:
        return HangUp(self.reason)
