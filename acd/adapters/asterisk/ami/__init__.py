"""Asterisk's manager interface (AMI): START HERE with `link.AmiLink`.

panoramisk underneath (`driver`), with its faults closed; see each fault by name in
tests/unit/acd/adapters/asterisk/test_ami_faults.py.
"""

from acd.adapters.asterisk.ami.action import caller_id, variable_headers
from acd.adapters.asterisk.ami.backoff import Backoff
from acd.adapters.asterisk.ami.errors import (
    AmiDeadlineError,
    AmiError,
    AmiInvalidValueError,
    AmiLinkLostError,
    AmiLoginRefusedError,
    AmiRefusedError,
    AmiResyncError,
    AmiUnreachableError,
)
from acd.adapters.asterisk.ami.filters import (
    ACTIONS_READ_PERMISSIONS,
    ACTIONS_WRITE_PERMISSIONS,
    EVENT_FILTER,
    EVENTS_LEFT_OUT,
    EVENTS_READ_PERMISSIONS,
    EVENTS_WANTED,
    EVENTS_WRITE_PERMISSIONS,
    eventfilter_lines,
)
from acd.adapters.asterisk.ami.link import AmiLink
from acd.adapters.asterisk.ami.message import AmiEvent
from acd.adapters.asterisk.ami.session import AmiAddress, AmiSession, AmiState

__all__ = [
    "ACTIONS_READ_PERMISSIONS",
    "ACTIONS_WRITE_PERMISSIONS",
    "EVENTS_LEFT_OUT",
    "EVENTS_READ_PERMISSIONS",
    "EVENTS_WANTED",
    "EVENTS_WRITE_PERMISSIONS",
    "EVENT_FILTER",
    "AmiAddress",
    "AmiDeadlineError",
    "AmiError",
    "AmiEvent",
    "AmiInvalidValueError",
    "AmiLink",
    "AmiLinkLostError",
    "AmiLoginRefusedError",
    "AmiRefusedError",
    "AmiResyncError",
    "AmiSession",
    "AmiState",
    "AmiUnreachableError",
    "Backoff",
    "caller_id",
    "eventfilter_lines",
    "variable_headers",
]
