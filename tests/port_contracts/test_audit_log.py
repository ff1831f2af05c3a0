"""One suite for every AuditLog: the fake, SQLite, and a real PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from acd.adapters.store.audit import SqlAuditLog
from acd.adapters.store.users import SqlUserDirectory
from acd.domain.errors import WrongStateError
from acd.service.audit import AuditLog, AuditUnavailableError, Deed, audited
from tests.fakes.audit import FakeAuditLog
from tests.servers import postgres_database
from ticketing.api import open_database

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
DEED = Deed(
    who="sarah",
    action="agent.log_out",
    subject="agent_alice",
    reason="Feu d'<b>alerte</b> 😀",
    details={"state": "ready"},
)


@pytest.fixture(params=["fake", "sqlite", "postgresql"])
async def log(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[AuditLog]:
    if request.param == "fake":
        yield FakeAuditLog()
        return
    async with AsyncExitStack() as stack:
        url = f"sqlite:///{tmp_path}/guichet.db"
        if request.param == "postgresql":
            url = await stack.enter_async_context(postgres_database(request.getfixturevalue("postgres_url")))
        database = await stack.enter_async_context(await open_database(url))
        await SqlUserDirectory.open(database)
        yield SqlAuditLog(database)


async def test_what_was_done_comes_back_as_it_was_written(log: AuditLog) -> None:
    async with audited(log, DEED, NOW):
        (asked,) = await log.entries()
        assert asked.outcome == "asked"
    (entry,) = await log.entries()
    assert (entry.at, entry.deed, entry.outcome) == (NOW, DEED, "done")


async def test_a_refusal_is_an_outcome_and_goes_on(log: AuditLog) -> None:
    with pytest.raises(WrongStateError):
        async with audited(log, DEED, NOW):
            raise WrongStateError("not now")
    assert [entry.outcome for entry in await log.entries()] == ["agent.wrong_state"]


async def test_newest_first_page_by_page_and_by_person(log: AuditLog) -> None:
    ids = [
        await log.begin(Deed(who=who, action="text.broadcast"), NOW + timedelta(seconds=number))
        for number, who in enumerate(["sarah", "tom", "sarah"])
    ]
    assert [entry.entry_id for entry in await log.entries()] == ids[::-1]
    assert [entry.entry_id for entry in await log.entries(limit=1)] == ids[2:]
    assert [entry.entry_id for entry in await log.entries(before=ids[2])] == ids[1::-1]
    assert [entry.entry_id for entry in await log.entries(who="sarah")] == [ids[2], ids[0]]


async def test_what_no_database_takes_is_no_error(log: AuditLog) -> None:
    await log.begin(Deed(who="sarah", action="agent.move", subject="a\0b", reason="\ud800"), NOW)
    assert len(await log.entries()) == 1


async def test_a_lost_database_is_told_of(tmp_path: Path) -> None:
    async with await open_database(f"sqlite:///{tmp_path}/empty.db") as database:
        with pytest.raises(AuditUnavailableError):
            await SqlAuditLog(database).begin(DEED, NOW)
    fake = FakeAuditLog()
    fake.is_down = True
    with pytest.raises(AuditUnavailableError):
        await fake.entries()
