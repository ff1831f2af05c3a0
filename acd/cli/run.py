"""`guichet run` and `guichet check`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from acd.adapters.control import ask_to_reload
from acd.cli.failures import clear_failures
from acd.lifecycle import serve_until_stopped
from acd.logs import set_up_logging
from acd.reload import ReloadReport
from acd.secrets import load_secrets
from acd.settings import load_settings
from acd.site import load_site
from acd.stability import allow_many_sockets

ConfigFile = Annotated[Path | None, typer.Option("--config", help="Site file; else $GUICHET_CONFIG.")]


def run(config: ConfigFile = None) -> None:
    """The service: FastAGI, AMI, HTTP. Needs an Asterisk (see `guichet asterisk up`). SIGTERM ends it."""
    with clear_failures():
        settings = load_settings(config)
        set_up_logging(settings.service.log_format)
        site, secrets = load_site(settings), load_secrets(settings.data_dir)
        allow_many_sockets()
        asyncio.run(serve_until_stopped(site, secrets, lambda: load_settings(config)))


def reload(config: ConfigFile = None) -> None:
    """Take changed menus, numbers, queues and hours into the service. Checked first: a fault changes nothing."""
    with clear_failures():
        settings = load_settings(config)
        site = load_site(settings)
        report = msgspec.json.decode(asyncio.run(ask_to_reload(settings.data_dir)), type=ReloadReport)
    for warning in site.warnings:
        typer.echo(str(warning), err=True)
    for name, version in report.flows.items():
        typer.echo(f"flow {name}: now version {version}")
    for name in report.removed_flows:
        typer.echo(f"flow {name}: gone; callers inside finish it")
    for name in report.kept_queues:
        typer.echo(f"queue {name}: kept until the next start, for calls that may still come to it")
    for name in report.needs_restart:
        typer.echo(f"{name}: changed, but used as it was until the next start")
    typer.echo("reloaded")


def check(config: ConfigFile = None) -> None:
    """Check settings, queues and menus; each problem as file:line:column. Exit 1 if there is any."""
    with clear_failures():
        site = load_site(load_settings(config))
    for warning in site.warnings:
        typer.echo(str(warning), err=True)
    typer.echo(
        f"good: {len(site.settings.queues)} queues, {len(site.flows)} flows, {len(site.settings.numbers)} numbers"
    )
