"""Log in, who am I, log out."""

from __future__ import annotations

import math
from contextlib import suppress
from datetime import timedelta

import msgspec
from aiohttp import web

from acd.domain import commands as cmd
from acd.domain.errors import UnknownAgentError
from acd.service.ports import Role
from acd.web import agents
from acd.web.auth import COOKIE, Session
from acd.web.endpoint import ANYBODY, PUBLIC, Exchange, Input, NoBody, endpoint, json_response
from acd.web.errors import ApiError
from acd.web.fields import Login, Password
from acd.web.rate_limit import LogInLimiter
from acd.web.ws import OPEN_SCREENS

LIMITER = web.AppKey("log_in_limiter", LogInLimiter)


class LogInInput(Input, frozen=True, kw_only=True):
    """`token` true: for scripts; the answer holds the token and no cookie is set."""

    login: Login
    password: Password
    token: bool = False


class UserView(msgspec.Struct, frozen=True, kw_only=True):
    login: str
    name: str
    roles: list[str]
    extension: str | None
    agent_id: str | None


class SessionAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Send `csrf_token` as header X-CSRF-Token with every POST and DELETE."""

    user: UserView
    csrf_token: str
    token: str | None = None


@endpoint(
    "POST",
    "/api/v1/session",
    summary="Log in; an agent is then logged in to the queues, not ready",
    body=LogInInput,
    answer=SessionAnswer,
    access=PUBLIC,
    errors={
        401: "Unknown login or wrong password",
        403: "A page of another origin asked",
        409: "The agent cannot be logged in as things are",
        429: "Too many failed attempts; Retry-After says when to try again",
        503: "The users' database cannot be asked",
    },
)
async def open_session(exchange: Exchange[LogInInput]) -> web.Response:
    services, asked = exchange.services, exchange.body
    limiter = exchange.request.app[LIMITER]
    address = exchange.request.remote or ""
    wait = limiter.begin(asked.login, address)
    if wait is not None:
        seconds = str(math.ceil(wait.total_seconds()))
        raise ApiError(429, "session.too_many_attempts", "Too many failed log-ins.", {"Retry-After": seconds})
    user = await services.users.authenticate(asked.login, asked.password)
    if user is None:
        raise ApiError(401, "session.refused", "Unknown login or wrong password.")
    limiter.succeed(asked.login, address)
    lasts = services.settings.http.session_time_seconds
    token = await services.users.open_session(user.login, services.clock.now() + lasts)
    session = Session(user, token, is_cookie=not asked.token)
    if Role.AGENT in user.roles:
        try:
            agents.log_in(services, session)
        except Exception:
            await services.users.close_session(token)
            raise
    response = json_response(_answer(session, with_token=asked.token))
    if not asked.token:
        _set_cookie(response, token, lasts, secure=services.settings.http.secure_cookies)
    return response


@endpoint(
    "GET",
    "/api/v1/session",
    summary="Who is logged in",
    body=NoBody,
    answer=SessionAnswer,
    access=ANYBODY,
)
async def show_session(exchange: Exchange[NoBody]) -> SessionAnswer:
    return _answer(exchange.session, with_token=False)


@endpoint(
    "DELETE",
    "/api/v1/session",
    summary="Log out; an agent leaves the queues, after the wrap-up when there is a call",
    body=NoBody,
    answer=None,
    access=ANYBODY,
)
async def close_session(exchange: Exchange[NoBody]) -> web.Response:
    session, services = exchange.session, exchange.services
    await services.users.close_session(session.token)
    if Role.AGENT in session.user.roles:
        with suppress(UnknownAgentError):  # the service was restarted since: logged out is what was asked for
            services.dispatcher.order(cmd.LogOutAgent(agent_id=session.agent_id))
    exchange.request.app[OPEN_SCREENS].cut_session(session.token)
    response = web.Response(status=204)
    response.del_cookie(COOKIE, path="/")
    return response


def _answer(session: Session, *, with_token: bool) -> SessionAnswer:
    user = session.user
    view = UserView(
        login=user.login,
        name=user.name,
        roles=sorted(user.roles),
        extension=user.extension,
        agent_id=session.agent_id if Role.AGENT in user.roles else None,
    )
    return SessionAnswer(user=view, csrf_token=session.csrf_token, token=session.token if with_token else None)


def _set_cookie(response: web.Response, token: str, lasts: timedelta, *, secure: bool) -> None:
    response.set_cookie(
        COOKIE,
        token,
        max_age=int(lasts.total_seconds()),
        path="/",
        httponly=True,
        samesite="Strict",
        secure=secure,
    )


ENDPOINTS = (open_session, show_session, close_session)
