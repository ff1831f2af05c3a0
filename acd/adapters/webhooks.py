"""Webhooks over HTTP: to the configured address and nowhere else. No redirects, no proxies from the environment, no
cookies; what comes back is not read beyond its status."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import ClassVar

import aiohttp

from acd.service.webhooks import NotTakenError, WebhookTarget, WebhookTransport


class WebhookConfigurationError(Exception):
    """A target's certificate authority cannot be read; the text says which file."""

    error_id: ClassVar[str] = "webhook.configuration"


class HttpWebhooks(WebhookTransport):
    """Made by `open_webhook_transport`."""

    def __init__(self, session: aiohttp.ClientSession, trust: Mapping[str, ssl.SSLContext | bool]) -> None:
        self._session = session
        self._trust = trust

    async def post(self, target: WebhookTarget, headers: Mapping[str, str], body: bytes) -> None:
        try:
            async with (
                asyncio.timeout(target.timeout.total_seconds()),
                self._session.post(
                    target.url,
                    data=body,
                    headers=headers,
                    allow_redirects=False,
                    ssl=self._trust.get(target.name, True),
                ) as response,
            ):
                if not 200 <= response.status < 300:
                    raise NotTakenError(f"it answered {response.status}")
        except TimeoutError:
            raise NotTakenError(f"no answer in {target.timeout.total_seconds():g} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise NotTakenError(type(error).__name__) from error


@asynccontextmanager
async def open_webhook_transport(targets: Sequence[WebhookTarget]) -> AsyncIterator[HttpWebhooks]:
    """Raises WebhookConfigurationError."""
    trust = {target.name: _trust(target) for target in targets}
    async with aiohttp.ClientSession(trust_env=False, cookie_jar=aiohttp.DummyCookieJar()) as session:
        yield HttpWebhooks(session, trust)


def _trust(target: WebhookTarget) -> ssl.SSLContext | bool:
    if target.ca_file is None:
        return True
    try:
        return ssl.create_default_context(cafile=target.ca_file)
    except (OSError, ssl.SSLError) as error:
        raise WebhookConfigurationError(
            f"integrations.webhooks.{target.name}.ca_file: {target.ca_file} cannot be used: {error}"
        ) from error
