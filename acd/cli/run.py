"""`guichet run` and `guichet check`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from acd.cli.failures import clear_failures
from acd.lifecycle import serve_until_stopped
from acd.logs import set_up_logging
from acd.secrets import load_secrets
from acd.settings import load_settings
from acd.site import load_site

ConfigFile = Annotated[Path | None, typer.Option("--config", help="Site file; else $GUICHET_CONFIG.")]


def run(config: ConfigFile = None) -> None:
    """The service: FastAGI, AMI, HTTP. Needs an Asterisk (see `guichet asterisk up`). SIGTERM ends it."""
    with clear_failures():
        settings = load_settings(config)
        set_up_logging(settings.service.log_format)
        asyncio.run(serve_until_stopped(load_site(settings), load_secrets(settings.data_dir)))


def check(config: ConfigFile = None) -> None:
    """Check settings, queues and menus; each problem as file:line:column. Exit 1 if there is any."""
    with clear_failures():
        site = load_site(load_settings(config))
    for warning in site.warnings:
        typer.echo(str(warning), err=True)
    typer.echo(
        f"good: {len(site.settings.queues)} queues, {len(site.flows)} flows, {len(site.settings.numbers)} numbers"
    )
