"""UserDirectory in the database."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Self

import msgspec
from argon2 import PasswordHasher
from sqlalchemy import Row, delete, insert, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from acd.adapters.clock import SystemClock
from acd.adapters.store.passwords import PasswordHashes
from acd.adapters.store.tables import sessions, users
from acd.service.ports import Clock, Role, User, UserDirectory
from acd.service.users import UserError, UsersUnavailableError, check_user
from routing import Taste
from ticketing.api import Database, DatabaseError, migrate

USERS_SCRIPTS: Final = Path(__file__).parent / "migrations"
USERS_VERSION_TABLE: Final = "acd_alembic_version"


class SqlUserDirectory(UserDirectory):
    """Every method raises UsersUnavailableError when the database cannot be asked."""

    def __init__(self, database: Database, clock: Clock, hasher: PasswordHasher | None = None) -> None:
        self._database = database
        self._clock = clock
        self._hashes = PasswordHashes(hasher)

    @classmethod
    async def open(cls, database: Database, clock: Clock | None = None, hasher: PasswordHasher | None = None) -> Self:
        """The directory with its tables brought up to date. `hasher`: cheaper hashes for demonstrations and tests.
        Raises ticketing.api.MigrationError."""
        await migrate(database, USERS_SCRIPTS, USERS_VERSION_TABLE)
        return cls(database, clock or SystemClock(), hasher)

    async def all(self) -> list[User]:
        async with self._read() as connection:
            rows = await connection.execute(select(users).order_by(users.c.login))
            return [_user_of(row) for row in rows]

    async def save(self, user: User, password: str | None) -> None:
        """Raises UserError. A new password ends the user's sessions."""
        check_user(user, password)
        hashed = await self._hashes.hash(password) if password is not None else None
        async with self._write() as connection:
            await _check_extension_is_free(connection, user)
            values = _values_of(user) | ({"password_hash": hashed} if hashed else {})
            changed = await connection.execute(update(users).where(users.c.login == user.login).values(values))
            if changed.rowcount == 0:
                await connection.execute(insert(users).values(login=user.login, **values))
            elif hashed:
                await connection.execute(delete(sessions).where(sessions.c.login == user.login))

    async def remove(self, login: str) -> bool:
        async with self._write() as connection:
            removed = await connection.execute(delete(users).where(users.c.login == _storable(login)))
            return removed.rowcount > 0

    async def authenticate(self, login: str, password: str) -> User | None:
        async with self._read() as connection:
            row = (await connection.execute(select(users).where(users.c.login == _storable(login)))).one_or_none()
        stored: str | None = row.password_hash if row is not None else None
        if not await self._hashes.is_right(stored, password) or row is None or stored is None:
            return None
        if self._hashes.is_outdated(stored):
            await self._rehash(login, stored, password)
        return _user_of(row)

    async def _rehash(self, login: str, stored: str, password: str) -> None:
        hashed = await self._hashes.hash(password)
        async with self._write() as connection:
            # Only if it is still the one that was checked: somebody may have set a new password meanwhile.
            unchanged = (users.c.login == login) & (users.c.password_hash == stored)
            await connection.execute(update(users).where(unchanged).values(password_hash=hashed))

    async def open_session(self, login: str, expires_at: datetime) -> str:
        """Raises UserError when the user was removed meanwhile."""
        token = secrets.token_urlsafe(32)
        async with self._write() as connection:
            await connection.execute(delete(sessions).where(sessions.c.expires_at <= self._clock.now()))
            known = await connection.execute(select(users.c.login).where(users.c.login == _storable(login)))
            if known.one_or_none() is None:
                raise UserError("login: there is no such user")
            row = {"token_hash": _hash_of(token), "login": login, "expires_at": expires_at}
            await connection.execute(insert(sessions).values(row))
        return token

    async def session_user(self, token: str, now: datetime) -> User | None:
        wanted = (sessions.c.token_hash == _hash_of(token)) & (sessions.c.expires_at > now)
        query = select(users).join(sessions, sessions.c.login == users.c.login).where(wanted)
        async with self._read() as connection:
            row = (await connection.execute(query)).one_or_none()
            return _user_of(row) if row is not None else None

    async def close_session(self, token: str) -> None:
        async with self._write() as connection:
            await connection.execute(delete(sessions).where(sessions.c.token_hash == _hash_of(token)))

    @asynccontextmanager
    async def _read(self) -> AsyncIterator[AsyncConnection]:
        try:
            async with self._database.read() as connection:
                yield connection
        except (DatabaseError, SQLAlchemyError, OSError) as error:
            raise UsersUnavailableError(f"the users' database cannot be read: {type(error).__name__}") from error

    @asynccontextmanager
    async def _write(self) -> AsyncIterator[AsyncConnection]:
        try:
            async with self._database.write() as connection:
                yield connection
        except (DatabaseError, SQLAlchemyError, OSError) as error:
            raise UsersUnavailableError(f"the users' database cannot be written: {type(error).__name__}") from error


async def _check_extension_is_free(connection: AsyncConnection, user: User) -> None:
    if user.extension is None:
        return
    others = (users.c.extension == user.extension) & (users.c.login != user.login)
    owner = (await connection.execute(select(users.c.login).where(others))).scalar_one_or_none()
    if owner is not None:
        raise UserError(f"extension: {user.extension} belongs to {owner}")


def _user_of(row: Row[Any]) -> User:
    return User(
        login=row.login,
        name=row.name,
        roles=frozenset(msgspec.json.decode(row.roles, type=list[Role])),
        extension=row.extension,
        skills=msgspec.json.decode(row.skills, type=dict[str, int]) if row.skills is not None else None,
        taste=msgspec.json.decode(row.taste, type=Taste) if row.taste is not None else None,
    )


def _values_of(user: User) -> dict[str, str | None]:
    return {
        "name": user.name,
        "roles": msgspec.json.encode(sorted(user.roles)).decode(),
        "extension": user.extension,
        "skills": msgspec.json.encode(dict(user.skills)).decode() if user.skills is not None else None,
        "taste": msgspec.json.encode(user.taste).decode() if user.taste is not None else None,
    }


def _hash_of(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _storable(login: str) -> str:
    """PostgreSQL takes no NUL and no lone surrogate; a login that holds one is simply nobody's."""
    return login if login.isascii() and "\0" not in login else ""
