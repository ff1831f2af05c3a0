"""Calls and a clock for the desk's contract suites."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from ticketing.adapters.migrate import migrate
from ticketing.adapters.sql_desk_store import SqlDeskStore
from ticketing.api import (
    Certainty,
    Contact,
    Desk,
    Disposition,
    DispositionKind,
    InteractionRecord,
    NumberKind,
    TicketRef,
    open_database,
)

START = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
JEANNE = "+33612345678"
SHARED = "+33140000000"


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


class SteppingClock:
    """Each look is one second later: the order of writes shows in their instants."""

    def __init__(self) -> None:
        self.now = after(1000)

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


@asynccontextmanager
async def sql_store(url: str) -> AsyncIterator[SqlDeskStore]:
    async with await open_database(url) as database:
        await migrate(database)
        yield SqlDeskStore(database)


def answered(linkedid: str = "1.1", contact: Contact | None = None, **facts: object) -> InteractionRecord:
    """A whole call: queued at 10 s, answered at 40 s, ended at 160 s."""
    record = InteractionRecord(
        linkedid=linkedid,
        as_of=after(170),
        caller_given="0612345678",
        caller_kind=NumberKind.E164,
        caller_e164=JEANNE,
        certainty=Certainty.KNOWN if contact else Certainty.UNKNOWN,
        contact_ids=(contact.id,) if contact else (),
        queue="network",
        language="fr",
        ivr_path=("welcome", "choose"),
        keyed_digits={"choose": "2"},
        started_at=START,
        queued_at=after(10),
        offered_at=after(38),
        answered_at=after(40),
        talk_ended_at=after(160),
        ended_at=after(160),
        agent_id="agent_alice",
        termination_result="answered",
        termination_reason="caller_hung_up",
    )
    return replace(record, **facts)


NEW = Disposition(kind=DispositionKind.NEW, title="No network on floor 3", note="Rebooted the switch.", code="net")
UNSAID = Disposition(kind=DispositionKind.TO_QUALIFY)


async def committed(desk: Desk, record: InteractionRecord, disposition: Disposition = NEW) -> TicketRef:
    reference = await desk.commit_call(record, disposition)
    assert reference is not None
    return reference
