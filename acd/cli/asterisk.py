"""`guichet asterisk up | down | status | config`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Annotated

import typer

from acd.adapters.asterisk.folders import write_file
from acd.adapters.asterisk.install import find_installation
from acd.adapters.asterisk.local import APOLOGY, AsteriskInstance, instance_of
from acd.adapters.asterisk.machine import InstallationError
from acd.adapters.asterisk.modules import all_modules
from acd.adapters.asterisk.readiness import AsteriskError
from acd.adapters.asterisk.render import RenderError, layout_elsewhere, render
from acd.adapters.asterisk.snippets import snippets
from acd.secrets import SecretError, load_secrets
from acd.settings import Settings, load_settings
from ivr.source import ConfigurationError

app = typer.Typer(help="A local Asterisk of Guichet's own, or what an existing one needs.", no_args_is_help=True)
ConfigFile = Annotated[
    Path | None, typer.Option("--config", help="Site file; else $GUICHET_CONFIG.", show_default=False)
]


@app.command()
def up(config: ConfigFile = None) -> None:
    """Find or prepare an Asterisk, render its configuration and run it. Does nothing where it runs already."""

    async def start() -> None:
        settings = load_settings(config)
        installation = await asyncio.to_thread(find_installation, progress=_say)
        instance = instance_of(settings, installation, _say)
        await instance.up()
        sip = settings.asterisk.sip
        _say(f"Asterisk is ready (process {instance.pid()}): SIP at {sip.host}:{sip.port}, folder {instance.home}")

    _run(start)


@app.command()
def down(config: ConfigFile = None) -> None:
    """End the local Asterisk; calls in progress are hung up."""

    async def stop() -> None:
        instance = await _present(load_settings(config))
        was = instance.pid()
        await instance.down()
        _say("Asterisk was not running" if was is None else f"Asterisk (process {was}) has ended")

    _run(stop)


@app.command()
def status(config: ConfigFile = None) -> None:
    """Say whether the local Asterisk runs and is ready for calls. Exit code 1 where it is not."""

    async def ask() -> None:
        instance = await _present(load_settings(config))
        found = await instance.status()
        if found.problem is not None:
            raise AsteriskError(found.problem)
        summary = (await instance.cli("core show channels count")).strip().splitlines()
        _say(f"Asterisk {found.version} is ready (process {found.pid}); {', '.join(summary)}; folder {instance.home}")

    _run(ask)


@app.command("config")
def configuration(
    into: Annotated[
        Path | None,
        typer.Option(help="Folder to write for an Asterisk elsewhere; else the local Asterisk's.", show_default=False),
    ] = None,
    print_: Annotated[
        bool, typer.Option("--print", help="Print what an existing PBX needs, and write nothing.")
    ] = False,
    config: ConfigFile = None,
) -> None:
    """Render Asterisk's configuration from the settings."""

    async def make() -> None:
        settings = load_settings(config)
        if not print_ and into is None:
            instance = instance_of(settings, await asyncio.to_thread(find_installation, progress=_say), _say)
            _say(f"{len(instance.write())} files are in {instance.folders.etc}")
            return
        layout = layout_elsewhere(settings, into.absolute() if into is not None else None)
        files = render(
            settings,
            load_secrets(settings.data_dir),
            layout,
            modules=all_modules(),
            apology=str(settings.data_dir.resolve() / APOLOGY),
        )
        if print_:
            typer.echo(snippets(files, settings))
        elif into is not None:
            _write(into, files)

    _run(make)


def _write(folder: Path, files: Mapping[str, str]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            write_file(folder / name, text)
    except OSError as error:
        raise AsteriskError(f"{error.filename or folder} cannot be written: {error.strerror}") from error
    _say(f"{len(files)} files are in {folder}")


async def _present(settings: Settings) -> AsteriskInstance:
    installation = await asyncio.to_thread(find_installation, prepare_missing=False)
    return instance_of(settings, installation, _say)


def _say(line: str) -> None:
    typer.echo(line)


def _run(work: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        await work()

    try:
        asyncio.run(main())
    except (AsteriskError, InstallationError, RenderError, SecretError, ConfigurationError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
