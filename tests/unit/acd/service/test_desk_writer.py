"""The writer behind the calls: in order, nothing lost, nothing doubled, not stopped by one bad record."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from acd.domain import commands as cmd
from acd.domain import effects as fx
from acd.domain.call import Call
from acd.domain.ids import agent_id_of, call_id_of
from acd.service import desk_writer
from acd.service.desk_writer import BATCH, MOST_TRIES, DeskWriter
from acd.service.ports import DeskError
from acd.service.tasks import BackgroundTasks
from tests.fakes.ports import FakeDesk
from tests.unit.acd.service.calls import some_call

ALICE = agent_id_of("alice")


class NotedDesk(FakeDesk):
    """Notes what it is given; `fail(what)` may raise before anything is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[str] = []
        self.attempts = 0
        self.fail: Callable[[str], None] = lambda what: None

    async def record_interactions(self, calls: Sequence[Call]) -> None:
        what = "record " + " ".join(f"{call.linkedid}/{call.priority}" for call in calls)
        await self._attempt(what)
        await super().record_interactions(calls)

    async def commit_ticket(self, wish: fx.CommitTicket) -> str | None:
        await self._attempt(f"commit {wish.call.linkedid}")
        return await super().commit_ticket(wish)

    async def _attempt(self, what: str) -> None:
        self.attempts += 1
        await asyncio.sleep(0)
        self.fail(what)
        self.written.append(what)


class Office:
    def __init__(self) -> None:
        self.desk = NotedDesk()
        self.reported: list[cmd.Command] = []
        self.writer = DeskWriter(self.desk, self.reported.append)

    def record(self, linkedid: str, priority: int = 5) -> None:
        self.writer.record(fx.RecordInteraction(call=some_call(linkedid, priority)))

    def commit(self, linkedid: str, *, to_qualify: bool = False) -> None:
        self.writer.commit(fx.CommitTicket(call=some_call(linkedid), agent_id=ALICE, to_qualify=to_qualify))

    async def written(self) -> list[str]:
        async with asyncio.timeout(20):
            await self.writer.drain()
        return self.desk.written


@pytest.fixture
def office(monkeypatch: pytest.MonkeyPatch) -> Office:
    monkeypatch.setattr(desk_writer, "FIRST_RETRY", timedelta(milliseconds=1))
    monkeypatch.setattr(desk_writer, "LAST_RETRY", timedelta(milliseconds=4))
    return Office()


@asynccontextmanager
async def writing(office: Office) -> AsyncIterator[None]:
    async with BackgroundTasks() as tasks:
        tasks.start(office.writer.run(), "desk_writer")
        yield


def down(what: str) -> None:
    raise DeskError("the database is gone")


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.001)


async def test_wishes_are_written_in_order_and_only_the_latest_picture_of_a_call(office: Office) -> None:
    for priority in (1, 2):
        office.record("1.1", priority)
    office.record("2.1")
    office.commit("1.1", to_qualify=True)
    office.record("1.1", 3)
    async with writing(office):
        assert await office.written() == ["record 1.1/2 2.1/5", "commit 1.1", "record 1.1/3"]
    assert office.desk.recorded["1.1"].priority == 3
    assert len(office.writer) == 0
    assert office.reported == [
        cmd.ReportTicket(call_id=call_id_of("1.1"), agent_id=ALICE, ticket_number="1001", to_qualify=True)
    ]


async def test_a_commit_that_leaves_no_ticket_is_not_reported(office: Office) -> None:
    class NoTicketDesk(NotedDesk):
        async def commit_ticket(self, wish: fx.CommitTicket) -> str | None:
            await super().commit_ticket(wish)
            return None

    office.writer = DeskWriter(NoTicketDesk(), office.reported.append)
    office.commit("1.1")
    async with writing(office):
        await office.written()
    assert office.reported == []


async def test_a_batch_has_a_bound(office: Office) -> None:
    for number in range(BATCH + 1):
        office.record(f"{number}.1")
    async with writing(office):
        sizes = [len(what.split()) - 1 for what in await office.written()]
    assert sizes == [BATCH, 1]


