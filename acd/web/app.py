"""The web application: routes, what holds for all of them, and how it is served."""

from __future__ import annotations

import errno
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as version_of
from typing import Final

from aiohttp import web

from acd.web.endpoint import Endpoint, json_response
from acd.web.errors import HttpBindError, errors_as_json
from acd.web.openapi import openapi_document
from acd.web.rate_limit import LogInLimiter
from acd.web.routes import (
    agents,
    drafts,
    hotline,
    incidents,
    menus,
    monitor,
    outgoing,
    pages,
    probes,
    queues,
    records,
    session,
    supervision,
    talk,
    tickets,
    work,
)
from acd.web.services import SERVICES, WebServices
from acd.web.static_files import load_static_files, static_handler
from acd.web.ws import OPEN_SCREENS, OpenScreens, serve_screen

__all__ = ["ENDPOINTS", "HttpBindError", "WebServices", "build_app", "serve"]

ENDPOINTS: Final[tuple[Endpoint, ...]] = (
    *session.ENDPOINTS,
    *agents.ENDPOINTS,
    *talk.ENDPOINTS,
    *drafts.ENDPOINTS,
    *work.ENDPOINTS,
    *outgoing.ENDPOINTS,
    *supervision.ENDPOINTS,
    *monitor.ENDPOINTS,
    *queues.ENDPOINTS,
    *menus.ENDPOINTS,
    *incidents.ENDPOINTS,
    *hotline.ENDPOINTS,
    *tickets.ENDPOINTS,
    *records.ENDPOINTS,
)
LARGEST_BODY: Final = 128 * 1024
_SHUTDOWN_SECONDS: Final = 3.0

_SECURITY_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; media-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Server": "Guichet",
}


def build_app(services: WebServices) -> web.Application:
    """The whole surface of design.md section 5 on one application."""
    app = web.Application(middlewares=[errors_as_json], client_max_size=LARGEST_BODY)
    app[SERVICES] = services
    app[OPEN_SCREENS] = OpenScreens()
    app[session.LIMITER] = LogInLimiter(services.clock)
    for endpoint in ENDPOINTS:
        app.router.add_route(endpoint.method, endpoint.path, endpoint.__call__)
    files = load_static_files()
    app.add_routes([*probes.ROUTES, *pages.page_routes(files)])
    app.router.add_get("/static/{path:.+}", static_handler(files))
    app.router.add_get("/api/v1/openapi.json", _openapi_handler())
    app.router.add_get("/ws", serve_screen)
    app.on_response_prepare.append(_add_headers)
    app.on_shutdown.append(_close_screens)
    return app


def _openapi_handler() -> pages.Handler:
    try:
        version = version_of("guichet")
    except PackageNotFoundError:
        version = "0"
    document = openapi_document(ENDPOINTS, version)

    async def show(request: web.Request) -> web.StreamResponse:
        return json_response(document)

    return show


async def _add_headers(request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(_SECURITY_HEADERS)
    # Whatever is about people must not stay in caches.
    response.headers.setdefault("Cache-Control", "no-store")


async def _close_screens(app: web.Application) -> None:
    await app[OPEN_SCREENS].close_all()


@asynccontextmanager
async def serve(app: web.Application, host: str, port: int) -> AsyncIterator[int]:
    """Listen as long as the block runs. Yields the port: the real one when 0 was asked for. Raises HttpBindError."""
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=_SHUTDOWN_SECONDS)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            raise HttpBindError(_why_not_bound(error, host, port)) from error
        bound: int = runner.addresses[0][1]
        yield bound
    finally:
        await runner.cleanup()


def _why_not_bound(error: OSError, host: str, port: int) -> str:
    where = f"HTTP cannot listen on {host} port {port}"
    match error.errno:
        case errno.EADDRINUSE:
            return f"{where}: another program already does; stop it or choose another port (http.port)"
        case errno.EACCES:
            return f"{where}: ports below 1024 need rights this user has not; choose another (http.port)"
        case errno.EADDRNOTAVAIL:
            return f"{where}: this machine has no such address; mend http.host"
        case number:
            return f"{where}: {os.strerror(number) if number else error}"
