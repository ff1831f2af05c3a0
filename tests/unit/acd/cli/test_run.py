"""`guichet run` on what a newer version has left: it says so, ends with a code of its own, and touches nothing."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from acd.adapters.bus.frames import header, pack
from acd.adapters.bus.journal_files import EVENTS, SNAPSHOT, name_of
from acd.adapters.clock import SystemClock
from acd.adapters.store.users import SqlUserDirectory
from acd.cli.failures import NEWER_VERSION
from acd.domain.journal_format import VERSION
from ticketing.api import open_database, open_desk

UNHEARD = b'{"at":"2026-11-23T09:00:00Z","events":[{"type":"Unheard","at":"2026-11-23T09:00:00Z"}]}'
STRANGE = (b'{"part":"state","data":{"rules":7}}', b'{"part":"end"}')


def run(data_dir: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "GUICHET_SERVICE__DATA_DIR": str(data_dir)}
    command = [sys.executable, "-m", "acd", "run"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("what", ["header", "event", "snapshot"])
def test_a_newer_journal(tmp_path: Path, what: str) -> None:
    folder = tmp_path / "journal"
    folder.mkdir()
    if what == "header":
        (folder / name_of(EVENTS, 1)).write_bytes(header(VERSION + 1))
    elif what == "event":
        (folder / name_of(EVENTS, 1)).write_bytes(header(VERSION) + pack(1, UNHEARD))
    else:
        frames = b"".join(pack(1, payload) for payload in STRANGE)
        (folder / name_of(SNAPSHOT, 1)).write_bytes(header(VERSION) + frames)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    ended = run(tmp_path)
    assert ended.returncode == NEWER_VERSION, ended.stderr
    assert "Guichet" in ended.stderr
    assert "nothing was touched (journal.newer_version)" in ended.stderr
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "lock"} == before
    assert not (tmp_path / "guichet.db").exists()


def test_a_newer_database(tmp_path: Path) -> None:
    async def make() -> None:
        async with (
            await open_database(f"sqlite:///{tmp_path}/guichet.db") as database,
            open_desk(database, SystemClock().now),
        ):
            await SqlUserDirectory.open(database)

    asyncio.run(make())
    with closing(sqlite3.connect(tmp_path / "guichet.db")) as database, database:
        database.execute("UPDATE ticketing_alembic_version SET version_num = 'desk_9999'")
    ended = run(tmp_path)
    assert ended.returncode == NEWER_VERSION, ended.stderr
    assert "desk_9999" in ended.stderr
    assert "nothing was touched (database.newer_version)" in ended.stderr
    assert [path.name for path in (tmp_path / "journal").iterdir()] == ["lock"]
