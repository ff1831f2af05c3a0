"""Errors a user can mend are one clear sentence and exit code 1; anything else is a bug and shows its traceback.

What a newer version has left, and this one would not understand, is exit code 3: starting again does not help.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from acd.adapters.asterisk.ami import AmiError
from acd.adapters.asterisk.fastagi import FastAgiBindError
from acd.adapters.asterisk.machine import InstallationError
from acd.adapters.asterisk.readiness import AsteriskError
from acd.adapters.asterisk.render import RenderError
from acd.adapters.bus.frames import JournalError, JournalVersionError
from acd.adapters.control import ControlError
from acd.adapters.lookups import LookupConfigurationError
from acd.adapters.prompts import PromptError
from acd.backup import BackupError
from acd.demo.service_process import ServiceError
from acd.secrets import SecretError
from acd.service.restore import PastNotUnderstoodError
from acd.simulation.replay import RecordingError
from acd.web.app import HttpBindError
from ivr.errors import ConfigurationError
from ticketing import api as ticketing

_MENDABLE = (
    AmiError,
    AsteriskError,
    BackupError,
    ConfigurationError,
    ControlError,
    FastAgiBindError,
    HttpBindError,
    InstallationError,
    JournalError,
    PastNotUnderstoodError,
    LookupConfigurationError,
    PromptError,
    RecordingError,
    RenderError,
    SecretError,
    ServiceError,
    ticketing.DatabaseError,
    ticketing.DeskError,
)
_OF_A_NEWER_VERSION = (JournalVersionError, PastNotUnderstoodError, ticketing.DatabaseNewerError)
NEWER_VERSION = 3  # exit code


@contextmanager
def clear_failures() -> Iterator[None]:
    """Also looks into groups: what fails inside the service's task group arrives wrapped."""
    try:
        yield
    except* _MENDABLE as group:
        errors = list(_leaves(group))
        for error in errors:
            typer.echo(str(error), err=True)
        is_newer = any(isinstance(error, _OF_A_NEWER_VERSION) for error in errors)
        if is_newer:
            typer.echo(f"nothing was touched ({errors[0].error_id})", err=True)  # type: ignore[attr-defined]  # these have one
        raise SystemExit(NEWER_VERSION if is_newer else 1) from None


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error
