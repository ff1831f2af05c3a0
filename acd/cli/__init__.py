"""The `guichet` command."""

from __future__ import annotations

import typer

from acd.cli import asterisk, backup, demo, ivr, run, simulate, user

app = typer.Typer(help="Call distribution for hotlines and service desks.", no_args_is_help=True, add_completion=False)
app.command()(run.run)
app.command()(demo.demo)
app.command()(run.check)
app.command(name="simulate")(simulate.simulate_command)
app.command()(run.reload)
app.command()(backup.backup)
app.command()(backup.restore)
app.add_typer(asterisk.app, name="asterisk")
app.add_typer(ivr.app, name="ivr")
app.add_typer(user.app, name="user")


def main() -> None:
    app()
