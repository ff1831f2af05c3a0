"""Opening, settings and migrations of the database, on SQLite and PostgreSQL."""

from __future__ import annotations

import asyncio
import stat
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Column, Connection, MetaData, Table, event, insert, inspect, select, text
from sqlalchemy.exc import IntegrityError, StatementError

from tests.port_contracts.desk_samples import NEW, answered
from tests.servers import free_port, postgres_server
from ticketing.adapters.migrate import TICKETING_VERSION_TABLE
from ticketing.adapters.sql_desk_store import SqlDeskStore
from ticketing.adapters.tables import contact_points, metadata
from ticketing.api import (
    ContactDraft,
    Database,
    DatabaseError,
    DatabaseFailureError,
    DatabaseNewerError,
    DatabaseUnreachableError,
    DatabaseUrlError,
    Desk,
    Disposition,
    DispositionKind,
    JsonText,
    MigrationError,
    Serial,
    UtcInstant,
    migrate,
    normalise,
    open_database,
    open_desk,
)

NOON = datetime(2026, 11, 20, 12, 0, 0, 123456, tzinfo=UTC)

PACKAGE_SCRIPT = '''
"""A table of another package."""
import sqlalchemy as sa
from alembic import op

revision = "other_0001"
down_revision = None


def upgrade() -> None:
    op.create_table("users", sa.Column("login", sa.String(50), primary_key=True))
'''

FAILING_SCRIPT = '''
"""Fails after its first step."""
import sqlalchemy as sa
from alembic import op

revision = "other_0002"
down_revision = "other_0001"


def upgrade() -> None:
    op.create_table("half", sa.Column("id", sa.Integer, primary_key=True))
    op.execute("INSERT INTO nowhere VALUES (1)")
'''


def clock() -> datetime:
    return NOON


def other_package(folder: Path, *scripts: str) -> Path:
    versions = folder / "100% other" / "versions"
    versions.mkdir(parents=True, exist_ok=True)
    for number, script in enumerate(scripts, start=1):
        (versions / f"v{number:04}.py").write_text(script)
    return versions.parent


async def table_names(database: Database) -> set[str]:
    async with database.read() as connection:
        return set(await connection.run_sync(lambda sync: inspect(sync).get_table_names()))


async def test_migrations_lead_from_nothing_to_exactly_the_tables_of_the_code(database_url: str) -> None:
    def differences(connection: Connection) -> list[Any]:
        def is_ours(name: str | None, kind: str, _: object) -> bool:
            return not (kind == "table" and name == TICKETING_VERSION_TABLE)

        options = {"compare_type": True, "include_name": is_ours}
        return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))

    async with await open_database(database_url) as database:
        assert await table_names(database) == set()
        await migrate(database)
        async with database.read() as connection:
            assert await connection.run_sync(differences) == []
        assert await table_names(database) == {*metadata.tables, TICKETING_VERSION_TABLE}


async def test_foreign_keys_and_their_deletions_are_those_of_the_code(database_url: str) -> None:
    """`compare_metadata` does not compare these on SQLite."""

    def foreign_keys(connection: Connection) -> set[tuple[str, str, str, str]]:
        inspector = inspect(connection)
        return {
            (table, key["constrained_columns"][0], key["referred_table"], key["options"].get("ondelete", ""))
            for table in metadata.tables
            for key in inspector.get_foreign_keys(table)
        }

    expected = {
        (table.name, key.parent.name, key.column.table.name, key.ondelete or "")
        for table in metadata.tables.values()
        for key in table.foreign_keys
    }
    async with await open_database(database_url) as database:
        await migrate(database)
        async with database.read() as connection:
            assert await connection.run_sync(foreign_keys) == expected


async def test_migrating_again_keeps_the_data(database_url: str) -> None:
    async with await open_database(database_url) as database:
        async with open_desk(database, clock) as desk:
            reference = await desk.commit_call(answered(), NEW)
        async with open_desk(database, clock) as desk:
            assert reference is not None
            assert await desk.find_ticket(reference.number) is not None


async def test_nodes_that_start_together_migrate_once(database_url: str) -> None:
    databases = [await open_database(database_url) for _ in range(4)]
    try:
        async with asyncio.TaskGroup() as group:
            for database in databases:
                group.create_task(migrate(database))
        assert await table_names(databases[0]) == {*metadata.tables, TICKETING_VERSION_TABLE}
    finally:
        for database in databases:
            await database.close()


async def test_another_package_keeps_its_tables_beside_ours(database_url: str, tmp_path: Path) -> None:
    scripts = other_package(tmp_path, PACKAGE_SCRIPT)
    async with await open_database(database_url) as database:
        await migrate(database, scripts, "other_version")
        await migrate(database)
        await migrate(database, scripts, "other_version")
        expected = {"users", "other_version", *metadata.tables, TICKETING_VERSION_TABLE}
        assert await table_names(database) == expected


