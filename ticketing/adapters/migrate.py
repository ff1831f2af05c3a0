"""Schema migrations, run by the service itself at start: alembic's scripts without alembic.ini and env.py.

A package's scripts are a folder with `versions/*.py` (revision, down_revision, upgrade). Each package has its own
version table, so several share one database without knowing each other.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext, RevisionStep
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from ticketing.adapters.database import Database
from ticketing.domain.errors import DatabaseFailureError, DatabaseNewerError, MigrationError

TICKETING_SCRIPTS: Final = Path(__file__).parent / "migrations"
TICKETING_VERSION_TABLE: Final = "ticketing_alembic_version"
_LOCK_KEY: Final = 0x6775_6963_6865_74  # "guichet": PostgreSQL's advisory lock of all nodes that migrate


async def migrate(
    database: Database,
    script_location: Path = TICKETING_SCRIPTS,
    version_table: str = TICKETING_VERSION_TABLE,
    *,
    revision: str = "head",
) -> None:
    """Bring the tables of `script_location` to `revision`, in one transaction: all steps or none. Several nodes may
    start at once: one migrates, the others wait and find nothing to do. Raises MigrationError, and
    DatabaseNewerError, with nothing touched."""
    script = _script_directory(script_location)
    try:
        async with database.write() as connection:
            if not database.is_sqlite:
                await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK_KEY})
            await connection.run_sync(_upgrade, script, version_table, revision)
    except (CommandError, SQLAlchemyError, DatabaseFailureError) as error:
        raise MigrationError(f"{version_table}: the database cannot be brought to {revision!r}: {error}") from error


def _script_directory(location: Path) -> ScriptDirectory:
    config = Config()
    config.set_main_option("script_location", str(location).replace("%", "%%"))
    return ScriptDirectory.from_config(config)


def _upgrade(connection: Connection, script: ScriptDirectory, version_table: str, revision: str) -> None:
    def steps(current: Any, _: MigrationContext) -> list[RevisionStep]:
        known = {each.revision for each in script.walk_revisions()}
        if unknown := set((current,) if isinstance(current, str) else current or ()) - known:
            raise DatabaseNewerError(
                f"the database was brought to {', '.join(sorted(unknown))} by a newer Guichet ({version_table});"
                " this one would not understand it: start that one, or restore a backup of before"
            )
        return script._upgrade_revs(revision, current)

    with EnvironmentContext(Config(), script, fn=steps, destination_rev=revision) as environment:
        environment.configure(connection=connection, version_table=version_table)
        with environment.begin_transaction():
            environment.run_migrations()
