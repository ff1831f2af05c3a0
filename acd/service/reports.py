"""The port to what the switch can be told of our calls, for programs that read it there."""

from __future__ import annotations

from abc import ABC, abstractmethod

from acd.domain.outside_events import OutsideEvent
from acd.domain.queue_log import QueueLogLine


class ReportRefusedError(Exception):
    """The switch does not take this one, now or ever."""

    error_id = "report.refused"


class SwitchReports(ABC):
    """Both raise ReportRefusedError, and TelephonyError of acd.service.ports when it may be tried again."""

    @abstractmethod
    async def write_queue_log(self, line: QueueLogLine) -> None:
        """The switch adds the time."""

    @abstractmethod
    async def send_user_event(self, event: OutsideEvent) -> None:
        """To everybody on its manager interface. What tells who calls is left out."""
