"""`python -m tests.chaos --seed N --for SECONDS`: exit code 0 only when nothing was lost and nothing doubled."""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import tempfile
from pathlib import Path

from acd.adapters.asterisk.install import find_installation
from tests.chaos.faults import FAULTS
from tests.chaos.storm import Report, storm, storm_asterisk


async def _run(options: argparse.Namespace, folder: Path) -> Report:
    site = folder / "site"
    site.mkdir()
    async with storm_asterisk(folder / "asterisk", find_installation()) as asterisk:
        return await storm(
            asterisk,
            site,
            seed=options.seed,
            seconds=options.seconds,
            agents=options.agents,
            calls_per_minute=options.calls_per_minute,
            only=tuple(options.only),
        )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--for", dest="seconds", type=float, default=60.0, help="seconds of calls and faults")
    parser.add_argument("--agents", type=int, default=6)
    parser.add_argument("--calls-per-minute", type=float, default=40.0)
    parser.add_argument("--only", nargs="*", default=[], choices=[fault.__name__ for fault in FAULTS])
    parser.add_argument("--keep", action="store_true", help="keep logs and database, and say where they are")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="guichet-chaos-"))
    try:
        report = asyncio.run(_run(options, folder))
        print("\n".join(report.lines()))  # noqa: T201
        if report.start_seconds:
            longest = max(report.start_seconds)
            print(f"{len(report.start_seconds)} starts of the service, ready after {longest:.2f} s at most")  # noqa: T201
        return 1 if report.differences else 0
    finally:
        if options.keep:
            print(f"kept: {folder}")  # noqa: T201
        else:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
