"""Is this Asterisk ready for Guichet? One short AMI session that asks: log-in, fully booted, modules running."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from acd.secrets import Secrets
from acd.settings import AmiSettings

_ANSWER_TIME = 5.0  # seconds for one answer of an Asterisk that has accepted the connection
_LINES_AT_MOST = 20_000


class AsteriskError(Exception):
    """Asterisk does not run, or not as it must. The text is one sentence that says what to mend."""

    error_id = "asterisk.local"


class NotAnsweringError(AsteriskError):
    """Nothing (yet) behind the manager port, or not booted yet: worth asking again while it starts."""

    error_id = "asterisk.not_answering"


class LoginRefusedError(AsteriskError):
    """The manager port answers and refuses our name and secret: asking again changes nothing."""

    error_id = "asterisk.login_refused"


async def missing_modules(ami: AmiSettings, secrets: Secrets, modules: Sequence[str]) -> list[str]:
    """Log in, wait for FullyBooted and return those of `modules` ("app_dial.so") that are not running.

    Raises NotAnsweringError or LoginRefusedError.
    """
    try:
        async with asyncio.timeout(_ANSWER_TIME):
            reader, writer = await asyncio.open_connection(ami.host, ami.port)
            try:
                return await _converse(reader, writer, ami, secrets, modules)
            finally:
                writer.close()
                with suppress(OSError):
                    await writer.wait_closed()
    except (OSError, TimeoutError, EOFError) as error:
        raise NotAnsweringError(
            f"No Asterisk answers on the manager port {ami.host}:{ami.port} ({_reason(error)}):"
            " `guichet asterisk up` starts one, asterisk.ami.host and .port say where to look"
        ) from error


async def _converse(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    ami: AmiSettings,
    secrets: Secrets,
    modules: Sequence[str],
) -> list[str]:
    banner = await reader.readline()
    if not banner.startswith(b"Asterisk Call Manager/"):
        raise LoginRefusedError(
            f"What answers on {ami.host}:{ami.port} is no Asterisk: another program has that port,"
            " choose another (asterisk.ami.port)"
        )
    await _send(writer, Action="Login", Username=ami.username, Secret=secrets.ami_secret, ActionID="login")
    booted = False
    answered = False
    for _ in range(_LINES_AT_MOST):
        message = await _message(reader)
        if message.get("actionid") == "login":
            if message.get("response") != "Success":
                raise LoginRefusedError(
                    f"Asterisk on {ami.host}:{ami.port} refuses the manager user {ami.username!r}:"
                    " its secret or its permit line differs from ours"
                    " (GUICHET_AMI_SECRET, or the file secrets/ami_secret of the data directory)"
                )
            answered = True
        booted = booted or message.get("event") == "FullyBooted"
        if answered and booted:
            break
    await _send(writer, Action="Events", EventMask="off", ActionID="events")
    for module in modules:
        await _send(writer, Action="ModuleCheck", Module=module, ActionID=f"module:{module}")
    waiting = dict.fromkeys(modules, False)
    seen = 0
    while seen < len(waiting):
        message = await _message(reader)
        name = message.get("actionid", "").removeprefix("module:")
        if name in waiting:
            seen += 1
            waiting[name] = message.get("response") == "Success"
    return [name for name, running in waiting.items() if not running]


async def _send(writer: asyncio.StreamWriter, **headers: str) -> None:
    # Names, secrets and module names are checked where they come from: none holds a line end.
    writer.write("".join(f"{key}: {value}\r\n" for key, value in headers.items()).encode() + b"\r\n")
    await writer.drain()


async def _message(reader: asyncio.StreamReader) -> dict[str, str]:
    headers: dict[str, str] = {}
    for _ in range(_LINES_AT_MOST):
        line = await reader.readline()
        if not line:
            raise EOFError("it hung up")
        if line in {b"\r\n", b"\n"}:
            return headers
        key, _colon, value = line.decode("utf-8", "replace").partition(":")
        headers[key.strip().lower()] = value.strip()
    raise EOFError("a message without end")


def _reason(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
