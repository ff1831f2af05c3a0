"""`guichet backup` and `guichet restore`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from acd.adapters.clock import SystemClock
from acd.backup import back_up, extract_configuration
from acd.backup import restore as put_back
from acd.cli.failures import clear_failures
from acd.settings import load_settings

ConfigFile = Annotated[
    Path | None, typer.Option("--config", help="Site file; else $GUICHET_CONFIG.", envvar="GUICHET_CONFIG")
]
File = Annotated[Path, typer.Argument(help="A .tar.gz", show_default=False)]


def backup(
    file: File,
    *,
    recordings: Annotated[bool, typer.Option(help="Recordings of calls and prompts too.")] = False,
    config: ConfigFile = None,
) -> None:
    """Journal, database, secrets and configuration into one file, also while the service runs. Keep it safe: the
    secrets and all callers are in it."""
    with clear_failures():
        manifest = back_up(load_settings(config), config, file, SystemClock().now(), recordings=recordings)
    typer.echo(f"{file}: {len(manifest.files)} files")


def restore(
    file: File,
    *,
    configuration_to: Annotated[
        Path | None, typer.Option(help="Only put the configuration into this new folder.", show_default=False)
    ] = None,
    config: ConfigFile = None,
) -> None:
    """Put a backup back where the settings have journal, database and secrets; with the service stopped. What was there
    is moved aside. First get the configuration out with --configuration-to, if that is lost too."""
    with clear_failures():
        if configuration_to is not None:
            for path in extract_configuration(file, configuration_to):
                typer.echo(str(path))
            return
        manifest, aside = put_back(load_settings(config), file, SystemClock().now())
    typer.echo(f"restored what Guichet {manifest.guichet} kept at {manifest.made_at:%Y-%m-%d %H:%M:%S} UTC")
    if aside is not None:
        typer.echo(f"what was there before: {aside}")
