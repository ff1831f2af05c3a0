"""`hours`: go where the calendar says: open, closed, or closed for a public holiday.

opening:
  kind: hours
  calendar: office              # `calendars` of the settings
  open: main
  closed: closed
  holiday: closed_today         # without it, as closed
  opens_at: next_opening        # attribute that gets the next opening, for {next_opening:when}
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

from msgspec.structs import replace

from ivr.expression import Kind
from ivr.model import HangUp, Session, Step, noted
from ivr.nodes.base import Exit, Move, Name, Node


class Hours(Node):
    kind: Literal["hours"]
    calendar: Name
    open: Name
    closed: Name
    holiday: Name | None = None
    opens_at: Name | None = None

    def exits(self) -> Iterator[Exit]:
        yield Exit(("open",), self.open, when_silent=True, label="open")
        yield Exit(("closed",), self.closed, when_silent=True, label="closed")
        if self.holiday is not None:
            yield Exit(("holiday",), self.holiday, when_silent=True, label="holiday")

    def assigns(self) -> Mapping[str, Kind]:
        return {} if self.opens_at is None else {self.opens_at: Kind.TEXT}

    def enter(self, session: Session) -> Move:
        calendar = session.flow.calendars.get(self.calendar)
        at = session.at
        if calendar is None or at is None:
            # Flows are checked against the calendars: should one be missing all the same, people are tried.
            return replace(session, path=noted(session.path, exit_="open")), self.open
        status = calendar.status(at)
        session = replace(session, path=noted(session.path, exit_=status))
        if status == "open":
            return session, self.open
        if self.opens_at is not None:
            opening = calendar.opens_at(at)
            said = "" if opening is None else opening.isoformat(timespec="minutes")
            session = replace(session, attributes={**session.attributes, self.opens_at: said})
        return session, (self.holiday or self.closed) if status == "holiday" else self.closed

    def step(self, session: Session) -> Step:
        return HangUp("fault")  # nobody rests here; a damaged dump could say so
