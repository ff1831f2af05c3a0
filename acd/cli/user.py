"""`guichet user add | list | remove`: the people who may log in."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from acd.adapters.store.users import SqlUserDirectory
from acd.cli.failures import clear_failures
from acd.service.ports import Role, User
from acd.service.taste import taste_of
from acd.service.users import UserError, UsersUnavailableError, check_user
from acd.settings import Settings, load_settings
from ticketing.api import open_database

app = typer.Typer(help="People who may log in: agents, supervisors, administrators.", no_args_is_help=True)
ConfigFile = Annotated[
    Path | None, typer.Option("--config", help="Site file; else $GUICHET_CONFIG.", show_default=False)
]

T = TypeVar("T")


@app.command()
def add(
    login: Annotated[str, typer.Argument(help="Small letters, digits, . _ -", show_default=False)],
    *,
    name: Annotated[str, typer.Option(help="As shown to others. Needed for a new user.", show_default=False)] = "",
    role: Annotated[list[Role] | None, typer.Option(help="May be given several times; agent if never.")] = None,
    extension: Annotated[
        str | None, typer.Option(help="The phone to ring; agents need one.", show_default=False)
    ] = None,
    skill: Annotated[
        list[str] | None, typer.Option(metavar="NAME=LEVEL", help="Proficiency 0 to 100, higher is better.")
    ] = None,
    prefers: Annotated[
        list[str] | None, typer.Option(metavar="QUEUE", help="Gets calls of this queue first; the liked ones first.")
    ] = None,
    share: Annotated[
        list[str] | None, typer.Option(metavar="QUEUE=PERCENT", help="Gets this share of the calls; 100 together.")
    ] = None,
    no_preference: Annotated[bool, typer.Option(help="Neither from now on.")] = False,
    password_stdin: Annotated[bool, typer.Option(help="Read the password from standard input.")] = False,
    keep_password: Annotated[bool, typer.Option(help="Ask for none: an existing one stays.")] = False,
    config: ConfigFile = None,
) -> None:
    """Add a user, or change one: what is not given stays as it is. Asks for a password unless told otherwise."""

    async def save(directory: SqlUserDirectory, settings: Settings) -> User:
        known = {user.login: user for user in await directory.all()}.get(login)
        user = User(
            login=login,
            name=name or (known.name if known else ""),
            roles=frozenset(role or ()) or (known.roles if known else frozenset({Role.AGENT})),
            extension=extension or (known.extension if known else None),
            skills=skills if skill else (known.skills if known else {}),
            taste=taste if taste or no_preference else (known.taste if known else None),
        )
        check_user(user)
        _check_phone(user, settings)
        password = None if keep_password else await asyncio.to_thread(_ask_password, password_stdin)
        await directory.save(user, password)
        return user

    with _clear_failures():
        skills = _levels_of("--skill", skill or [])
        taste = taste_of(tuple(prefers or ()), _levels_of("--share", share or []))
        user = _with_directory(config, save)
    typer.echo(f"{user.login}: {_described(user)}")


@app.command(name="list")
def list_users(config: ConfigFile = None) -> None:
    """All users, one per line."""

    async def read(directory: SqlUserDirectory, _: Settings) -> list[User]:
        return await directory.all()

    with _clear_failures():
        users = _with_directory(config, read)
    for user in users:
        typer.echo(f"{user.login}: {_described(user)}")
    if not users:
        typer.echo("There are no users yet; `guichet user add` makes one.", err=True)


@app.command()
def remove(
    login: Annotated[str, typer.Argument(show_default=False)],
    config: ConfigFile = None,
) -> None:
    """Remove a user; whoever is logged in under this name is logged out."""

    async def drop(directory: SqlUserDirectory, _: Settings) -> bool:
        return await directory.remove(login)

    with _clear_failures():
        if not _with_directory(config, drop):
            raise UserError(f"login: there is no user {login}")
    typer.echo(f"{login}: removed")


def _with_directory(config: Path | None, work: Callable[[SqlUserDirectory, Settings], Awaitable[T]]) -> T:
    async def run() -> T:
        settings = load_settings(config)
        if settings.database.url is None:
            settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        async with await open_database(settings.database_url) as database:
            return await work(await SqlUserDirectory.open(database), settings)

    return asyncio.run(run())


@contextmanager
def _clear_failures() -> Iterator[None]:
    with clear_failures():
        try:
            yield
        except (UserError, UsersUnavailableError) as error:
            typer.echo(str(error), err=True)
            raise SystemExit(1) from None


def _levels_of(option: str, given: list[str]) -> dict[str, int]:
    levels = {}
    for text in given:
        skill, _, level = text.partition("=")
        if not (level.isascii() and level.isdigit()):
            what = "NAME=LEVEL, as in support=3" if option == "--skill" else "QUEUE=PERCENT, as in support=70"
            raise UserError(f"{option} {text}: write {what}")
        levels[skill] = int(level)
    return levels


def _check_phone(user: User, settings: Settings) -> None:
    phones = settings.asterisk.agent_phones
    if user.extension is not None and user.extension not in phones.extensions:
        raise UserError(
            f"extension: {user.extension} is none of the agents' phones, {phones.first_extension} to "
            f"{phones.last_extension} (asterisk.agent_phones)"
        )


def _ask_password(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    password: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    return password


def _described(user: User) -> str:
    parts = [user.name, ", ".join(sorted(user.roles))]
    if user.extension:
        parts.append(f"extension {user.extension}")
    parts += [f"{skill}={level}" for skill, level in sorted((user.skills or {}).items())]
    if user.taste and user.taste.preferences:
        parts.append("prefers " + ", ".join(user.taste.preferences))
    parts += [f"{share} % of {queue}" for queue, share in (user.taste.allocation if user.taste else ())]
    return " · ".join(parts)
