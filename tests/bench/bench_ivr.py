"""`advance` per second on the shipped hotline, over a call with a wrong key and a wrong ticket number.

    python -m tests.bench.bench_ivr [--json]

Target (issue 3): at least 100,000 per second. A dump and resume at every step is measured beside it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from timeit import repeat

from ivr.interpreter import advance, begin, dump, resume
from ivr.model import CheckResult, Digits, Input, Played
from ivr.schema import Flow
from ivr.self_service import IncidentFound
from ivr.validate import load_flow

FILE = Path(__file__).parents[2] / "config/ivr/hotline.yaml"

CALL: tuple[Input, ...] = (
    Digits("2"),
    IncidentFound(),
    Digits("9"),
    Digits("", "timeout"),
    Digits("3"),
    Digits("12"),
    CheckResult(False),
    Digits("1042"),
    CheckResult(True),
    Played(),
)


def measure(calls: int = 10_000, rounds: int = 5) -> dict[str, float]:
    """`ivr.advance.per_second` and `ivr.advance_dumped.per_second`, best of `rounds`, one core."""
    flow, _ = load_flow(FILE.read_bytes(), FILE.name)
    total = calls * len(CALL)
    plain = min(repeat(lambda: _call(flow), number=calls, repeat=rounds))
    dumped = min(repeat(lambda: _dumped_call(flow), number=calls, repeat=rounds))
    return {"ivr.advance.per_second": total / plain, "ivr.advance_dumped.per_second": total / dumped}


def _call(flow: Flow) -> None:
    session, _ = begin(flow)
    for given in CALL:
        session, _ = advance(session, given)


def _dumped_call(flow: Flow) -> None:
    session, _ = begin(flow)
    for given in CALL:
        session, _ = advance(resume(flow, dump(session)), given)


def main() -> None:
    figures = measure()
    if "--json" in sys.argv[1:]:
        sys.stdout.write(json.dumps(figures, indent=2) + "\n")
        return
    for name, value in figures.items():
        sys.stdout.write(f"{name:<32} {value:>12,.0f}\n")


if __name__ == "__main__":
    main()
