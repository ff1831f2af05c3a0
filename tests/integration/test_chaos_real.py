"""A short storm, and the seeds of every failure that a long one has found (`make chaos`; see docs/reliability.md)."""

from __future__ import annotations

from pathlib import Path

import pytest

from acd.adapters.asterisk.install import Installation
from tests.chaos.faults import FAULTS
from tests.chaos.storm import storm, storm_asterisk

# (seed, seconds, faults): of what went wrong once, with what was mended then beside it.
STORMS: tuple[tuple[int, float, tuple[str, ...]], ...] = (
    (7, 16.0, ("kill_service", "cut_ami", "lose_screens", "lock_database")),
)


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("seed", "seconds", "faults"), STORMS)
async def test_nothing_is_lost_and_nothing_doubled(
    asterisk_installation: Installation, tmp_path: Path, seed: int, seconds: float, faults: tuple[str, ...]
) -> None:
    assert set(faults) <= {fault.__name__ for fault in FAULTS}
    site = tmp_path / "site"
    site.mkdir()
    # A busy machine starts the service slowly: the fallback queues have a test of their own.
    async with storm_asterisk(tmp_path / "asterisk", asterisk_installation, 30) as asterisk:
        report = await storm(asterisk, site, seed=seed, seconds=seconds, agents=4, only=faults)
    assert report.differences == [], "\n".join(report.lines())
    assert report.struck
    assert report.talks > 0
