"""Backup and restore with a real PostgreSQL, by its own pg_dump and pg_restore."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from acd.adapters.store.users import SqlUserDirectory
from acd.backup import BackupError, back_up, restore
from acd.service.ports import Role, User
from acd.settings import Settings, load_settings
from tests.servers import postgres_database
from ticketing.api import open_database

AT = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
SARAH = User(login="sarah", name="Sarah Lefèvre", roles=frozenset({Role.SUPERVISOR}))


def settings_of(folder: Path, url: str | None) -> Settings:
    overrides: dict[str, object] = {"service": {"data_dir": str(folder)}, "database": {"url": url} if url else {}}
    return load_settings(environment={}, overrides=overrides)


async def logins(url: str) -> list[str]:
    async with await open_database(url) as database:
        return [user.login for user in await (await SqlUserDirectory.open(database)).all()]


async def test_a_postgresql_database_goes_into_the_file_and_comes_out_of_it(postgres_url: str, tmp_path: Path) -> None:
    file = tmp_path / "guichet.tar.gz"
    async with postgres_database(postgres_url) as here, postgres_database(postgres_url) as there:
        async with await open_database(here) as database:
            await (await SqlUserDirectory.open(database)).save(SARAH, "correct horse")
        await asyncio.to_thread(back_up, settings_of(tmp_path / "a", here), None, file, AT, recordings=False)
        for _ in range(2):  # over what is there, too
            await asyncio.to_thread(restore, settings_of(tmp_path / "b", there), file, AT)
            assert await logins(there) == ["sarah"]
        with pytest.raises(BackupError, match=r"database\.url"):
            await asyncio.to_thread(restore, settings_of(tmp_path / "c", None), file, AT)


async def test_a_database_that_is_away_is_said_in_its_own_words(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, "postgresql://guichet@127.0.0.1:1/guichet")
    with pytest.raises(BackupError, match=r"pg_dump failed: .*127\.0\.0\.1"):
        await asyncio.to_thread(back_up, settings, None, tmp_path / "x.tar.gz", AT, recordings=False)
    assert not (tmp_path / "x.tar.gz").exists()
