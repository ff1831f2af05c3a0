"""A database that cannot grow: what is to be written fails as a desk's error, and is written once there is room."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from acd.adapters.clock import SystemClock
from acd.adapters.desk import TicketingDesk
from acd.domain.call import Call
from acd.domain.caller import Caller
from acd.domain.ids import QueueName, call_id_of
from acd.service.ports import DeskError
from ticketing import api as ticketing


@contextmanager
def no_room() -> Iterator[None]:
    """No file may grow beyond its first page: to a database that is what a full disk is."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_records_wait_for_room_on_the_disk(tmp_path: Path) -> None:
    clock = SystemClock()
    url = f"sqlite:///{tmp_path / 'desk.db'}"
    async with (
        await ticketing.open_database(url) as database,
        ticketing.open_desk(database, clock.now) as store,
    ):
        desk = TicketingDesk(store, region="FR", is_internal=lambda number: False, queue_label=str)
        began = clock.now() - timedelta(minutes=1)
        calls = [
            Call(
                call_id=call_id_of(f"{number}.1"),
                linkedid=f"{number}.1",
                channel="",
                called_number="100",
                caller=Caller(number="+33612345678"),
                started_at=began,
                queued_at=began,
                ended_at=clock.now(),
                changed_at=clock.now(),
                queue=QueueName("support"),
            )
            for number in range(50)
        ]
        with no_room(), pytest.raises(DeskError):
            await desk.record_interactions(calls)
        await desk.record_interactions(calls)
        written = await store.interactions_since(began - timedelta(minutes=1))
        assert {item.linkedid for item in written} == {call.linkedid for call in calls}
