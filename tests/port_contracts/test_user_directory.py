"""One suite for every UserDirectory: the fake, SQLite, and a real PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from sqlalchemy import select, text

from acd.adapters.store.tables import sessions, users
from acd.adapters.store.users import SqlUserDirectory
from acd.service.ports import Clock, Role, User, UserDirectory
from acd.service.users import UserError, UsersUnavailableError
from routing import Taste
from tests.fakes.users import FakeUserDirectory
from tests.servers import postgres_database
from ticketing.api import Database, open_database

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
LATER = NOW + timedelta(hours=12)
QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)

ALICE = User(
    login="alice",
    name="Alice Martin",
    roles=frozenset({Role.AGENT}),
    extension="1001",
    skills={"support": 3, "orders": 1},
    taste=Taste(allocation=(("support", 70), ("orders", 30))),
)
BOB = User(login="bob", name="Bob <b>O'Neill</b> 😀", roles=frozenset({Role.SUPERVISOR, Role.ADMIN}))


class FixedClock(Clock):
    def now(self) -> datetime:
        return NOW


@pytest.fixture(params=["fake", "sqlite", "postgresql"])
async def directory(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[UserDirectory]:
    if request.param == "fake":
        yield FakeUserDirectory()
        return
    async with AsyncExitStack() as stack:
        url = f"sqlite:///{tmp_path}/guichet.db"
        if request.param == "postgresql":
            url = await stack.enter_async_context(postgres_database(request.getfixturevalue("postgres_url")))
        database = await stack.enter_async_context(await open_database(url))
        yield await SqlUserDirectory.open(database, FixedClock(), QUICK)


async def test_users_come_back_as_saved(directory: UserDirectory) -> None:
    await directory.save(BOB, "correct horse")
    await directory.save(ALICE, None)
    assert await directory.all() == [ALICE, BOB]


async def test_the_right_password_and_no_other(directory: UserDirectory) -> None:
    await directory.save(ALICE, "correct horse")
    assert await directory.authenticate("alice", "correct horse") == ALICE
    for login, password in (
        ("alice", "Correct horse"),
        ("alice", ""),
        ("alice", "\ud800"),
        ("nobody", "correct horse"),
        ("", "correct horse"),
        ("alice\0", "correct horse"),
        ("\ud800", "correct horse"),
        ("alice' OR 1=1 --", "correct horse"),
    ):
        assert await directory.authenticate(login, password) is None, (login, password)


async def test_without_a_password_nobody_logs_in(directory: UserDirectory) -> None:
    await directory.save(ALICE, None)
    assert await directory.authenticate("alice", "") is None
    assert await directory.authenticate("alice", "None") is None


async def test_a_change_keeps_the_password_and_a_new_password_ends_sessions(directory: UserDirectory) -> None:
    await directory.save(ALICE, "correct horse")
    token = await directory.open_session("alice", LATER)
    renamed = replace(ALICE, name="Alice Durand", skills={})
    await directory.save(renamed, None)
    assert await directory.session_user(token, NOW) == renamed
    await directory.save(renamed, "battery staple")
    assert await directory.session_user(token, NOW) is None
    assert await directory.authenticate("alice", "correct horse") is None
    assert await directory.authenticate("alice", "battery staple") == renamed


async def test_sessions_end(directory: UserDirectory) -> None:
    await directory.save(ALICE, "correct horse")
    closed, expired, kept = [await directory.open_session("alice", LATER) for _ in range(3)]
    assert len({closed, expired, kept}) == 3
    await directory.close_session(closed)
    await directory.close_session(closed)
    assert await directory.session_user(closed, NOW) is None
    assert await directory.session_user(expired, LATER) is None
    assert await directory.session_user(kept, LATER - timedelta(seconds=1)) == ALICE
    for token in ("", "unknown", "\0", "\ud800", kept.upper()):
        assert await directory.session_user(token, NOW) is None


async def test_a_removed_user_is_gone_with_the_sessions(directory: UserDirectory) -> None:
    await directory.save(ALICE, "correct horse")
    token = await directory.open_session("alice", LATER)
    assert await directory.remove("alice")
    assert not await directory.remove("alice")
    assert await directory.session_user(token, NOW) is None
    assert await directory.authenticate("alice", "correct horse") is None
    with pytest.raises(UserError):
        await directory.open_session("alice", LATER)
    await directory.save(replace(ALICE, name="Another Alice"), None)
    assert await directory.session_user(token, NOW) is None


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"login": "Alice"}, "login"),
        ({"login": "a/b"}, "login"),
        ({"login": "a\n"}, "login"),
        ({"login": "a" * 41}, "login"),
        ({"name": "  "}, "name"),
        ({"name": "Al\0ice"}, "name"),
        ({"name": "\ud800"}, "name"),
        ({"roles": frozenset()}, "role"),
        ({"extension": None}, "extension"),
        ({"extension": "10x1"}, "extension"),
        ({"extension": "١٢٣"}, "extension"),
        ({"skills": {"Support!": 1}}, "skill"),
        ({"skills": {"support": 101}}, "skill support"),
    ],
)
async def test_what_is_no_user_is_refused(directory: UserDirectory, change: dict[str, object], says: str) -> None:
    user = replace(ALICE, **change)  # type: ignore[arg-type]
    with pytest.raises(UserError, match=says):
        await directory.save(user, "correct horse")
    assert await directory.all() == []


async def test_a_short_password_is_refused(directory: UserDirectory) -> None:
    with pytest.raises(UserError, match="password"):
        await directory.save(ALICE, "short")


async def test_a_phone_has_one_agent(directory: UserDirectory) -> None:
    await directory.save(ALICE, None)
    with pytest.raises(UserError, match="1001 belongs to alice"):
        await directory.save(replace(ALICE, login="carol"), None)
    await directory.save(ALICE, None)  # her own again is no conflict


async def test_many_at_once(directory: UserDirectory) -> None:
    await directory.save(ALICE, "correct horse")
    found = await asyncio.gather(*(directory.authenticate("alice", "correct horse") for _ in range(20)))
    assert found == [ALICE] * 20
    tokens = await asyncio.gather(*(directory.open_session("alice", LATER) for _ in range(20)))
    assert await asyncio.gather(*(directory.session_user(token, NOW) for token in tokens)) == [ALICE] * 20


# only what a database can show ---------------------------------------------------------------------------------


@pytest.fixture
async def sqlite(tmp_path: object) -> AsyncIterator[Database]:
    async with await open_database(f"sqlite:///{tmp_path}/guichet.db") as database:
        await SqlUserDirectory.open(database)
        yield database


async def test_neither_password_nor_token_is_stored(sqlite: Database) -> None:
    directory = SqlUserDirectory(sqlite, FixedClock(), QUICK)
    await directory.save(ALICE, "correct horse")
    token = await directory.open_session("alice", LATER)
    async with sqlite.read() as connection:
        stored = [*(await connection.execute(select(users))), *(await connection.execute(select(sessions)))]
    assert "$argon2id$" in str(stored)
    assert "correct horse" not in str(stored)
    assert token not in str(stored)


async def test_an_expired_session_leaves_the_database(sqlite: Database) -> None:
    directory = SqlUserDirectory(sqlite, FixedClock(), QUICK)
    await directory.save(ALICE, None)
    await directory.open_session("alice", NOW)
    await directory.open_session("alice", LATER)
    async with sqlite.read() as connection:
        assert len((await connection.execute(select(sessions))).all()) == 1


async def test_an_old_hash_is_renewed_at_the_next_log_in(sqlite: Database) -> None:
    await SqlUserDirectory(sqlite, FixedClock(), QUICK).save(ALICE, "correct horse")
    newer = SqlUserDirectory(sqlite, FixedClock(), PasswordHasher(time_cost=2, memory_cost=16, parallelism=1))
    assert await newer.authenticate("alice", "correct horse") == ALICE
    async with sqlite.read() as connection:
        assert "m=16,t=2" in str((await connection.execute(select(users.c.password_hash))).scalar_one())
    assert await newer.authenticate("alice", "correct horse") == ALICE


async def test_a_lost_database_is_said_so(sqlite: Database) -> None:
    directory = SqlUserDirectory(sqlite, FixedClock(), QUICK)
    async with sqlite.write() as connection:
        await connection.execute(text("DROP TABLE sessions"))
        await connection.execute(text("DROP TABLE users"))
    for ask in (directory.all(), directory.authenticate("a", "b"), directory.session_user("t", NOW)):
        with pytest.raises(UsersUnavailableError):
            await ask
    with pytest.raises(UsersUnavailableError):
        await directory.save(ALICE, None)
