"""The service as a process of its own, just as an administrator runs it: `guichet run`.

The simulated people live in another process than the service, so that what they measure (a screen-pop against the
INVITE that follows it) is not blurred by sharing an event loop with it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp

START_LIMIT = 60.0  # seconds; a first start synthesises the prompts
STOP_LIMIT = 20.0
_POLL = 0.05


class ServiceError(Exception):
    """The service did not come up; the text says why, in its own last words."""

    error_id = "demo.service"


@asynccontextmanager
async def running_service(
    url: str, environment: Mapping[str, str], log_file: Path, config: Path | None = None
) -> AsyncIterator[int]:
    """`guichet run` until the block ends; yields its process id once /readyz is good."""
    arguments = ["-m", "acd", "run", *(["--config", str(config)] if config else [])]
    log_file.parent.mkdir(parents=True, exist_ok=True)
    with log_file.open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, *arguments, stdout=log, stderr=log, env={**os.environ, **environment}
        )
    try:
        await _until_ready(process, url, log_file)
        yield process.pid
    finally:
        await _stop(process)


async def _until_ready(process: asyncio.subprocess.Process, url: str, log_file: Path) -> None:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + START_LIMIT
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as http:
        while loop.time() < deadline:
            if process.returncode is not None:
                raise ServiceError(f"The service ended: {_last_words(log_file)}")
            with suppress(aiohttp.ClientError, TimeoutError):
                async with http.get(f"{url}/readyz") as response:
                    # Another program may hold the port: then ours has ended, or will within this wait.
                    if response.status == 200 and process.returncode is None:
                        return
            await asyncio.sleep(_POLL)
    raise ServiceError(f"The service is not ready after {START_LIMIT:.0f} s: {_last_words(log_file)}")


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        async with asyncio.timeout(STOP_LIMIT):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


def _last_words(log_file: Path) -> str:
    lines = [line for line in log_file.read_text("utf-8", "replace").splitlines() if line.strip()]
    return lines[-1] if lines else f"it says nothing (see {log_file})"
