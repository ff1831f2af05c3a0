"""One suite for the stores of segments, recordings and the webhooks' outbox: memory, SQLite, a real PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace as replaced

from acd.adapters.store.records import SqlRecordingStore, SqlSegmentStore, SqlWebhookOutbox
from acd.adapters.store.users import SqlUserDirectory
from acd.domain.agent import AgentState
from acd.domain.ids import QueueName, RecordingId, agent_id_of, call_id_of, recording_id_of
from acd.domain.queue import RecordingMode
from acd.domain.segments import AgentSegment, Segment, SegmentKind, Timeline
from acd.service.records import (
    Recording,
    RecordingState,
    RecordingStore,
    RecordsUnavailableError,
    SegmentStore,
    WebhookOutbox,
)
from tests.fakes.records import MemoryOutbox, MemoryRecordingStore, MemorySegmentStore
from tests.servers import postgres_database
from ticketing.api import open_database

AT = datetime(2026, 11, 21, 9, 0, 0, 123456, tzinfo=UTC)
CALL, OTHER, ALICE = call_id_of("1.1"), call_id_of("2.1"), agent_id_of("alice")
SUPPORT = QueueName("support")


def after(seconds: float) -> datetime:
    return AT + timedelta(seconds=seconds)


@dataclass(frozen=True, slots=True)
class Stores:
    segments: SegmentStore
    recordings: RecordingStore
    outbox: WebhookOutbox


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
async def stores(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stores]:
    if request.param == "memory":
        yield Stores(MemorySegmentStore(), MemoryRecordingStore(), MemoryOutbox())
        return
    async with AsyncExitStack() as stack:
        url = f"sqlite:///{tmp_path}/guichet.db"
        if request.param == "postgresql":
            url = await stack.enter_async_context(postgres_database(request.getfixturevalue("postgres_url")))
        database = await stack.enter_async_context(await open_database(url))
        await SqlUserDirectory.open(database)
        yield Stores(SqlSegmentStore(database), SqlRecordingStore(database), SqlWebhookOutbox(database))


# segments ------------------------------------------------------------------------------------------------------

WAITED = Segment(kind=SegmentKind.WAITING, begins_at=AT, ends_at=after(20), queue=SUPPORT)
TALKED = Segment(kind=SegmentKind.TALKING, begins_at=after(20), ends_at=after(80), queue=SUPPORT, agent_id=ALICE)
WRAPS = Segment(kind=SegmentKind.WRAP_UP, begins_at=after(80), queue=SUPPORT, agent_id=ALICE)


async def test_a_later_picture_of_a_call_replaces_the_earlier_one(stores: Stores) -> None:
    await stores.segments.write([Timeline(call_id=CALL, segments=(WAITED, TALKED, WRAPS))], [])
    await stores.segments.write([Timeline(call_id=OTHER, segments=(WAITED,), is_over=True)], [])
    over = replaced(WRAPS, ends_at=after(95))
    await stores.segments.write([Timeline(call_id=CALL, segments=(TALKED, over), is_over=True)], [])
    assert await stores.segments.of_call(CALL) == (TALKED, over)
    assert await stores.segments.of_call(OTHER) == (WAITED,)
    assert await stores.segments.of_call(call_id_of("none")) == ()


def shift(position: int, begin: float, end: float | None, state: AgentState = AgentState.READY) -> AgentSegment:
    return AgentSegment(
        agent_id=ALICE,
        shift_at=AT,
        position=position,
        state=state,
        begins_at=after(begin),
        ends_at=None if end is None else after(end),
        reason="lunch" if state is AgentState.NOT_READY else "",
        activity="held" if state is AgentState.TALKING else "",
        call_id=CALL if state is AgentState.TALKING else None,
    )


async def test_a_shift_is_written_bit_by_bit_and_read_by_time(stores: Stores) -> None:
    ready, talking = shift(0, 0, 10), shift(1, 10, None, AgentState.TALKING)
    await stores.segments.write([], [ready, talking])
    talked, lunch = replaced(talking, ends_at=after(60)), shift(2, 60, None, AgentState.NOT_READY)
    await stores.segments.write([], [talked, lunch])
    of_agent = stores.segments.of_agent
    assert await of_agent(ALICE, AT, after(1000)) == (ready, talked, lunch)
    assert await of_agent(ALICE, after(10), after(60)) == (talked,)
    assert await of_agent(ALICE, after(500), after(501)) == (lunch,)
    assert await of_agent(ALICE, after(-9), AT) == ()
    assert await of_agent(agent_id_of("bob"), AT, after(1000)) == ()


async def test_what_a_killed_service_left_open_is_closed_and_may_be_written_anew(stores: Stores) -> None:
    await stores.segments.write(
        [Timeline(call_id=CALL, segments=(TALKED, WRAPS))], [shift(0, 0, 10), shift(1, 300, None)]
    )
    assert await stores.segments.close_open(after(200)) == 2
    assert (await stores.segments.of_call(CALL))[-1].ends_at == after(200)
    assert (await stores.segments.of_agent(ALICE, AT, after(999)))[-1].ends_at == after(300)
    assert await stores.segments.close_open(after(250)) == 0
    await stores.segments.write([], [shift(1, 300, 400)])
    assert (await stores.segments.of_agent(ALICE, AT, after(999)))[-1].ends_at == after(400)


# recordings ----------------------------------------------------------------------------------------------------


def recording(number: int = 1, **changes: object) -> Recording:
    begun = Recording(
        recording_id=recording_id_of(CALL, number),
        call_id=CALL,
        name=f"2026/11/21/rec_1.1_{number}.wav",
        mode=RecordingMode.SHARE,
        queue="support",
        agent_id=ALICE,
        state=RecordingState.RECORDING,
        started_at=after(number),
    )
    return replace(begun, **changes)  # type: ignore[arg-type]


async def test_a_recording_from_its_start_to_its_deletion(stores: Stores) -> None:
    begun = recording(is_paused=True)
    await stores.recordings.save([begun])
    assert await stores.recordings.find(begun.recording_id) == begun
    assert await stores.recordings.open() == (begun,)
    done = recording(
        state=RecordingState.DONE,
        ended_at=after(61),
        size=2**33,
        seconds=60.25,
        sha256="a" * 64,
        problem="Cut off: l'enregistrement “s'arrête” tôt",
    )
    await stores.recordings.save([done, recording(2)])
    assert await stores.recordings.of_call(CALL) == (done, recording(2))
    assert await stores.recordings.open() == (recording(2),)
    assert await stores.recordings.known([done.name, "else.wav"]) == {done.name: done}
    deleted = replace(done, state=RecordingState.DELETED, deleted_at=after(90_000))
    await stores.recordings.save([deleted])
    assert await stores.recordings.find(done.recording_id) == deleted
    assert await stores.recordings.find(RecordingId("rec_none")) is None


async def test_overdue_ones_go_by_their_queues_time(stores: Stores) -> None:
    rows = [
        recording(number, state=RecordingState.DONE, ended_at=after(number), queue=queue)
        for number, queue in enumerate(("support", "orders", "support", "plain"), 1)
    ]
    rows.append(recording(5, state=RecordingState.DELETED, ended_at=AT))
    rows.append(recording(6))
    await stores.recordings.save(rows)
    overdue = stores.recordings.overdue
    assert await overdue({}, after(3)) == (rows[0], rows[1])
    assert await overdue({"support": AT}, after(9)) == (rows[1], rows[3])
    assert await overdue({"support": after(9)}, AT) == (rows[0], rows[2])
    assert await overdue({}, after(9), limit=1) == (rows[0],)


# outbox --------------------------------------------------------------------------------------------------------


async def test_what_is_owed_is_kept_in_order_and_once(stores: Stores) -> None:
    outbox = stores.outbox
    await outbox.add([("crm", "e1", b"1"), ("crm", "e2", b"\x00\xff"), ("wallboard", "e1", b"1")], AT)
    await outbox.add([("crm", "e2", b"again"), ("crm", "e3", b"3")], after(1))
    owed = await outbox.oldest("crm")
    assert [(entry.event_id, entry.body, entry.added_at) for entry in owed] == [
        ("e1", b"1", AT),
        ("e2", b"\x00\xff", AT),
        ("e3", b"3", after(1)),
    ]
    assert [entry.number for entry in owed] == sorted(entry.number for entry in owed)
    assert [entry.event_id for entry in await outbox.oldest("crm", 1)] == ["e1"]
    await outbox.remove([owed[0].number, owed[1].number])
    assert [entry.event_id for entry in await outbox.oldest("crm")] == ["e3"]
    assert await outbox.pending() == {"crm": 1, "wallboard": 1}
    await outbox.add([], AT)


async def test_a_number_once_given_is_never_given_again(stores: Stores) -> None:
    await stores.outbox.add([("crm", "e1", b"1")], AT)
    (first,) = await stores.outbox.oldest("crm")
    await stores.outbox.remove([first.number])
    await stores.outbox.add([("crm", "e2", b"2")], AT)
    (second,) = await stores.outbox.oldest("crm")
    assert second.number > first.number


async def test_the_oldest_are_dropped_by_age_and_by_count(stores: Stores) -> None:
    outbox = stores.outbox
    for number in range(6):
        await outbox.add([("crm", f"e{number}", b""), ("other", f"e{number}", b"")], after(number))
    assert await outbox.trim("crm", added_before=after(2), most=3) == 3
    assert [entry.event_id for entry in await outbox.oldest("crm")] == ["e3", "e4", "e5"]
    assert await outbox.trim("crm", added_before=after(2), most=3) == 0
    assert await outbox.pending() == {"crm": 3, "other": 6}


async def test_a_database_that_fails_is_told_as_such(tmp_path: Path) -> None:
    async with await open_database(f"sqlite:///{tmp_path}/empty.db") as database:
        with pytest.raises(RecordsUnavailableError):
            await SqlSegmentStore(database).of_call(CALL)
        with pytest.raises(RecordsUnavailableError):
            await SqlWebhookOutbox(database).add([("crm", "e1", b"")], AT)
