"""For machines that watch: is it alive, can it work, how is it doing."""

from __future__ import annotations

from aiohttp import web

from acd.web.endpoint import json_response
from acd.web.metrics import CONTENT_TYPE
from acd.web.services import SERVICES


async def show_health(request: web.Request) -> web.Response:
    """The process lives and its event loop turns."""
    return json_response({"status": "ok"})


async def show_readiness(request: web.Request) -> web.Response:
    reasons = request.app[SERVICES].readiness()
    response = json_response({"ready": not reasons, "reasons": reasons})
    if reasons:
        response.set_status(503)
    return response


async def show_metrics(request: web.Request) -> web.Response:
    return web.Response(body=request.app[SERVICES].metrics.exposition(), headers={"Content-Type": CONTENT_TYPE})


ROUTES = (
    web.get("/healthz", show_health),
    web.get("/readyz", show_readiness),
    web.get("/metrics", show_metrics),
)
