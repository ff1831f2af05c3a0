"""A word to systemd: ready, alive, stopping (sd_notify(3), sd_watchdog_enabled(3)). Silent where nobody listens."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Mapping
from datetime import timedelta

import structlog

log = structlog.get_logger(__name__)


class Notifier:
    """`environment` is what systemd gave: NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        given = os.environ if environment is None else environment
        self._address = given.get("NOTIFY_SOCKET", "")
        self._interval = _interval(given)

    @property
    def interval(self) -> timedelta | None:
        """How often `alive` must be said; None: nobody watches. Half of what systemd waits."""
        return self._interval

    def ready(self) -> None:
        self._say("READY=1\nSTATUS=taking calls")

    def reloading(self) -> None:
        self._say("STATUS=reloading")

    def alive(self) -> None:
        self._say("WATCHDOG=1")

    def stopping(self) -> None:
        self._say("STOPPING=1\nSTATUS=callers go back to the dialplan's music")

    async def keep_alive(self) -> None:
        """Until cancelled. From the event loop: one that hangs is not alive."""
        while self._interval is not None:
            self.alive()
            await asyncio.sleep(self._interval.total_seconds())

    def _say(self, text: str) -> None:
        if not self._address:
            return
        address = f"\0{self._address[1:]}" if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
                out.setblocking(False)
                out.sendto(text.encode(), address)
        except OSError as error:
            log.warning("systemd_not_told", error=error.strerror)


def _interval(given: Mapping[str, str]) -> timedelta | None:
    microseconds, pid = given.get("WATCHDOG_USEC", ""), given.get("WATCHDOG_PID", "")
    if not microseconds.isdecimal() or int(microseconds) == 0 or (pid and pid != str(os.getpid())):
        return None
    return timedelta(microseconds=int(microseconds)) / 2
