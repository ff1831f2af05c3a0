"""`branch`: go where the first condition that holds leads.

who:
  kind: branch
  cases:
    - {when: "vip and language == 'fr'", then: front_desk}
    - {when: "open_tickets >= 3 or calls_today > 2", then: senior}
  otherwise: main

Conditions: `ivr/expression.py`. They may name what the desk knows of the caller (`ivr.model.FACTS`) and attributes that
a node of the flow sets. The desk is asked only when a condition that needs it is reached.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Annotated, Literal

from msgspec.structs import replace
from pydantic import Field

from ivr.expression import MAX_LENGTH, Expression, ExpressionError, parse
from ivr.model import IDENTIFIED, Identified, Identify, Input, Session, Step, noted
from ivr.nodes.announce import SERVICE
from ivr.nodes.base import Condition, Exit, Move, Name, Node, Part


class Case(Part):
    when: Annotated[str, Field(min_length=1, max_length=MAX_LENGTH)]
    then: Name

    @cached_property
    def expression(self) -> Expression | None:
        """None for a text that is no expression: the checker tells of it, here it never holds."""
        try:
            return parse(self.when)
        except ExpressionError:
            return None

    @cached_property
    def asks_the_desk(self) -> bool:
        return self.expression is not None and bool(self.expression.names & IDENTIFIED.keys())


class Fork(Node):
    kind: Literal["branch"]
    cases: Annotated[tuple[Case, ...], Field(min_length=1, max_length=20)]
    otherwise: Name

    def exits(self) -> Iterator[Exit]:
        for index, case in enumerate(self.cases):
            yield Exit(("cases", index, "then"), case.then, when_silent=True, label=case.when)
        yield Exit(("otherwise",), self.otherwise, when_silent=True, label="otherwise")

    def conditions(self) -> Iterator[Condition]:
        for index, case in enumerate(self.cases):
            yield Condition(("cases", index, "when"), case.when)

    def enter(self, session: Session) -> Move:
        return self._decided(session)

    def step(self, session: Session) -> Step:
        service = session.attributes.get(SERVICE, "")
        return Identify((service,) if service else ())

    def receive(self, session: Session, given: Input) -> Move:
        if not isinstance(given, Identified):
            return session, None
        facts = {**session.facts, **{name: fact for name, fact in given.facts.items() if name in IDENTIFIED}}
        return self._decided(replace(session, facts=facts, is_identified=True))

    def _decided(self, session: Session) -> Move:
        known = session.known()
        for index, case in enumerate(self.cases):
            if case.asks_the_desk and not session.is_identified:
                return session, None
            if case.expression is not None and case.expression.holds(known):
                return replace(session, path=noted(session.path, exit_=f"case {index + 1}")), case.then
        return replace(session, path=noted(session.path, exit_="otherwise")), self.otherwise
