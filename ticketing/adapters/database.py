"""One database for all of Guichet: SQLite embedded, PostgreSQL when it grows."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import aiosqlite
from sqlalchemy import event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from ticketing.domain.errors import DatabaseFailureError, DatabaseUnreachableError, DatabaseUrlError

_BUSY_TIMEOUT_MS: Final = 10_000  # another process (a backup, an operator's shell) may hold SQLite's lock
_TURN_TIMEOUT_SECONDS: Final = 60.0  # longest wait for a connection; beyond it the database is not keeping up
_READERS: Final = 4
_POSTGRES_CONNECTIONS: Final = 10
_COMMON: Final[dict[str, Any]] = {
    "max_overflow": 0,
    "pool_timeout": _TURN_TIMEOUT_SECONDS,
    "hide_parameters": True,  # else callers' numbers and names stand in the text of every error, and so in the logs
}


class Database:
    """`read()` and `write()` give a connection in a transaction of its own, ended with the block.

    On SQLite all writes of the process take turns on one connection that begins IMMEDIATE: first come, first served,
    no SQLITE_BUSY in the middle of a transaction; readers go on meanwhile (WAL). So keep write blocks short and never
    await anything else inside, nor a second `write()`. Both raise DatabaseFailureError when the database fails; a
    violated constraint stays SQLAlchemy's IntegrityError, for the code that knows what it means.
    """

    def __init__(self, reader: AsyncEngine, writer: AsyncEngine) -> None:
        self.reader = reader
        self.writer = writer

    @property
    def is_sqlite(self) -> bool:
        return self.writer.dialect.name == "sqlite"

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A consistent read where the block runs one statement; between statements others may write."""
        with _failures_named():
            async with self.reader.connect() as connection:
                yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """Commits when the block ends well, rolls back otherwise."""
        with _failures_named():
            async with self.writer.begin() as connection:
                yield connection

    async def close(self) -> None:
        await self.reader.dispose()
        if self.writer is not self.reader:
            await self.writer.dispose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


@contextmanager
def _failures_named() -> Iterator[None]:
    try:
        yield
    except IntegrityError:
        raise
    except (DBAPIError, PoolTimeoutError, OSError) as error:
        raise DatabaseFailureError(f"the database failed: {getattr(error, 'orig', None) or error}") from error


async def open_database(url: str) -> Database:
    """`sqlite:////absolute/path`, `sqlite:///relative/path` or `postgresql://user:password@host:port/name`.

    Raises DatabaseUrlError, or DatabaseUnreachableError when no connection comes about. Close it when done
    (`async with await open_database(url) as database`).
    """
    parsed = _parse(url)
    database = _open_sqlite(parsed) if parsed.get_backend_name() == "sqlite" else _open_postgres(parsed)
    try:
        async with database.reader.connect() as connection:
            await connection.execute(text("SELECT 1"))
    except (OSError, SQLAlchemyError) as error:
        await database.close()
        cause = getattr(error, "orig", None) or error
        where = parsed.render_as_string(hide_password=True)
        raise DatabaseUnreachableError(f"cannot open the database {where}: {cause}") from error
    return database


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:
        raise DatabaseUrlError(
            "the database address is not of the form sqlite:////path or postgresql://user@host/name"
        ) from error
    backend = parsed.drivername.partition("+")[0]
    if backend not in ("sqlite", "postgresql", "postgres"):
        raise DatabaseUrlError(f"the database address begins with {backend!r}: only sqlite and postgresql are known")
    return parsed.set(drivername="sqlite+aiosqlite" if backend == "sqlite" else "postgresql+asyncpg")


def _open_sqlite(url: URL) -> Database:
    if not url.database or ":memory:" in url.database:
        raise DatabaseUrlError("the database address names no file: a database in memory would lose the tickets")
    path = Path(url.database)
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # callers' data: nobody else's to read
    except OSError as error:
        raise DatabaseUnreachableError(f"cannot open the database file {path}: {error.strerror}") from error
    quick = {"async_creator_fn": _quick_connection}
    writer = create_async_engine(url, pool_size=1, connect_args=quick, **_COMMON)
    reader = create_async_engine(url, pool_size=_READERS, connect_args=quick, **_COMMON)
    _set_up_sqlite(writer, "BEGIN IMMEDIATE")
    _set_up_sqlite(reader, None)  # each statement sees a snapshot of its own: no BEGIN and ROLLBACK round it
    return Database(reader, writer)


class _QuickConnection(aiosqlite.Connection):
    """Does at once what touches no file, instead of sending it to the connection's thread and waiting for it.

    Making and closing cursors and rolling back nothing were 38 of the 63 errands of a call, and the errands most of
    what its database work costs: see docs/benchmarks.md. SQLAlchemy does one thing at a time on a connection, and opens
    it with check_same_thread off.
    """

    async def _execute(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if self._running and self._connection is not None and self._is_quick(fn):
            return fn(*args, **kwargs)
        return await super()._execute(fn, *args, **kwargs)  # type: ignore[no-untyped-call]

    def _is_quick(self, fn: Callable[..., Any]) -> bool:
        of, name = getattr(fn, "__self__", None), getattr(fn, "__name__", "")
        if of is self._connection:
            return name == "cursor" or (name == "rollback" and not self._conn.in_transaction)
        return name == "close" and isinstance(of, sqlite3.Cursor)


def _quick_connection(database: str, **options: Any) -> _QuickConnection:
    connection = _QuickConnection(partial(sqlite3.connect, database, **options), iter_chunk_size=64)
    connection._thread.daemon = True  # as SQLAlchemy wants it: an unclosed one must not keep the process
    return connection


def _set_up_sqlite(engine: AsyncEngine, begin: str | None) -> None:
    def on_connect(connection: Any, _: object) -> None:
        connection.isolation_level = None  # sqlite3 begins no transactions of its own: BEGIN comes from below
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {_BUSY_TIMEOUT_MS}")
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = NORMAL")  # a power cut may lose the last commits, never the database
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.close()

    def on_begin(connection: Any) -> None:
        connection.exec_driver_sql(begin)

    event.listen(engine.sync_engine, "connect", on_connect)
    if begin is not None:
        event.listen(engine.sync_engine, "begin", on_begin)


def _open_postgres(url: URL) -> Database:
    query = dict(url.query)
    if "sslmode" in query:  # libpq's word, in every hoster's address; asyncpg calls it ssl
        query["ssl"] = query.pop("sslmode")
    engine = create_async_engine(
        url.set(query=query),
        pool_size=_POSTGRES_CONNECTIONS,
        **_COMMON,
        pool_pre_ping=True,  # a restarted server costs one ping, not one failed call
    )
    return Database(engine, engine)
