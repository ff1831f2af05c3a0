"""SQLite without needless errands to its thread, and without doing in the loop what may touch the file."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ticketing.adapters.database import _quick_connection, _QuickConnection


class Errands:
    """In place of the queue to the connection's thread: notes what is sent, and sends it."""

    def __init__(self, queue: Any) -> None:
        self._queue = queue
        self.sent: list[str] = []

    def put_nowait(self, errand: Any) -> None:
        self.sent.append(getattr(getattr(errand[1], "func", errand[1]), "__name__", ""))
        self._queue.put_nowait(errand)


@pytest.fixture
async def connection(tmp_path: Path) -> AsyncIterator[_QuickConnection]:
    made = _quick_connection(str(tmp_path / "some.db"), check_same_thread=False, isolation_level=None)
    async with made:
        await made.execute("CREATE TABLE things (name TEXT)")
        yield made


async def test_only_what_may_touch_the_file_is_sent_to_the_thread(connection: _QuickConnection) -> None:
    errands = connection._tx = Errands(connection._tx)  # type: ignore[assignment]
    cursor = await connection.cursor()
    await cursor.execute("SELECT name FROM things")
    assert await cursor.fetchall() == []
    await cursor.close()
    await connection.rollback()
    assert errands.sent == ["execute", "fetchall"]


async def test_a_transaction_is_still_rolled_back(connection: _QuickConnection) -> None:
    errands = connection._tx = Errands(connection._tx)  # type: ignore[assignment]
    await connection.execute("BEGIN IMMEDIATE")
    await connection.execute("INSERT INTO things VALUES ('one')")
    await connection.rollback()
    assert errands.sent[-1] == "rollback"
    cursor = await connection.execute("SELECT count(*) FROM things")
    assert await cursor.fetchone() == (0,)


async def test_a_closed_connection_does_nothing_at_once(connection: _QuickConnection) -> None:
    cursor = await connection.cursor()
    await connection.close()
    with pytest.raises(ValueError, match="closed"):
        await cursor.close()
