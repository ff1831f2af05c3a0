"""When the kernel received something, on the clock of the event loop: a busy program must not make others look late."""

from __future__ import annotations

import struct
import time
from collections.abc import Sequence

# Linux: struct timespec of the arrival; the constant has no name in Python's socket module.
SO_TIMESTAMPNS = 35
_TIMESPEC = struct.Struct("@qq")
_CLOSE_TOGETHER = 20e-6  # seconds


def arrival(ancillary: Sequence[tuple[int, int, bytes]], now: float) -> float:
    """The kernel's stamp of a message in loop time (CLOCK_MONOTONIC); `now` where it gives none."""
    for _, kind, stamp in ancillary:
        if kind == SO_TIMESTAMPNS and len(stamp) == _TIMESPEC.size:
            seconds, nanoseconds = _TIMESPEC.unpack(stamp)
            return float(seconds - _clocks_apart() + nanoseconds / 1e9)
    return now


def _clocks_apart() -> float:
    """CLOCK_REALTIME, of the stamps, minus CLOCK_MONOTONIC. Read again when something came between the readings."""
    before = real = after = 0.0
    for _ in range(5):
        before, real, after = time.monotonic(), time.clock_gettime(time.CLOCK_REALTIME), time.monotonic()
        if after - before < _CLOSE_TOGETHER:
            break
    return real - (before + after) / 2
