"""What holds for every test: reproducible property tests, quiet logs, no setting of the developer's own shell."""

from __future__ import annotations

import os
from collections.abc import Iterator

import hypothesis
import pytest
import structlog

# Here because pytest takes plugins from the uppermost conftest alone.
pytest_plugins = ("tests.integration.asterisk_plugin",)

# Deadlines of hypothesis are timings: a busy machine is no failure.
hypothesis.settings.register_profile("here", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "here")


def pytest_configure() -> None:
    for name in list(os.environ):
        if name.startswith("GUICHET_") and ("__" in name or name == "GUICHET_CONFIG" or name.endswith("_FILE")):
            del os.environ[name]


@pytest.fixture(autouse=True)
def _logs_to_the_report() -> Iterator[None]:
    """Log lines go through the standard library, so pytest shows them beside a failure and nowhere else."""
    structlog.configure(
        processors=[structlog.stdlib.add_log_level, structlog.processors.KeyValueRenderer(key_order=["event"])],
        wrapper_class=structlog.make_filtering_bound_logger(0),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
