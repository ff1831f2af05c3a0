"""How the menus are used, for supervisors."""

from __future__ import annotations

from acd.service.ivr_figures import NodeFigures
from acd.web.endpoint import SUPERVISORS, Exchange, NoBody, endpoint


@endpoint(
    "GET",
    "/api/v1/ivr/nodes",
    summary="Every menu node callers met since the start of the service, with its figures",
    body=NoBody,
    answer=list[NodeFigures],
    access=SUPERVISORS,
)
async def list_menu_nodes(exchange: Exchange[NoBody]) -> list[NodeFigures]:
    return exchange.services.ivr_figures.figures()


ENDPOINTS = (list_menu_nodes,)