async def test_while_the_desk_is_down_everything_waits_and_then_comes_once_in_order(office: Office) -> None:
    office.desk.fail = down
    async with writing(office):
        office.record("1.1", 1)
        office.commit("1.1")
        await until(lambda: office.desk.attempts >= 3)
        trouble = office.writer.trouble
        assert trouble is not None
        assert "the database is gone" in trouble
        office.record("2.1")
        office.commit("2.1")
        assert len(office.writer) == 4
        office.desk.fail = lambda what: None
        assert await office.written() == ["record 1.1/1", "commit 1.1", "record 2.1/5", "commit 2.1"]
        assert office.writer.trouble is None
    assert len(office.reported) == 2


async def test_what_comes_while_a_batch_is_under_way_is_written_after_it(office: Office) -> None:
    def one_more(what: str) -> None:
        if what == "record 1.1/1":
            office.record("1.1", 2)
            office.commit("1.1")

    office.desk.fail = one_more
    office.record("1.1", 1)
    async with writing(office):
        assert await office.written() == ["record 1.1/1", "record 1.1/2", "commit 1.1"]


async def test_the_pauses_grow_to_a_bound_and_start_anew_after_a_success(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    sleep = asyncio.sleep

    async def noted_sleep(seconds: float) -> None:
        if seconds:
            pauses.append(seconds)
        await sleep(0)

    monkeypatch.setattr(asyncio, "sleep", noted_sleep)
    failures = iter([True] * 5 + [False] + [True] + [False])

    def sometimes(what: str) -> None:
        if next(failures):
            down(what)

    office.desk.fail = sometimes
    office.commit("1.1")
    office.commit("2.1")
    async with writing(office):
        assert await office.written() == ["commit 1.1", "commit 2.1"]
    assert pauses == [0.001, 0.002, 0.004, 0.004, 0.004, 0.001]


@pytest.mark.parametrize("bad", ["record", "commit"])
async def test_one_wish_that_cannot_be_written_does_not_stop_the_others(office: Office, bad: str) -> None:
    tries: list[str] = []

    def poison(what: str) -> None:
        if bad in what and "2.1" in what:
            tries.append(what)
            raise ValueError("naive instant")

    office.desk.fail = poison
    async with writing(office):
        for linkedid in ("1.1", "2.1", "3.1"):
            office.record(linkedid)
        for linkedid in ("1.1", "2.1", "3.1"):
            office.commit(linkedid)
        await office.written()
        office.record("4.1")
        await office.written()
    good = {"1.1", "3.1", "4.1"} | ({"2.1"} if bad == "commit" else set())
    assert set(office.desk.recorded) == good
    assert set(office.desk.committed) == {"1.1", "3.1"} | ({"2.1"} if bad == "record" else set())
    assert office.writer.set_aside == 1
    assert len([what for what in tries if len(what.split()) == 2]) == MOST_TRIES + (bad == "commit")
    written = " ".join(office.desk.written)
    assert written.count("record 4.1/5") == written.count("commit 3.1") == 1


async def test_an_unexpected_failure_that_passes_loses_nothing(office: Office) -> None:
    failures = iter([True, True, False, True, False, False, False, False])

    def sometimes(what: str) -> None:
        if next(failures):
            raise RuntimeError("cannot happen")

    office.desk.fail = sometimes
    for linkedid in ("1.1", "2.1", "3.1"):
        office.record(linkedid)
    async with writing(office):
        await office.written()
    assert set(office.desk.recorded) == {"1.1", "2.1", "3.1"}
    assert office.writer.set_aside == 0


async def test_beyond_the_bound_commits_are_still_taken(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk_writer, "MOST_PENDING", 2)
    for linkedid in ("1.1", "2.1", "3.1"):
        office.record(linkedid)
    office.commit("3.1")
    async with writing(office):
        assert await office.written() == ["record 1.1/5 2.1/5", "commit 3.1"]