async def test_a_migration_that_fails_leaves_nothing(database_url: str, tmp_path: Path) -> None:
    async with await open_database(database_url) as database:
        with pytest.raises(MigrationError, match=r"other_version.*nowhere"):
            await migrate(database, other_package(tmp_path, PACKAGE_SCRIPT, FAILING_SCRIPT), "other_version")
        assert await table_names(database) == set()


async def test_a_database_of_a_newer_guichet_is_left_alone(database_url: str) -> None:
    async with await open_database(database_url) as database:
        await migrate(database)
        async with database.write() as connection:
            await connection.execute(text("UPDATE ticketing_alembic_version SET version_num = 'desk_9999'"))
        with pytest.raises(DatabaseNewerError, match=r"desk_9999.*newer Guichet"):
            await migrate(database)


@pytest.mark.parametrize("url", ["", "guichet.db", "mysql://u@h/n", "sqlite://", "sqlite:///:memory:", "sqlite", "://"])
async def test_an_address_that_names_no_database_is_refused(url: str) -> None:
    with pytest.raises(DatabaseUrlError, match="database"):
        await open_database(url)


async def test_an_unreachable_database_is_named_without_its_password(tmp_path: Path) -> None:
    for url in (
        f"postgresql://guichet:hunter2@127.0.0.1:{free_port()}/guichet",
        f"sqlite:///{tmp_path}/no/such/folder/guichet.db",
        f"sqlite:///{tmp_path}",
    ):
        with pytest.raises(DatabaseUnreachableError) as caught:
            await open_database(url)
        assert "hunter2" not in str(caught.value)
        assert "guichet" in str(caught.value) or str(tmp_path) in str(caught.value)
    assert issubclass(DatabaseUnreachableError, DatabaseError)


async def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "notes.db").write_text("This is no database. " * 100)
    with pytest.raises(DatabaseUnreachableError, match=r"notes\.db.*not a database"):
        await open_database(f"sqlite:///{tmp_path}/notes.db")


async def test_sqlite_is_set_up_for_one_writer_and_private_data(tmp_path: Path) -> None:
    path = tmp_path / "guichet.db"
    async with await open_database(f"sqlite:///{path}") as database:
        for engine in (database.reader, database.writer):
            async with engine.connect() as connection:
                for pragma, value in (("journal_mode", "wal"), ("foreign_keys", 1), ("synchronous", 1)):
                    assert await connection.scalar(text(f"PRAGMA {pragma}")) == value
                assert (await connection.scalar(text("PRAGMA busy_timeout")) or 0) >= 5000
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_libpqs_sslmode_is_understood(postgres_url: str) -> None:
    async with await open_database(f"{postgres_url}?sslmode=prefer") as database, database.read() as connection:
        assert await connection.scalar(text("SELECT 1")) == 1


async def test_readers_go_on_while_somebody_writes(database_url: str) -> None:
    async with await open_database(database_url) as database:
        await migrate(database)
        async with database.write() as writer:
            await writer.execute(text("INSERT INTO ticketing_alembic_version VALUES ('unseen')"))
            async with database.read() as reader:
                count = await reader.scalar(text("SELECT count(*) FROM ticketing_alembic_version"))
        assert count == 1


async def test_instants_are_kept_to_the_microsecond_in_utc_and_naive_ones_refused(database_url: str) -> None:
    instants = Table("instants", MetaData(), Column("id", Serial, primary_key=True), Column("at", UtcInstant))
    paris = NOON.astimezone(timezone(timedelta(hours=1)))
    async with await open_database(database_url) as database:
        async with database.write() as connection:
            await connection.run_sync(instants.create)
            await connection.execute(insert(instants), [{"at": paris}, {"at": None}, {"at": NOON - timedelta(days=1)}])
        async with database.read() as connection:
            statement = select(instants.c.at).where(instants.c.at >= paris)
            (kept,) = await connection.scalars(statement)
        assert (kept, kept.tzinfo) == (NOON, UTC)
        with pytest.raises(StatementError, match="time zone"):
            async with database.write() as connection:
                await connection.execute(insert(instants), {"at": datetime(2026, 1, 1)})  # noqa: DTZ001


async def test_empty_structures_are_null(database_url: str) -> None:
    table = Table("structures", MetaData(), Column("id", Serial, primary_key=True), Column("value", JsonText))
    async with await open_database(database_url) as database, database.write() as connection:
        await connection.run_sync(table.create)
        await connection.execute(insert(table), [{"value": ()}, {"value": {"a": [1, "é"]}}])
        kept = list(await connection.scalars(select(table.c.value).order_by(table.c.id)))
        assert kept == [None, {"a": [1, "é"]}]


