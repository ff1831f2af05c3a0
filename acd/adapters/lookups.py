"""HTTP services that menus ask: a caller waits, so everything has an end, and nothing that comes back is trusted.

No redirects, no proxies from the environment, no cookies, at most MOST_BYTES of JSON. An answer other than 2xx or a
broken connection is tried again within the same deadline; JSON that lacks a value is not.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar, Final

import aiohttp
import structlog
from yarl import URL

from acd.service.ports import Lookups
from ivr.model import MAX_VALUE
from ivr.template import plain

log = structlog.get_logger(__name__)

MOST_BYTES: Final = 64 * 1024
_PAUSE_SECONDS: Final = 0.1  # before another try


class LookupConfigurationError(Exception):
    """A service's secret or certificate cannot be read; the text says which file."""

    error_id: ClassVar[str] = "lookup.configuration"


class _NoGoodAnswerError(Exception):
    """One try that failed; the text says how, without anything the service said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LookupService:
    """`url`: where paths are joined to."""

    url: str
    token: str = ""
    ca_file: Path | None = None


class HttpLookups(Lookups):
    """Made by `open_lookups`. `configure` may be called again at any time."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session
        self._services: dict[str, tuple[LookupService, ssl.SSLContext | bool]] = {}

    def configure(self, services: Mapping[str, LookupService]) -> None:
        """Raises LookupConfigurationError, and changes nothing then."""
        self._services = {name: (service, _trust(service)) for name, service in services.items()}

    async def ask(
        self, service: str, path: str, into: Mapping[str, str], *, deadline: timedelta, tries: int
    ) -> dict[str, str] | None:
        known = self._services.get(service)
        if known is None:
            log.error("lookup_service_unknown", service=service)
            return None
        why = ""
        try:
            async with asyncio.timeout(deadline.total_seconds()):
                for left in reversed(range(tries)):
                    try:
                        return _picked(await self._answer(*known, path), into, service)
                    except (_NoGoodAnswerError, aiohttp.ClientError) as error:
                        why = str(error) if isinstance(error, _NoGoodAnswerError) else type(error).__name__
                        if left:
                            await asyncio.sleep(_PAUSE_SECONDS)
        except TimeoutError:
            why = f"{why}, then no answer in time" if why else "no answer in time"
        log.warning("lookup_failed", service=service, why=why)
        return None

    async def _answer(self, service: LookupService, trust: ssl.SSLContext | bool, path: str) -> Any:
        # `encoded`: the path holds percent-encoded values of callers, which must stay as they are.
        url = URL(service.url.rstrip("/") + path, encoded=True)
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        if service.token:
            headers["Authorization"] = f"Bearer {service.token}"
        async with self._session.get(url, headers=headers, allow_redirects=False, ssl=trust) as response:
            if not 200 <= response.status < 300:
                raise _NoGoodAnswerError(f"status {response.status}")
            body = b""
            async for chunk in response.content.iter_chunked(8192):
                body += chunk
                if len(body) > MOST_BYTES:
                    raise _NoGoodAnswerError(f"more than {MOST_BYTES} bytes")
        try:
            return json.loads(body)
        except (ValueError, RecursionError):
            raise _NoGoodAnswerError("no JSON") from None


@asynccontextmanager
async def open_lookups(services: Mapping[str, LookupService]) -> AsyncIterator[HttpLookups]:
    """Raises LookupConfigurationError."""
    jar = aiohttp.DummyCookieJar()
    async with aiohttp.ClientSession(cookie_jar=jar, trust_env=False, auto_decompress=False) as session:
        lookups = HttpLookups(session)
        lookups.configure(services)
        yield lookups


def _trust(service: LookupService) -> ssl.SSLContext | bool:
    if service.ca_file is None:
        return True
    try:
        return ssl.create_default_context(cafile=service.ca_file)
    except (OSError, ssl.SSLError) as error:
        raise LookupConfigurationError(f"{service.ca_file}: cannot be used as ca_file: {error}") from error


def _picked(answer: Any, into: Mapping[str, str], service: str) -> dict[str, str] | None:
    found: dict[str, str] = {}
    for name, place in into.items():
        value = _at(answer, place)
        if value is None:
            log.warning("lookup_value_missing", service=service, attribute=name)
            return None
        found[name] = value
    return found


def _at(answer: Any, place: str) -> str | None:
    """A text, number or truth value at `a.0.b`, as text fit for an attribute."""
    for step in place.split("."):
        if isinstance(answer, dict):
            answer = answer.get(step)
        elif isinstance(answer, list) and step.isdecimal() and int(step) < len(answer):
            answer = answer[int(step)]
        else:
            return None
    if not isinstance(answer, str | int | float | bool):
        return None
    text = " ".join("".join(c if c.isprintable() else " " for c in plain(answer)).split())
    return text if len(text) <= MAX_VALUE else None
