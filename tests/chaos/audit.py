"""Call by call: what callers and agents tell, what the database holds, what Asterisk told of its bridges, and what the
journal says. Nothing may be lost, nothing doubled."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from acd.adapters.asterisk.ami import AmiEvent
from tests.chaos.faults import Stage
from tests.chaos.people import CallerAccount


@dataclass
class Witness:
    """Asterisk's own word, over an AMI login of our own: which phones were bridged with which caller."""

    numbers: dict[str, str] = field(default_factory=dict)  # Linkedid -> caller's number
    bridged: dict[str, set[str]] = field(default_factory=dict)  # Linkedid -> agents' channels that were in a bridge
    logins: int = 0

    def __call__(self, event: AmiEvent) -> None:
        linkedid = event.get("Linkedid") or ""
        if event.name == "Newchannel" and event.get("Uniqueid") == linkedid:
            self.numbers[linkedid] = event.get("CallerIDNum") or ""
        elif event.name == "BridgeEnter" and (event.get("Channel") or "").startswith("PJSIP/agent-"):
            self.bridged.setdefault(linkedid, set()).add(event.get("Channel") or "")

    def talks_of(self, number: str) -> int:
        return sum(len(self.bridged.get(linkedid, ())) for linkedid, who in self.numbers.items() if who == number)


@dataclass(frozen=True, slots=True)
class Row:
    """An interaction, as it stands in the database."""

    linkedid: str
    number: str
    agent: str | None
    answered: bool
    ended: bool
    result: str | None
    reason: str | None
    ticket: int | None


def interactions(database: str) -> dict[str, list[Row]]:
    """By caller's number."""
    found: dict[str, list[Row]] = {}
    connection = sqlite3.connect(database, timeout=10)
    try:
        rows = connection.execute(
            "SELECT linkedid, caller_given, agent_id, answered_at, ended_at, termination_result, termination_reason,"
            " ticket_serial FROM interactions LEFT JOIN ticket_interactions ON interaction_id = interactions.id"
        ).fetchall()
    finally:
        connection.close()
    for linkedid, number, agent, answered, ended, result, reason, ticket in rows:
        row = Row(linkedid, number or "", agent, answered is not None, ended is not None, result, reason, ticket)
        found.setdefault(row.number, []).append(row)
    return found


def tickets(database: str) -> int:
    connection = sqlite3.connect(database, timeout=10)
    try:
        return int(connection.execute("SELECT COUNT(*) FROM tickets").fetchone()[0])
    finally:
        connection.close()


def differences(stage: Stage, witness: Witness, database: str) -> list[str]:
    """One line for each thing that is not as it must be; empty when all agree."""
    written = interactions(database)
    found: list[str] = []
    for caller in stage.ledger.callers.values():
        found += (f"{caller.number}: {what}" for what in _of_caller(stage, caller, written.get(caller.number, [])))
        if witness.logins == 1 and caller.number not in stage.cut_by_restart:
            seen, told = witness.talks_of(caller.number), len(caller.talks)
            if seen != told:
                found.append(f"{caller.number}: Asterisk bridged {seen} agents with them, phones tell of {told}")
    rows = [row for several in written.values() for row in several]
    committed = Counter(row.ticket for row in rows if row.ticket is not None)
    found += (f"ticket {ticket} belongs to {count} calls" for ticket, count in committed.items() if count > 1)
    if (in_all := tickets(database)) != len(committed):
        found.append(f"{in_all} tickets for {len(committed)} calls that have one")
    return found


def _of_caller(stage: Stage, caller: CallerAccount, rows: list[Row]) -> Iterator[str]:
    was_cut = caller.number in stage.cut_by_restart
    if not caller.is_answered:
        if not was_cut:
            yield f"the PBX did not answer: {caller.failed}"
        return
    if caller.call is not None and caller.call.end is None:
        yield "is still on the line"
    if not rows:
        if not was_cut:
            yield "is in no interaction"
        return
    if len(rows) > 1:
        yield f"is in {len(rows)} interactions"
    row = rows[0]
    if not row.ended:
        yield "has an interaction without an end"
    if len(caller.talks) > 1:
        yield f"was answered by {[talk.agent for talk in caller.talks]}"
    if caller.talks and not was_cut:
        agents = {f"agent_{talk.agent}" for talk in caller.talks}
        if not row.answered:
            yield f"talked with {agents}, which is written down as {row.result} ({row.reason})"
        elif row.agent not in agents:
            yield f"talked with {agents}, written down is {row.agent}"
        elif row.ticket is None:
            yield "talked, and has no ticket"
    if not caller.talks and row.answered and not was_cut:
        yield f"talked with nobody, written down is {row.agent}"
    if not was_cut and caller.was_dropped:
        yield f"was let go without a word from an agent ({row.result}, {row.reason})"
    for talk in caller.talks:
        if talk.was_cut and not was_cut:
            yield f"the talk with {talk.agent} was cut"
