"""`guichet backup` and `guichet restore`: what went in comes out, elsewhere too; nothing is overwritten by mistake."""

from __future__ import annotations

import asyncio
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from acd.adapters.bus.disk import FolderDisk
from acd.adapters.bus.file_journal import FileJournal
from acd.adapters.bus.opening import open_file_journal
from acd.adapters.clock import SystemClock
from acd.adapters.store.users import SqlUserDirectory
from acd.cli import app
from acd.domain import events as ev
from acd.domain.ids import AgentId
from acd.service.ports import Role, User
from ticketing.api import open_database

ALICE = User(login="alice", name="Alice Martin", roles=frozenset({Role.AGENT}), extension="1001", skills={"x": 1})
FLOW = """
name: night
start: bye
nodes:
  bye: {kind: hangup, prompt: {fr: "Fermé.", en: "Closed."}}
"""


class Place:
    """A site of its own: settings, database, journal, secrets."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.site_file = folder / "etc" / "site.yaml"
        self.site_file.parent.mkdir(parents=True)
        self.site_file.write_text(f"service: {{data_dir: {self.data}}}\n")

    def run(self, *arguments: str | Path) -> Result:
        return CliRunner().invoke(app, [*map(str, arguments), "--config", str(self.site_file)])

    async def _open_users(self, work: Callable[[SqlUserDirectory], object]) -> object:
        self.data.mkdir(parents=True, exist_ok=True)
        async with await open_database(f"sqlite:///{self.data}/guichet.db") as database:
            return await work(await SqlUserDirectory.open(database))  # type: ignore[misc]  # all of them are awaited

    def users(self) -> list[str]:
        found = asyncio.run(self._open_users(lambda users: users.all()))
        assert isinstance(found, list)
        return [user.login for user in found]

    def hire(self, user: User) -> None:
        asyncio.run(self._open_users(lambda users: users.save(user, "correct horse")))

    def journalled(self) -> int:
        past = FileJournal(FolderDisk(self.data / "journal"), SystemClock()).load()
        return sum(len(record.events) for record in past.records)

    async def write_journal(self, count: int) -> None:
        async with open_file_journal(self.data / "journal", SystemClock()) as (journal, _):
            journal.begin(lambda: iter(()))
            for number in range(count):
                journal.append([ev.AgentLoggedIn(at=SystemClock().now(), agent_id=AgentId(f"agent_{number}"))])


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = Place(tmp_path / "here")
    made.hire(ALICE)
    asyncio.run(made.write_journal(5))
    (made.data / "secrets").mkdir()
    (made.data / "secrets" / "ami_secret").write_text("very secret")
    return made


def test_what_went_in_comes_out_on_another_machine(place: Place, tmp_path: Path) -> None:
    file = tmp_path / "guichet.tar.gz"
    taken = place.run("backup", file)
    assert (taken.exit_code, taken.output) == (0, f"{file}: 5 files\n")
    assert file.stat().st_mode & 0o077 == 0, "secrets are in it"
    other = Place(tmp_path / "there")
    put_back = other.run("restore", file)
    assert put_back.exit_code == 0, put_back.output
    assert put_back.output.startswith("restored what Guichet ")
    assert other.users() == ["alice"]
    assert other.journalled() == 5
    assert (other.data / "secrets" / "ami_secret").read_text() == "very secret"


def test_what_was_there_is_moved_aside(place: Place, tmp_path: Path) -> None:
    file = tmp_path / "guichet.tar.gz"
    place.run("backup", file)
    place.hire(User(login="bob", name="Bob", roles=frozenset({Role.SUPERVISOR})))
    (place.data / "secrets" / "ami_secret").write_text("changed since")
    put_back = place.run("restore", file)
    assert put_back.exit_code == 0, put_back.output
    assert place.users() == ["alice"]
    (aside,) = place.data.glob("before-restore-*")
    assert str(aside) in put_back.output
    assert (aside / "secrets" / "ami_secret").read_text() == "changed since"
    assert (aside / "guichet.db").exists()
    assert list((aside / "journal").glob("events-*"))


def test_a_running_service_is_backed_up_and_never_overwritten(place: Place, tmp_path: Path) -> None:
    file = tmp_path / "guichet.tar.gz"
    disk = FolderDisk(place.data / "journal")
    disk.lock()
    try:
        assert place.run("backup", file).exit_code == 0
        refused = place.run("restore", file)
        assert refused.exit_code == 1
        assert "a service is running" in refused.output
    finally:
        disk.unlock()
    assert not list(place.data.glob("before-restore-*"))
    assert place.run("restore", file).exit_code == 0


def test_a_backup_replaces_no_file(place: Place, tmp_path: Path) -> None:
    file = tmp_path / "letters.tar.gz"
    file.write_text("dear diary")
    refused = place.run("backup", file)
    assert (refused.exit_code, "nothing is overwritten" in refused.output) == (1, True)
    assert file.read_text() == "dear diary"


def test_the_configuration_comes_with_its_menus(place: Place, tmp_path: Path) -> None:
    (place.site_file.parent / "menus").mkdir()
    (place.site_file.parent / "menus" / "night.yaml").write_text(FLOW)
    place.site_file.write_text(place.site_file.read_text() + "flows: [menus/night.yaml]\n")
    file = tmp_path / "guichet.tar.gz"
    assert place.run("backup", file).exit_code == 0
    target = tmp_path / "new"
    assert place.run("restore", file, "--configuration-to", target).exit_code == 0
    assert (target / "site.yaml").read_text() == place.site_file.read_text()
    assert (target / "menus" / "night.yaml").read_text() == FLOW
    again = place.run("restore", file, "--configuration-to", target)
    assert (again.exit_code, "not empty" in again.output) == (1, True)


@pytest.mark.parametrize("damage", ["cut", "changed", "added", "foreign", "newer"])
def test_a_damaged_backup_changes_nothing(place: Place, tmp_path: Path, damage: str) -> None:
    file, bad = tmp_path / "guichet.tar.gz", tmp_path / "bad.tar.gz"
    place.run("backup", file)
    if damage == "cut":
        bad.write_bytes(file.read_bytes()[:-200])
    elif damage == "foreign":
        bad.write_bytes(b"something else")
    else:
        repack(file, bad, damage)
    refused = place.run("restore", bad)
    assert refused.exit_code == 1
    assert str(bad) in refused.output
    assert place.users() == ["alice"]
    assert not list(place.data.glob("before-restore-*"))


def repack(source: Path, target: Path, damage: str) -> None:
    stage = source.parent / "stage"
    with tarfile.open(source) as archive:
        archive.extractall(stage, filter="data")
    if damage == "changed":
        (stage / "secrets" / "ami_secret").write_text("not so secret")
    elif damage == "added":
        (stage / "secrets" / "extra").write_text("x")
    else:
        manifest = stage / "manifest.json"
        manifest.write_text(manifest.read_text().replace('"format": 1', '"format": 2'))
    with tarfile.open(target, "x:gz") as archive:
        for path in sorted(stage.iterdir()):
            archive.add(path, path.name)
