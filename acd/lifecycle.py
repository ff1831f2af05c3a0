"""Start, run until told to stop, stop in order. A second signal ends at once."""

from __future__ import annotations

import asyncio
import gc
import signal
from collections.abc import Callable

import structlog

from acd.adapters.systemd import Notifier
from acd.bootstrap import Guichet, open_guichet
from acd.secrets import Secrets
from acd.service.tasks import BackgroundTasks
from acd.settings import Settings
from acd.site import Site

log = structlog.get_logger(__name__)


async def serve_until_stopped(
    site: Site, secrets: Secrets, read_settings: Callable[[], Settings] | None = None
) -> None:
    """SIGHUP reloads (as `guichet reload` does, which also tells what came of it). SIGTERM or SIGINT: new work is
    refused, callers go back to the dialplan's music (and to the next service that comes up), what is owed to the
    database is written, then it returns."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _on_signal, stop, loop)
    systemd = Notifier()
    async with open_guichet(site, secrets, read_settings) as guichet, BackgroundTasks() as tasks:
        loop.add_signal_handler(signal.SIGHUP, lambda: tasks.start(_reload(guichet), "reload"))
        _leave_alone_what_is_built()
        tasks.start(systemd.keep_alive(), "systemd_watchdog")
        systemd.ready()
        try:
            await stop.wait()
        finally:
            loop.remove_signal_handler(signal.SIGHUP)
        log.info("stopping")
        systemd.stopping()


async def _reload(guichet: Guichet) -> None:
    try:
        await guichet.reloader.reload()
    except Exception as error:  # noqa: BLE001  # nobody waits for it; the service goes on as it was
        log.error("not_reloaded", error=str(error))  # noqa: TRY400  # the faults of a text, not of this program


def _leave_alone_what_is_built() -> None:
    """What the start has built lives as long as the service. A full search for garbage through it stopped the
    whole service for 0.1 s at a time (docs/benchmarks.md)."""
    gc.collect()
    gc.freeze()


def _on_signal(stop: asyncio.Event, loop: asyncio.AbstractEventLoop) -> None:
    stop.set()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.remove_signal_handler(number)  # the next one has its ordinary effect
