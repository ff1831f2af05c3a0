"""`guichet user`: what it says, and what it refuses."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from acd.adapters.store.users import SqlUserDirectory
from acd.cli.user import app
from acd.service.ports import Role, User
from routing import Taste
from ticketing.api import open_database

Run = Callable[..., Result]
ALICE = ("add", "alice", "--name", "Alice Martin", "--extension", "1001", "--skill", "support=3", "--password-stdin")


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def invoke(*arguments: str, given: str = "correct horse\n") -> Result:
        environment = {"GUICHET_SERVICE__DATA_DIR": str(tmp_path)}
        return CliRunner().invoke(app, list(arguments), input=given, env=environment)

    return invoke


def found(tmp_path: Path, login: str, password: str) -> User | None:
    async def ask() -> User | None:
        async with await open_database(f"sqlite:///{tmp_path}/guichet.db") as database:
            return await (await SqlUserDirectory.open(database)).authenticate(login, password)

    return asyncio.run(ask())


def test_a_user_is_added_listed_and_removed(run: Run, tmp_path: Path) -> None:
    added = run(*ALICE, "--skill", "orders=1")
    assert (added.exit_code, added.output) == (
        0,
        "alice: Alice Martin · agent · extension 1001 · orders=1 · support=3\n",
    )
    assert found(tmp_path, "alice", "correct horse") == User(
        login="alice",
        name="Alice Martin",
        roles=frozenset({Role.AGENT}),
        extension="1001",
        skills={"support": 3, "orders": 1},
    )
    assert run("list").output == added.output
    assert run("remove", "alice").output == "alice: removed\n"
    assert "There are no users yet" in run("list").output


def test_preferences_are_kept_until_something_else_is_said(run: Run, tmp_path: Path) -> None:
    run(*ALICE, "--prefers", "orders", "--prefers", "support")
    told = run("add", "alice", "--skill", "support=9", "--keep-password").output
    assert told == "alice: Alice Martin · agent · extension 1001 · support=9 · prefers orders, support\n"
    told = run("add", "alice", "--share", "orders=30", "--share", "support=70", "--keep-password").output
    assert told.endswith("support=9 · 30 % of orders · 70 % of support\n")
    user = found(tmp_path, "alice", "correct horse")
    assert user is not None
    assert user.taste == Taste(allocation=(("orders", 30), ("support", 70)))
    assert run("add", "alice", "--no-preference", "--keep-password").output.endswith("support=9\n")


def test_a_change_keeps_what_is_not_given(run: Run, tmp_path: Path) -> None:
    run(*ALICE)
    changed = run("add", "alice", "--role", "supervisor", "--role", "agent", "--keep-password")
    assert changed.output == "alice: Alice Martin · agent, supervisor · extension 1001 · support=3\n"
    assert found(tmp_path, "alice", "correct horse") is not None


def test_the_password_is_asked_for_twice(run: Run, tmp_path: Path) -> None:
    asked = run("add", "sarah", "--name", "Sarah", "--role", "supervisor", given="correct horse\ncorrect horse\n")
    assert asked.exit_code == 0, asked.output
    assert "correct horse" not in asked.output
    assert found(tmp_path, "sarah", "correct horse") is not None


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("add", "alice", "--share", "orders=30"), "the percentages must be 1 or more each, and 100 together"),
        (("add", "alice", "--prefers", "a", "--share", "a=100"), "give queues to prefer or percentages, not both"),
        (("add", "Alice", "--name", "A", "--extension", "1001"), "login: 1 to 40 small letters"),
        (("add", "alice", "--extension", "1001"), "name: 1 to 80 characters"),
        (("add", "alice", "--name", "A"), "extension: an agent needs one"),
        (("add", "alice", "--name", "A", "--extension", "9"), "extension: 2 to 8 digits"),
        (("add", "alice", "--name", "A", "--extension", "7777"), "none of the agents' phones, 1001 to 1050"),
        (("add", "alice", "--name", "A", "--extension", "1001", "--skill", "support"), "write NAME=LEVEL"),
        (("add", "alice", "--name", "A", "--extension", "1001", "--skill", "s=101"), "a proficiency from 0 to 100"),
        (("add", "alice", "--name", "A", "--extension", "1001", "--skill", "S!=1"), "skill: 1 to 40 small letters"),
        (("remove", "nobody"), "there is no user nobody"),
    ],
)
def test_what_is_wrong_is_one_sentence(run: Run, arguments: tuple[str, ...], says: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 1
    assert says in result.output
    assert len(result.output.strip().splitlines()) == 1


def test_a_short_password_and_a_taken_phone_are_refused(run: Run) -> None:
    assert "password: 8 to 200 characters" in run(*ALICE, given="short\n").output
    assert run(*ALICE).exit_code == 0
    taken = run("add", "bob", "--name", "Bob", "--extension", "1001", "--keep-password")
    assert (taken.exit_code, taken.output) == (1, "extension: 1001 belongs to alice\n")
