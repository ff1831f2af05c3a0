"""`guichet demo`."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from acd.cli.failures import clear_failures
from acd.demo.demo import DemoOptions, run_demo
from acd.demo.report import Summary
from acd.settings import load_settings


def demo(
    for_: Annotated[
        float | None, typer.Option("--for", metavar="SECONDS", help="End by itself; else Ctrl-C.", min=5)
    ] = None,
    calls_per_minute: Annotated[float, typer.Option(help="How often somebody rings.", min=1, max=600)] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print only the summary, as JSON.")] = False,
    config: Annotated[Path | None, typer.Option("--config", help="Site file; else $GUICHET_CONFIG.")] = None,
) -> None:
    """Asterisk, the service and simulated people with real SIP calls, on this machine. Exit 0 if no call was lost."""
    with clear_failures():
        settings = load_settings(config)
        home = settings.data_dir / "demo"
        settings = load_settings(config, overrides={"service": {"data_dir": str(home)}})
        options = DemoOptions(
            calls_per_minute=calls_per_minute,
            for_time=timedelta(seconds=for_) if for_ else None,
            config=config,
            say=_say_nothing if as_json else _say,
        )
        summary = asyncio.run(run_demo(settings, options))
    typer.echo(json.dumps(_as_json(summary), indent=2) if as_json else _as_text(summary))
    raise typer.Exit(0 if summary.is_good else 1)


def _say(line: str) -> None:
    typer.echo(line)
    sys.stdout.flush()


def _say_nothing(line: str) -> None:
    """--json: the summary alone is printed."""


def _as_json(summary: Summary) -> dict[str, object]:
    return asdict(summary) | {"pops_before_ring_share": summary.pops_before_ring_share, "ok": summary.is_good}


def _as_text(summary: Summary) -> str:
    share = summary.pops_before_ring_share
    speed, longest = summary.average_speed_of_answer_seconds, summary.longest_wait_seconds
    lines = [
        "",
        f"calls offered    {summary.offered}",
        f"answered         {summary.answered}",
        f"abandoned        {summary.abandoned}",
        f"lost             {summary.lost}",
        f"tickets          {summary.tickets}  (answered calls without one: {summary.answered_without_ticket})",
        f"pop before ring  {summary.pops_before_ring} of {summary.rings}" + (f" ({share:.1%})" if share else ""),
        f"pop lead         {summary.pop_lead_ms_p50} ms (median)",
        f"speed of answer  {speed} s (longest {longest} s)",
    ]
    return "\n".join([*lines, *(f"! {trouble}" for trouble in summary.troubles)])
