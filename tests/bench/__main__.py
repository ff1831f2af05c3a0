"""`make bench`: app_queue and Guichet side by side on one Asterisk, with the same phones. Writes build/bench.json.

    python -m tests.bench [--quick] [--only NAME]...     names: free_to_ring caller_to_ring cpu rate routing parts

See docs/benchmarks.md. No figure makes it fail: it exits 1 only when it could not measure.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import statistics
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

import structlog

from tests.bench import (
    bench_ami,
    bench_caller_to_ring,
    bench_cpu,
    bench_fastagi,
    bench_free_to_ring,
    bench_ivr,
    bench_rate,
    bench_routing,
)
from tests.bench.bench import Bench, Figures
from tests.bench.table import render
from tests.bench.world import open_world

OUTPUT = Path("build/bench.json")
ON_ASTERISK: dict[str, Callable[[Bench], Awaitable[None]]] = {
    "caller_to_ring": bench_caller_to_ring.measure,
    "free_to_ring": bench_free_to_ring.measure,
    "cpu": bench_cpu.measure,
    "rate": bench_rate.measure,
}
ALONE = ("routing", "parts")


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


async def _run(chosen: set[str], *, is_quick: bool) -> dict[str, float]:
    figures = Figures()
    if "routing" in chosen:
        _say("routing: decisions alone")
        figures.values.update(bench_routing.measure(5_000 if is_quick else bench_routing.DECISIONS))
    if "parts" in chosen:
        figures.values.update(await _parts(is_quick=is_quick))
    if chosen & ON_ASTERISK.keys():
        with tempfile.TemporaryDirectory(prefix="guichet-bench-", ignore_cleanup_errors=True) as home:
            async with open_world(Path(home), _say) as world:
                bench = Bench(world, is_quick, _say, figures)
                for name, measure in ON_ASTERISK.items():
                    if name in chosen:
                        await measure(bench)
                bench.put_pop_leads()
                bench.put_machine()
        for trouble, count in bench.troubles.most_common(10):
            _say(f"{count} x {trouble}")
    return figures.values


async def _parts(*, is_quick: bool) -> dict[str, float]:
    """The parts that have a benchmark of their own, by it."""
    _say("parts: IVR, FastAGI, AMI")
    found = bench_ivr.measure(*((2_000, 3) if is_quick else ()))
    found |= await bench_ami.measure(1 if is_quick else 3)
    rounds = [await bench_fastagi.measure(bench_fastagi._start_ours, 1_000, 50, 5) for _ in range(1 if is_quick else 3)]
    found["fastagi_sessions.guichet.per_second"] = statistics.median(rate for rate, _, _ in rounds)
    found["fastagi_command.guichet.cpu_us"] = statistics.median(cpu for _, cpu, _ in rounds)
    return found


async def _main(arguments: argparse.Namespace) -> None:
    task = asyncio.current_task()
    if task is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    chosen = set(arguments.only or (*ON_ASTERISK, *ALONE))
    _write(await _run(chosen, is_quick=arguments.quick))


def _write(values: dict[str, float]) -> None:
    OUTPUT.parent.mkdir(exist_ok=True)
    OUTPUT.write_text(json.dumps(values, indent=2, sort_keys=True) + "\n", "utf-8")
    sys.stdout.write(render(values) + f"\n{OUTPUT}\n")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="one short round of each: about three minutes")
    parser.add_argument("--only", action="append", choices=(*ON_ASTERISK, *ALONE), metavar="NAME")
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    try:
        asyncio.run(_main(parser.parse_args()))
    except (KeyboardInterrupt, asyncio.CancelledError):
        _say("interrupted; everything started has been ended")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
