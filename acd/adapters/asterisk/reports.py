"""What Asterisk is told of our calls: lines of its queue_log, and UserEvents for whoever listens on its manager."""

from __future__ import annotations

import json
from typing import Any

from acd.adapters.asterisk.ami import AmiError, AmiInvalidValueError, AmiLink, AmiRefusedError
from acd.domain.outside_events import OutsideEvent
from acd.domain.queue_log import QueueLogLine
from acd.service.ports import TelephonyError
from acd.service.reports import ReportRefusedError, SwitchReports

USER_EVENT = "Guichet"
_LONGEST = 400  # characters of a value: AMI's lines have an end


class AmiReports(SwitchReports):
    def __init__(self, link: AmiLink) -> None:
        self._link = link

    async def write_queue_log(self, line: QueueLogLine) -> None:
        headers = {
            "Queue": line.queue,
            "Event": line.event,
            "Uniqueid": line.call,
            "Interface": line.agent,
            "Message": _plain(line.message),
        }
        await self._do("QueueLog", {name: value for name, value in headers.items() if value})

    async def send_user_event(self, event: OutsideEvent) -> None:
        told = {_header(name): _plain(_text(value)) for name, value in event.data.items()}
        own = {"UserEvent": USER_EVENT, "Type": event.type, "EventId": event.event_id, "At": event.at.isoformat()}
        await self._do("UserEvent", own | {name: value for name, value in told.items() if value})

    async def _do(self, name: str, headers: dict[str, str]) -> None:
        try:
            await self._link.action(name, headers)
        except (AmiInvalidValueError, AmiRefusedError) as error:
            raise ReportRefusedError(f"{name}: {error}") from error
        except AmiError as error:
            raise TelephonyError(f"{name}: {error}") from error


def _header(name: str) -> str:
    """`agent_id` is `AgentId`."""
    return "".join(part.capitalize() for part in name.split("_"))


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, default=str)


def _plain(text: str) -> str:
    """A line end would begin another header."""
    return "".join(" " if character < " " or character == "\x7f" else character for character in text)[:_LONGEST]
