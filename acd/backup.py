"""A site in one file: journal, database, secrets, configuration and, if wanted, recordings; and back again.

The journal is taken before the database: what it still owes the desk may then be there already, and is merged; the
other way round something could be missing in both.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

import msgspec

from acd.adapters.bus.disk import FolderDisk, JournalLockedError
from acd.settings import Settings
from acd.shipped import shipped_config

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
_JOURNAL, _SECRETS, _CONFIGURATION = "journal", "secrets", "configuration"
_RECORDINGS, _PROMPTS = "recordings", "prompts"
_SQLITE, _POSTGRES = "database/guichet.db", "database/guichet.pgdump"
_LOCK: Final = "lock"


class BackupError(Exception):
    """What stands in the way, and what to do about it."""

    error_id = "backup.not_possible"


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """First in the file. `files`: every other one with its SHA-256 in hex."""

    format: int
    guichet: str
    made_at: datetime
    files: dict[str, str]


def back_up(settings: Settings, site_file: Path | None, target: Path, at: datetime, *, recordings: bool) -> Manifest:
    """Write `target`, while a service may be running. Raises BackupError."""
    if target.exists():
        raise BackupError(f"{target} is there already: nothing is overwritten")
    with tempfile.TemporaryDirectory(prefix="guichet-backup-", dir=target.absolute().parent) as name:
        stage = Path(name)
        _copy_journal(settings.journal_folder, stage / _JOURNAL)
        _dump_database(settings, stage)
        _copy_tree(settings.data_dir / _SECRETS, stage / _SECRETS)
        _copy_configuration(settings, site_file, stage / _CONFIGURATION)
        if recordings:
            _copy_tree(settings.recordings_dir, stage / _RECORDINGS)
            if settings.prompts.recordings is not None:
                _copy_tree(settings.prompts.recordings, stage / _PROMPTS)
        files = {str(path.relative_to(stage)): _digest(path) for path in _files_below(stage)}
        manifest = Manifest(format=FORMAT, guichet=version("guichet"), made_at=at, files=files)
        (stage / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(manifest)))
        unfinished = stage.with_suffix(".tar.gz")
        _pack(stage, [MANIFEST, *sorted(files)], unfinished)
        unfinished.replace(target)
    return manifest


def restore(settings: Settings, source: Path, at: datetime) -> tuple[Manifest, Path | None]:
    """Put journal, database, secrets and recordings back where these settings have them. What was there is moved to
    the folder that is returned. Raises BackupError; then nothing has been touched."""
    with _unpacked(source) as (stage, manifest), _nobody_running(settings):
        _check_database(settings, stage)
        aside = settings.data_dir / f"before-restore-{at:%Y%m%d-%H%M%S}"
        places = [
            (stage / _JOURNAL, settings.journal_folder),
            (stage / _SECRETS, settings.data_dir / _SECRETS),
            (stage / _RECORDINGS, settings.recordings_dir),
        ]
        if settings.prompts.recordings is not None:
            places.append((stage / _PROMPTS, settings.prompts.recordings))
        for new, place in places:
            if new.is_dir():
                _put_in_place(new, place, aside)
        _load_database(settings, stage, aside)
        return manifest, aside if aside.exists() else None


def extract_configuration(source: Path, folder: Path) -> list[Path]:
    """The site file and its menus, into an empty or new folder. Raises BackupError."""
    if folder.exists() and any(folder.iterdir()):
        raise BackupError(f"{folder} is not empty: nothing is overwritten")
    with _unpacked(source) as (stage, _):
        if not (stage / _CONFIGURATION).is_dir():
            raise BackupError(f"{source} holds no configuration: the site had no file of its own")
        shutil.copytree(stage / _CONFIGURATION, folder, dirs_exist_ok=True)
    return sorted(path for path in folder.rglob("*") if path.is_file())


# taking ------------------------------------------------------------------------------------------------------------


def _copy_journal(folder: Path, target: Path) -> None:
    """A service may write it meanwhile, and take what is old away: snapshots first, for they stand for what is gone."""
    if not folder.is_dir():
        return
    target.mkdir()
    for pattern in ("snapshot-*.journal", "events-*.journal"):
        for path in sorted(folder.glob(pattern)):
            try:
                shutil.copyfile(path, target / path.name)
            except FileNotFoundError:
                continue


def _copy_tree(folder: Path, target: Path) -> None:
    if folder.is_dir():
        shutil.copytree(folder, target)


def _copy_configuration(settings: Settings, site_file: Path | None, target: Path) -> None:
    """The site file, and what it names that lies beside it; other places are the administrator's to keep."""
    if site_file is None:
        return
    home = site_file.absolute().parent
    target.mkdir()
    shutil.copyfile(site_file, target / site_file.name)
    for path in settings.flow_files:
        if path.is_relative_to(shipped_config()) or not path.is_relative_to(home):
            continue
        place = target / path.relative_to(home)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place)


