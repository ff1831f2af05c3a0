"""One suite for every Journal: in memory, and on a real Redis, which is also taken away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from acd.adapters.bus import journal as journal_module
from acd.adapters.bus import opening
from acd.adapters.bus.disk import JournalLockedError
from acd.adapters.bus.frames import JournalError
from acd.adapters.bus.journal import MemoryJournal, RedisJournal, open_journal
from acd.adapters.bus.opening import BothJournals, open_file_journal
from acd.adapters.clock import SystemClock
from acd.domain import commands as cmd
from acd.domain import effects as fx
from acd.domain import events as ev
from acd.domain.agent import AgentProfile
from acd.domain.engine import Engine
from acd.domain.ids import AgentId, agent_id_of
from acd.service.ports import Journal
from acd.service.tasks import BackgroundTasks
from tests.fakes.ports import START
from tests.integration.waiting import until
from tests.servers import free_port, redis_server
from tests.unit.acd.service.calls import some_call


def numbered(first: int, count: int) -> list[ev.Event]:
    return [
        ev.AgentLoggedIn(at=START + timedelta(microseconds=number), agent_id=AgentId(f"agent_{number}"))
        for number in range(first, first + count)
    ]


def numbers(entries: Sequence[tuple[str, ev.Event]]) -> list[int]:
    return [int(event.agent_id.removeprefix("agent_")) for _, event in entries if isinstance(event, ev.AgentLoggedIn)]


@asynccontextmanager
async def redis_journal(url: str, *, kept: int = 1000, stream: str | None = None) -> AsyncIterator[RedisJournal]:
    redis = Redis.from_url(url)
    try:
        async with BackgroundTasks() as tasks:
            made = RedisJournal(redis, stream=stream or f"test:{uuid4().hex}", kept=kept)
            tasks.start(made.run(), "journal")
            yield made
    finally:
        await redis.aclose()


@pytest.fixture(params=["memory", "redis", "disk", "disk and redis"])
async def journal(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Journal]:
    async with AsyncExitStack() as stack:
        if request.param == "memory":
            yield MemoryJournal(kept=1000)
        elif request.param == "redis":
            yield await stack.enter_async_context(redis_journal(request.getfixturevalue("redis_url")))
        else:
            kept, _ = await stack.enter_async_context(open_file_journal(tmp_path / "journal", SystemClock()))
            kept.begin(lambda: iter(()))
            yield kept if request.param == "disk" else BothJournals(kept, MemoryJournal(kept=1000))


@pytest.fixture(params=["memory", "redis"])
async def bounded(request: pytest.FixtureRequest) -> AsyncIterator[Journal]:
    """By a number of events. (The one on disk is by time and bytes: see test_file_journal.py.)"""
    async with AsyncExitStack() as stack:
        if request.param == "memory":
            yield MemoryJournal(kept=1000)
        else:
            yield await stack.enter_async_context(redis_journal(request.getfixturevalue("redis_url")))


async def test_an_empty_journal_has_nothing_to_read(journal: Journal) -> None:
    await journal.flush()
    assert await journal.read() == []


async def test_events_come_back_in_order_each_with_its_own_position(journal: Journal) -> None:
    journal.append(numbered(0, 3))
    journal.append([])
    journal.append(numbered(3, 2))
    await journal.flush()
    entries = await journal.read()
    assert [event for _, event in entries] == numbered(0, 5)
    assert len({position for position, _ in entries}) == 5


async def test_a_follower_reads_on_from_any_position(journal: Journal) -> None:
    journal.append(numbered(0, 5))
    await journal.flush()
    entries = await journal.read()
    for index, (position, _) in enumerate(entries):
        assert numbers(await journal.read(position)) == list(range(index + 1, 5))
    journal.append(numbered(5, 2))
    await journal.flush()
    assert numbers(await journal.read(entries[-1][0])) == [5, 6]


async def test_reading_in_pieces_gives_everything_once(journal: Journal) -> None:
    journal.append(numbered(0, 1000))
    await journal.flush()
    seen: list[int] = []
    position = ""
    while piece := await journal.read(position, limit=300):
        assert len(piece) <= 300
        seen += numbers(piece)
        position = piece[-1][0]
    assert seen == list(range(1000))


async def test_the_oldest_are_forgotten_and_a_follower_left_behind_gets_what_is_kept(bounded: Journal) -> None:
    journal = bounded
    journal.append(numbered(0, 10))
    await journal.flush()
    old = (await journal.read())[3][0]
    for first in range(10, 3010, 500):
        journal.append(numbered(first, 500))
        await journal.flush()
    everything = numbers(await journal.read(limit=5000))
    assert everything[-1] == 3009
    assert everything == list(range(everything[0], 3010))
    assert 1000 <= len(everything) <= 1200  # Redis trims whole nodes of its tree
    assert numbers(await journal.read(old, limit=5000)) == everything


async def test_a_standby_that_replays_the_journal_has_the_same_state(journal: Journal) -> None:
    engine, standby = Engine(), Engine()
    for login in ("alice", "bob"):
        profile = AgentProfile(agent_id=agent_id_of(login), login=login, name=f"{login} é\u202e\x00", extension="1001")
        for command in (cmd.RegisterAgent(profile=profile), cmd.LogInAgent(agent_id=profile.agent_id)):
            journal.append(engine.handle(command, START).events)
    journal.append(engine.handle(cmd.MakeReady(agent_id=agent_id_of("bob")), START).events)
    await journal.flush()
    standby.replay(event for _, event in await journal.read())
    assert standby.state.agents == engine.state.agents


async def test_wishes_to_the_desk_go_with_their_decision_and_are_no_events(journal: Journal) -> None:
    journal.append(numbered(0, 1), [fx.RecordInteraction(call=some_call("1.1", 5))])
    journal.append([], [fx.CommitTicket(call=some_call("1.1", 5), agent_id=AgentId("agent_a"))])
    journal.took(1)
    journal.append(numbered(1, 1))
    await journal.flush()
    assert numbers(await journal.read()) == [0, 1]


# on disk alone


async def test_a_service_finds_what_the_one_before_it_left(tmp_path: Path) -> None:
    wish = fx.CommitTicket(call=some_call("1.1", 5), agent_id=AgentId("agent_a"), note="Called back.")
    for first in (0, 10, 20):
        async with open_file_journal(tmp_path, SystemClock()) as (journal, past):
            seen = [event for record in past.records for event in record.events]
            assert seen == numbered(0, first)
            assert list(past.owed) == [wish] * (first // 10)
            journal.begin(lambda: iter(()))
            journal.append(numbered(first, 10), [wish])
            await journal.flush()
            _without_snapshots(tmp_path)  # all is told by the records then


def _without_snapshots(folder: Path) -> None:
    for snapshot in folder.glob("snapshot-*"):
        snapshot.unlink()


async def test_the_next_service_waits_for_the_one_before_it_to_end(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        first, _ = await stack.enter_async_context(open_file_journal(tmp_path, SystemClock()))
        first.begin(lambda: iter(()))
        first.append(numbered(0, 3))
        async with asyncio.TaskGroup() as group:
            group.create_task(stack.pop_all().aclose())  # as soon as the other one waits
            async with open_file_journal(tmp_path, SystemClock()) as (_, past):
                assert len(past.records) == 1


async def test_two_services_on_one_journal_are_a_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "PATIENCE", timedelta(milliseconds=100))
    async with open_file_journal(tmp_path, SystemClock()):
        with pytest.raises(JournalLockedError, match="one Guichet at a time"):
            async with open_file_journal(tmp_path, SystemClock()):
                pass


async def test_a_folder_that_cannot_be_used_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "journal").write_text("a file")
    with pytest.raises(JournalError, match="cannot be used"):
        async with open_file_journal(tmp_path / "journal", SystemClock()):
            pass


# on Redis alone


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "RETRY", timedelta(milliseconds=20))


@pytest.mark.usefixtures("impatient")
async def test_redis_dies_and_comes_back_and_nothing_is_lost_meanwhile() -> None:
    port = free_port()
    with redis_server(port) as url:
        async with AsyncExitStack() as stack:
            journal = await stack.enter_async_context(redis_journal(url, stream="events"))
            journal.append(numbered(0, 10))
            await journal.flush()
            assert numbers(await journal.read()) == list(range(10))
            follow_up = stack.pop_all()
    # Dead: its memory is gone with it, what comes now must not be.
    async with follow_up:
        journal.append(numbered(10, 1200))
        await until(lambda: journal.trouble is not None, "trouble is reported")
        journal.append(numbered(1210, 10))
        with pytest.raises(JournalError, match="events"):
            await journal.read()
        with redis_server(port):
            await until(lambda: journal.trouble is None, "the trouble is over")
            await journal.flush()
            assert numbers(await journal.read(limit=5000)) == list(range(220, 1220))
            assert journal.dropped == 210


@pytest.mark.usefixtures("impatient")
async def test_beyond_the_bound_the_oldest_are_dropped_and_counted() -> None:
    port = free_port()
    async with redis_journal(f"redis://127.0.0.1:{port}/0", kept=100) as journal:
        journal.append(numbered(0, 150))
        await until(lambda: journal.trouble is not None, "trouble is reported")
        journal.append(numbered(150, 30))
        assert journal.dropped == 80
        with redis_server(port):
            await journal.flush()
            assert numbers(await journal.read()) == list(range(80, 180))


async def test_what_is_appended_while_a_batch_is_on_its_way_follows_it(redis_url: str) -> None:
    async with redis_journal(redis_url, kept=5000) as journal:
        for first in range(0, 4000, 40):
            journal.append(numbered(first, 40))
            if first % 400 == 0:
                await journal.read(limit=1)  # lets the writer work
        await journal.flush()
        assert numbers(await journal.read(limit=5000)) == list(range(4000))
        assert (journal.dropped, journal.trouble) == (0, None)


async def test_a_foreign_entry_on_the_stream_is_a_clear_error(redis_url: str) -> None:
    stream = f"test:{uuid4().hex}"
    async with redis_journal(redis_url, stream=stream) as journal:
        redis = Redis.from_url(redis_url)
        for name, value in (("event", b'{"type": "Unheard"}'), ("event", b"\xff"), ("other", b"1")):
            await redis.xadd(stream, {name: value})
            with pytest.raises(JournalError, match=stream):
                await journal.read()
            await redis.delete(stream)
        await redis.aclose()


# as the settings ask for it


async def test_without_redis_the_journal_is_in_memory() -> None:
    async with BackgroundTasks() as tasks, open_journal(None, tasks) as journal:
        assert isinstance(journal, MemoryJournal)


async def test_what_is_pending_at_the_end_is_written(redis_url: str) -> None:
    url = redis_url.removesuffix("/0") + "/1"
    async with BackgroundTasks() as tasks, open_journal(url, tasks) as journal:
        journal.append(numbered(0, 2000))
    redis = Redis.from_url(url)
    assert await redis.xlen(journal_module.STREAM) == 2000
    await redis.aclose()
