"""The service's own socket, for commands on the same machine: `control.sock` in the data directory, for its owner."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import ClassVar, Final

import aiohttp
import structlog
from aiohttp import web

log = structlog.get_logger(__name__)

SOCKET: Final = "control.sock"
_LONGEST_PATH: Final = 107  # bytes in sockaddr_un
_PATIENCE: Final = aiohttp.ClientTimeout(total=300)  # a reload may synthesise a hundred prompts


class ControlError(Exception):
    """The service cannot be reached, or refuses; the text says why."""

    error_id: ClassVar[str] = "control.refused"


@asynccontextmanager
async def control_socket(data_dir: Path, reload: Callable[[], Awaitable[bytes]]) -> AsyncIterator[None]:
    """Answer on the socket as long as the block runs. `reload` returns JSON; its exceptions become refusals."""
    path = data_dir / SOCKET

    async def take(request: web.Request) -> web.Response:
        try:
            return web.Response(body=await reload(), content_type="application/json")
        except Exception as error:  # noqa: BLE001  # whatever it is, it is for the person who asked
            return web.Response(status=409, text=str(error) or type(error).__name__)

    if len(os.fsencode(path)) > _LONGEST_PATH:
        log.warning("no_control_socket", hint="service.data_dir is too long a path for a socket: reload with SIGHUP")
        yield
        return
    app = web.Application()
    app.router.add_post("/reload", take)
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=3.0)
    await runner.setup()
    try:
        await asyncio.to_thread(_make_room, path)
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        old_mask = os.umask(0o177)
        try:
            listening.bind(os.fspath(path))
        finally:
            os.umask(old_mask)
        await web.SockSite(runner, listening).start()
        yield
    finally:
        await runner.cleanup()
        with suppress(OSError):
            path.unlink()


def _make_room(path: Path) -> None:
    """A socket left behind by a service that was killed is in the way."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileNotFoundError):
        if path.is_socket():
            path.unlink()


async def ask_to_reload(data_dir: Path) -> bytes:
    """The report of the running service. Raises ControlError."""
    path = data_dir / SOCKET
    connector = aiohttp.UnixConnector(os.fspath(path))
    try:
        async with (
            aiohttp.ClientSession(connector=connector, timeout=_PATIENCE) as session,
            session.post("http://guichet/reload") as response,
        ):
            body = await response.read()
            if response.status != 200:
                raise ControlError(body.decode("utf-8", "replace"))
            return body
    except aiohttp.ClientConnectorError as error:
        raise ControlError(
            f"no service answers at {path}: is `guichet run` running with this data directory?"
        ) from error
    except (aiohttp.ClientError, TimeoutError) as error:
        raise ControlError(f"{path}: the service did not answer ({type(error).__name__})") from error