def _dump_database(settings: Settings, stage: Path) -> None:
    path = _sqlite_path(settings)
    if path is None:
        (stage / _POSTGRES).parent.mkdir()
        _postgres(settings, "pg_dump", ["--format=custom", "--no-owner", f"--file={stage / _POSTGRES}"])
        return
    if not path.exists():
        return
    (stage / _SQLITE).parent.mkdir()
    try:
        with (
            closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as source,
            closing(sqlite3.connect(stage / _SQLITE)) as target,
        ):
            source.backup(target)
    except sqlite3.Error as error:
        raise BackupError(f"the database {path} cannot be copied: {error}") from error


def _pack(stage: Path, names: Sequence[str], target: Path) -> None:
    try:
        with tarfile.open(target, "x:gz", compresslevel=6) as archive:
            for name in names:
                archive.add(stage / name, name, recursive=False)
        target.chmod(0o600)  # secrets are in it
    except OSError as error:
        target.unlink(missing_ok=True)
        raise BackupError(f"{target.parent} cannot be written: {error.strerror or error}") from error


# putting back ------------------------------------------------------------------------------------------------------


@contextmanager
def _unpacked(source: Path) -> Iterator[tuple[Path, Manifest]]:
    """Every file is what the manifest says, or nothing is."""
    with tempfile.TemporaryDirectory(prefix="guichet-restore-") as name:
        stage = Path(name)
        try:
            with tarfile.open(source, "r:gz") as archive:
                archive.extractall(stage, filter="data")
            manifest = msgspec.json.decode((stage / MANIFEST).read_bytes(), type=Manifest)
        except (OSError, tarfile.TarError, EOFError, msgspec.DecodeError) as error:
            raise BackupError(f"{source} is no backup of Guichet's, or is damaged: {error}") from error
        if manifest.format > FORMAT:
            raise BackupError(f"{source} was made by Guichet {manifest.guichet}: this one is too old to read it")
        found = {str(path.relative_to(stage)) for path in _files_below(stage)} - {MANIFEST}
        damaged = [
            path for path, digest in manifest.files.items() if path not in found or _digest(stage / path) != digest
        ]
        if damaged or found != set(manifest.files):
            raise BackupError(f"{source} is damaged: {', '.join(sorted(damaged) or ['files that it does not list'])}")
        yield stage, manifest


@contextmanager
def _nobody_running(settings: Settings) -> Iterator[None]:
    disk = FolderDisk(settings.journal_folder)
    try:
        disk.lock()
    except JournalLockedError as error:
        raise BackupError(f"a service is running ({error}): stop it first") from error
    try:
        yield
    finally:
        disk.unlock()


def _check_database(settings: Settings, stage: Path) -> None:
    is_sqlite = _sqlite_path(settings) is not None
    if (stage / _POSTGRES).exists() and is_sqlite:
        raise BackupError("the backup is of a PostgreSQL database, and `database.url` names none: set it first")
    if (stage / _SQLITE).exists() and not is_sqlite:
        raise BackupError("the backup is of an SQLite database, and `database.url` names another: leave it out first")
    if (stage / _POSTGRES).exists() and shutil.which("pg_restore") is None:
        raise BackupError("pg_restore is not there: install PostgreSQL's client programs")


def _put_in_place(new: Path, place: Path, aside: Path) -> None:
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    for old in place.iterdir():
        if old.name != _LOCK:
            (aside / new.name).mkdir(parents=True, exist_ok=True)
            shutil.move(old, aside / new.name / old.name)
    for path in new.iterdir():
        shutil.move(path, place / path.name)


def _load_database(settings: Settings, stage: Path, aside: Path) -> None:
    path = _sqlite_path(settings)
    if path is None:
        if (stage / _POSTGRES).exists():
            _postgres(settings, "pg_restore", ["--clean", "--if-exists", "--no-owner", str(stage / _POSTGRES)])
        return
    for old in (path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")):
        if old.exists():
            aside.mkdir(parents=True, exist_ok=True)
            shutil.move(old, aside / old.name)
    if (stage / _SQLITE).exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(stage / _SQLITE, path)


# both --------------------------------------------------------------------------------------------------------------


def _sqlite_path(settings: Settings) -> Path | None:
    """None: it is a PostgreSQL database."""
    scheme, _, path = settings.database_url.partition(":///")
    return Path(path) if scheme.partition("+")[0] == "sqlite" else None


def _postgres(settings: Settings, program: str, arguments: Sequence[str]) -> None:
    found = shutil.which(program)
    if found is None:
        raise BackupError(f"{program} is not there: install PostgreSQL's client programs")
    parts = urlsplit(settings.database_url)
    environment = {**os.environ, "PGPASSWORD": unquote(parts.password or "")}
    where = [f"--port={parts.port or 5432}", f"--dbname={parts.path.lstrip('/')}"]
    where += [f"--host={parts.hostname}"] if parts.hostname else []
    where += [f"--username={unquote(parts.username)}"] if parts.username else []
    done = subprocess.run(  # the program was found on PATH, the rest is the administrator's own setting
        [found, "--no-password", *where, *arguments], env=environment, capture_output=True, check=False
    )
    if done.returncode:
        said = " ".join(done.stderr.decode("utf-8", "replace").split())
        raise BackupError(f"{program} failed: {said or f'exit code {done.returncode}'}")


def _files_below(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
