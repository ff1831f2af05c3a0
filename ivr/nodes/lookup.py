"""`lookup`: ask an HTTP service, keep values of its JSON answer as attributes, and go on; never wait long.

site_status:
  kind: lookup
  service: cmdb                 # `lookups` of the settings: its address, and the secret it wants
  path: "/sites/{site}/status?caller={caller_number}"
  into: {status: current.status, eta: "outages.0.expected"}     # attribute: place in the answer
  timeout_seconds: 2            # for all tries together
  tries: 2
  found: tell_status
  failed: main                  # no answer in time, an error, no JSON, or a value is not there

Values in the path are percent-encoded. Facts of the caller are known here as in conditions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from functools import cached_property
from typing import Annotated, Literal

from msgspec.structs import replace
from pydantic import Field

from ivr.expression import Kind
from ivr.model import IDENTIFIED, MAX_VALUE, Identified, Identify, Input, Lookup, LookupResult, Session, Step, noted
from ivr.nodes.base import Exit, Move, Name, Node
from ivr.template import Value, encoded, parse_template

Place = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$", max_length=100)]


class AskService(Node):
    kind: Literal["lookup"]
    service: Name
    path: Annotated[str, Field(pattern=r"^/[!-~]*$", max_length=500)]
    into: Annotated[dict[Name, Place], Field(min_length=1, max_length=20)]
    timeout_seconds: Annotated[float, Field(gt=0, le=20)] = 2.0
    tries: Annotated[int, Field(ge=1, le=5)] = 2
    found: Name
    failed: Name

    def exits(self) -> Iterator[Exit]:
        yield Exit(("found",), self.found, when_silent=True, label="found")
        yield Exit(("failed",), self.failed, when_silent=True, label="failed")

    def values(self) -> Iterator[tuple[tuple[str | int, ...], Value]]:
        for value in parse_template(self.path).values:
            yield ("path",), value

    def assigns(self) -> Mapping[str, Kind]:
        return dict.fromkeys(self.into, Kind.TEXT)

    @cached_property
    def asks_the_desk(self) -> bool:
        return any(value.name in IDENTIFIED for value in parse_template(self.path).values)

    def step(self, session: Session) -> Step:
        if self.asks_the_desk and not session.is_identified:
            return Identify()
        path = encoded(self.path, session.known())
        return Lookup(self.service, path, self.into, timedelta(seconds=self.timeout_seconds), self.tries)

    def receive(self, session: Session, given: Input) -> Move:
        if isinstance(given, Identified) and not session.is_identified:
            facts = {**session.facts, **{name: fact for name, fact in given.facts.items() if name in IDENTIFIED}}
            return replace(session, facts=facts, is_identified=True), None
        if not isinstance(given, LookupResult):
            return session, None
        found = {name: value for name, value in given.values.items() if name in self.into and len(value) <= MAX_VALUE}
        if not given.ok or len(found) < len(self.into):
            return replace(session, path=noted(session.path, exit_="failed")), self.failed
        attributes = {**session.attributes, **found}
        return replace(session, attributes=attributes, path=noted(session.path, exit_="found")), self.found
