"""`call` and `return`: go through another flow and come back, with all it noted.

identification: {kind: call, flow: identify, next: main, results: {failed: to_agent}}

In the flow `identify`, a file of its own that speaks the same languages:

done: {kind: return}
not_known: {kind: return, result: failed}
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Final, Literal

from msgspec.structs import replace
from pydantic import Field

from ivr.model import Frame, HangUp, Session, Step, noted
from ivr.nodes.base import Exit, Move, Name, Node

MAX_CALLS: Final = 8  # flows inside one another


class CallFlow(Node):
    kind: Literal["call"]
    flow: Name
    next: Name
    results: dict[Name, Name] = Field(default={})

    def exits(self) -> Iterator[Exit]:
        yield Exit(("next",), self.next, when_silent=True)
        for result, target in self.results.items():
            yield Exit(("results", result), target, when_silent=True, label=result)

    def enter(self, session: Session) -> Move:
        called = session.flow.flows.get(self.flow)
        speaks = called is not None and session.language in called.languages
        if called is None or not speaks or len(session.stack) >= MAX_CALLS:
            # Flows are checked against each other; should one be missing all the same, the menu goes on without it.
            return replace(session, path=noted(session.path, exit_="fault")), self.next
        frame = Frame(session.flow, session.node, session.trail)
        path = noted(session.path, exit_="called")
        return replace(session, flow=called, stack=(*session.stack, frame), trail=(), path=path), called.start

    def step(self, session: Session) -> Step:
        return HangUp("fault")  # nobody rests here; a damaged dump could say so

    def after(self, result: str) -> str:
        return self.results.get(result, self.next)


class Return(Node):
    leaves_flow: ClassVar[bool] = True

    kind: Literal["return"]
    result: Name | None = None

    def enter(self, session: Session) -> Move:
        path = noted(session.path, exit_="returned")
        if not session.stack and session.facts.get("waiting"):  # back into the line
            return replace(session, is_over=True, ending="returned", path=path), None
        if not session.stack:  # a number leads to a flow that is only for calling
            return replace(session, path=path), session.flow.fallback
        frame = session.stack[-1]
        caller = frame.flow.nodes.get(frame.node)
        target = caller.after(self.result or "") if isinstance(caller, CallFlow) else frame.flow.fallback
        return replace(session, flow=frame.flow, stack=session.stack[:-1], trail=frame.trail, path=path), target

    def step(self, session: Session) -> Step:
        return HangUp("fault")  # nobody rests here; a damaged dump could say so