async def test_rows_that_belong_together_are_held_together(database_url: str) -> None:
    async with await open_database(database_url) as database, open_desk(database, clock) as desk:
        contact = await desk.create_contact(ContactDraft(name="Jeanne", phone_numbers=("+33612345678",)))
        reference = await desk.commit_call(answered(contact=contact), NEW)
        assert reference is not None
        with pytest.raises(IntegrityError):
            async with database.write() as connection:
                await connection.execute(
                    insert(contact_points).values(contact_id=99, kind="phone", position=0, value="+1")
                )
        async with database.write() as connection:
            await connection.execute(text("DELETE FROM contacts"))
        ticket = await desk.find_ticket(reference.number)
        assert ticket is not None and ticket.contact_id is None
        async with database.read() as connection:
            assert await connection.scalar(text("SELECT count(*) FROM contact_points")) == 0


async def test_what_a_call_asks_never_scans_a_table(tmp_path: Path) -> None:
    sent: list[tuple[str, Any]] = []
    async with await open_database(f"sqlite:///{tmp_path}/guichet.db") as database, open_desk(database, clock) as desk:
        for engine in (database.reader, database.writer):
            event.listen(engine.sync_engine, "before_cursor_execute", lambda *call: sent.append((call[2], call[3])))
        for name in ("Jeanne", "Paul"):
            await desk.create_contact(ContactDraft(name=name, phone_numbers=("+33612345678",)))
        reference = await desk.commit_call(answered(), NEW)
        assert reference is not None
        sent.clear()
        who = await desk.identify(normalise("+33612345678", "FR"))
        await desk.caller_context(who, reference.number)
        await desk.find_ticket(reference.number)
        await desk.interaction("1.1")
        await desk.commit_call(answered("1.2"), Disposition(kind=DispositionKind.LINKED, link_to=reference.number))
        asked = [(statement, values) for statement, values in sent if not statement.startswith("BEGIN")]
        assert len(asked) > 5
        async with database.read() as connection:
            for statement, values in asked:
                plan = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
                steps = [str(row.detail) for row in plan]
                scanned = {step.split()[1] for step in steps if step.startswith("SCAN ")}
                assert not scanned & set(metadata.tables), (statement, steps)


async def test_a_call_costs_few_statements(tmp_path: Path) -> None:
    """Five for a new ticket, none for callers without a number; a batch of interactions is one."""
    sent: list[str] = []
    async with await open_database(f"sqlite:///{tmp_path}/guichet.db") as database, open_desk(database, clock) as desk:
        contact = await desk.create_contact(ContactDraft(name="Jeanne", phone_numbers=("+33612345678",)))
        for engine in (database.reader, database.writer):
            event.listen(engine.sync_engine, "before_cursor_execute", lambda *call: sent.append(call[2].split()[0]))

        async def counted(awaitable: Any) -> list[str]:
            sent.clear()
            await awaitable
            return [word for word in sent if word != "BEGIN"]

        assert await counted(desk.commit_call(answered(contact=contact), NEW)) == ["INSERT"] * 5
        assert await counted(desk.record_interactions([answered(f"5.{n}") for n in range(50)])) == ["INSERT"]
        who = await desk.identify(normalise("+33612345678", "FR"))
        assert await counted(desk.identify(normalise("+33612345678", "FR"))) == ["SELECT"]
        assert await counted(desk.caller_context(who, "1000012")) == ["SELECT", "SELECT"]
        nobody = await desk.identify(normalise("anonymous", "FR"))
        assert await counted(desk.identify(normalise("anonymous", "FR"))) == []
        assert await counted(_context(desk, nobody)) == []


async def _context(desk: Desk, who: Any) -> None:
    await desk.caller_context(who)


async def test_a_server_that_goes_away_is_a_named_failure_without_callers_data() -> None:
    with postgres_server() as url:
        database = await open_database(url)
        await migrate(database)
        desk = Desk(SqlDeskStore(database), clock)
        await desk.commit_call(answered("1.1"), NEW)
        async with database.read() as connection:
            mine = text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
            await connection.execute(mine)
        assert await desk.interaction("1.1") is not None  # a lost connection is replaced
    try:
        for _ in range(2):
            with pytest.raises(DatabaseFailureError) as caught:
                await desk.commit_call(answered("1.2"), NEW)
            assert "0612345678" not in str(caught.value)
            with pytest.raises(DatabaseFailureError):
                await desk.interaction("1.1")
    finally:
        await database.close()


async def test_errors_of_the_database_hold_no_parameters(database_url: str) -> None:
    async with await open_database(database_url) as database:
        with pytest.raises(DatabaseFailureError) as caught:
            async with database.write() as connection:
                await connection.execute(text("INSERT INTO nowhere VALUES (:name)"), {"name": "Jeanne Dupont"})
        assert "nowhere" in str(caught.value)
        assert "Jeanne" not in str(caught.value) + str(caught.value.__cause__)
