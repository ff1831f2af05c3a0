"""Errors a user can mend are one clear sentence and exit code 1; anything else is a bug and shows its traceback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from acd.adapters.asterisk.ami import AmiError
from acd.adapters.asterisk.fastagi import FastAgiBindError
from acd.adapters.asterisk.machine import InstallationError
from acd.adapters.asterisk.readiness import AsteriskError
from acd.adapters.asterisk.render import RenderError
from acd.adapters.bus.frames import JournalError as FileJournalError
from acd.adapters.control import ControlError
from acd.adapters.lookups import LookupConfigurationError
from acd.adapters.prompts import PromptError
from acd.demo.service_process import ServiceError
from acd.secrets import SecretError
from acd.simulation.replay import RecordingError
from acd.web.app import HttpBindError
from ivr.errors import ConfigurationError
from ticketing import api as ticketing

_MENDABLE = (
    AmiError,
    AsteriskError,
    ConfigurationError,
    ControlError,
    FastAgiBindError,
    HttpBindError,
    InstallationError,
    FileJournalError,
    LookupConfigurationError,
    PromptError,
    RecordingError,
    RenderError,
    SecretError,
    ServiceError,
    ticketing.DatabaseError,
    ticketing.DeskError,
)


@contextmanager
def clear_failures() -> Iterator[None]:
    """Also looks into groups: what fails inside the service's task group arrives wrapped."""
    try:
        yield
    except* _MENDABLE as group:
        for error in _leaves(group):
            typer.echo(str(error), err=True)
        raise SystemExit(1) from None


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error
