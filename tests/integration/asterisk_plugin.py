"""The fixture `asterisk` for every folder of tests: registered in tests/conftest.py, so that a session has one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from acd.adapters.asterisk.install import Installation, find_installation
from tests.integration.asterisk_fixture import RunningAsterisk, new_asterisk, run_aside

_ASTERISK_FIXTURES = {"asterisk", "asterisk_installation"}


def _needs_asterisk(item: pytest.Item) -> bool:
    return bool(_ASTERISK_FIXTURES & set(getattr(item, "fixturenames", ())))


def pytest_collection_finish(session: pytest.Session) -> None:
    """On a fresh machine Asterisk is prepared before the first test's clock runs."""
    if not session.config.option.collectonly and any(map(_needs_asterisk, session.items)):
        find_installation(progress=lambda line: print(line, flush=True))  # noqa: T201  (minutes of silence worry people)


@pytest.fixture(scope="session")
def asterisk_installation() -> Installation:
    return find_installation(prepare_missing=False)


@pytest.fixture(scope="session")
def asterisk(
    asterisk_installation: Installation, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningAsterisk]:
    """One Asterisk for the whole session. Tests leave it as they found it: no channels, no globals that matter."""
    running = new_asterisk(tmp_path_factory.mktemp("asterisk"), asterisk_installation)
    try:
        run_aside(running.instance.up())
        yield running
    finally:
        run_aside(running.instance.down())
