"""The pages: whoever is not logged in, or has not the role, is sent where they belong."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from acd.service.ports import Role
from acd.web.auth import Session, find_session
from acd.web.endpoint import AGENTS, SUPERVISORS
from acd.web.static_files import StaticFile

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def page_routes(files: dict[str, StaticFile]) -> list[web.RouteDef]:
    return [
        web.get("/", _send_home),
        web.get("/login", _login_page(files["login.html"])),
        web.get("/agent", _page(files["agent.html"], AGENTS)),
        web.get("/supervisor", _page(files["supervisor.html"], SUPERVISORS)),
    ]


def home_of(session: Session | None) -> str:
    if session is None:
        return "/login"
    return "/agent" if Role.AGENT in session.user.roles else "/supervisor"


async def _send_home(request: web.Request) -> web.StreamResponse:
    raise web.HTTPFound(home_of(await find_session(request)))


def _login_page(file: StaticFile) -> Handler:
    async def show(request: web.Request) -> web.StreamResponse:
        session = await find_session(request)
        if session is not None:
            raise web.HTTPFound(home_of(session))
        return file.response(request)

    return show


def _page(file: StaticFile, roles: frozenset[Role]) -> Handler:
    async def show(request: web.Request) -> web.StreamResponse:
        session = await find_session(request)
        if session is None or not roles & session.user.roles:
            raise web.HTTPFound(home_of(session))
        return file.response(request)

    return show
