"""The folder of values that were spoken once (times, names, sentences of the day): kept, but not for ever.

Prompts of flows are few and stay. Values are as many as callers say, so the longest unused are deleted; the time of a
file is when it was used last. Several processes may share a folder: what one deletes, another makes again.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

MOST_KEPT: Final = 4000  # values; each is some 70 KB in all formats together
PRUNE_EVERY: Final = 100  # new values between two looks at the folder


def still_there(paths: Iterable[str]) -> list[str]:
    """Those of `paths` (without extension) that have a sound; each counts as used now."""
    found: list[str] = []
    for path in paths:
        with suppress(OSError):
            os.utime(f"{path}.wav")
            found.append(path)
    return found


def prune(folder: Path, most: int, keep: Collection[str] = ()) -> int:
    """Delete the longest unused values beyond `most`, but none of `keep`; how many were deleted."""
    aged: list[tuple[float, Path]] = []
    with suppress(OSError):
        for entry in os.scandir(folder):
            if entry.name.endswith(".wav"):
                with suppress(OSError):
                    aged.append((entry.stat().st_mtime, Path(entry.path)))
    excess = sorted(aged)[: max(0, len(aged) - most)]
    deleted = 0
    for _, wav in excess:
        if str(wav.with_suffix("")) in keep:
            continue
        deleted += 1
        for path in wav.parent.glob(f"{wav.stem}.*"):
            path.unlink(missing_ok=True)
    return deleted
