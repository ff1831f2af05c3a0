"""Who asks, and whether they may: sessions by cookie or bearer token, CSRF, origin, roles.

A session token is opaque; the directory keeps only its hash. Browsers carry it in a cookie no script can read, and
send with every unsafe request the session's CSRF token, which is derived from the session token: a page of another
origin can make the browser send the cookie but cannot know what to put into the header. Scripts send
`Authorization: Bearer <token>` and need no CSRF token, for no browser adds that header by itself.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web

from acd.domain.ids import AgentId, agent_id_of
from acd.service.ports import Role, User
from acd.web.errors import ApiError
from acd.web.services import SERVICES

COOKIE: Final = "guichet_session"
CSRF_HEADER: Final = "X-CSRF-Token"
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_LONGEST_TOKEN: Final = 200


@dataclass(frozen=True, slots=True, repr=False)
class Session:
    """repr shows nothing: the token must never reach a log."""

    user: User
    token: str
    is_cookie: bool

    @property
    def agent_id(self) -> AgentId:
        return agent_id_of(self.user.login)

    @property
    def csrf_token(self) -> str:
        return hmac.new(self.token.encode(), b"guichet csrf", hashlib.sha256).hexdigest()


async def find_session(request: web.Request) -> Session | None:
    """The session of the request's bearer token, else of its cookie. Tokens in the address are not looked at: they
    would stand in histories and proxies' logs."""
    header = request.headers.get("Authorization")
    if header is not None:
        scheme, _, token = header.partition(" ")
        token = token.strip() if scheme.lower() == "bearer" else ""
    else:
        token = request.cookies.get(COOKIE, "")
    if not 0 < len(token) <= _LONGEST_TOKEN or not token.isascii():
        return None
    services = request.app[SERVICES]
    user = await services.users.session_user(token, services.clock.now())
    return Session(user, token, is_cookie=header is None) if user is not None else None


async def require_session(request: web.Request, roles: frozenset[Role]) -> Session:
    """Raises ApiError 401 without a session, 403 without any of `roles` (empty: anybody), 403 without CSRF token."""
    session = await find_session(request)
    if session is None:
        raise ApiError(401, "session.required", "Log in first.")
    if request.method not in SAFE_METHODS and session.is_cookie:
        _check_csrf(request, session)
    require_role(session, roles)
    return session


def require_role(session: Session, roles: frozenset[Role]) -> None:
    if roles and not roles & session.user.roles:
        needed = " or ".join(sorted(roles))
        raise ApiError(403, "role.required", f"This is for the role {needed} only.")


def check_origin(request: web.Request) -> None:
    """Browsers name the page's origin in WebSocket handshakes and unsafe requests; only our own pages may make them.
    Scripts send none. Raises ApiError 403."""
    origin = request.headers.get("Origin")
    if origin is None:
        return
    try:
        theirs = urlsplit(origin).netloc.lower()
    except ValueError:
        theirs = ""
    if not theirs or theirs != request.headers.get("Host", "").lower():
        raise ApiError(403, "origin.refused", "Requests from pages of another origin are refused.")


def _check_csrf(request: web.Request, session: Session) -> None:
    check_origin(request)
    given = request.headers.get(CSRF_HEADER, "").encode("utf-8", "surrogateescape")
    if not hmac.compare_digest(given, session.csrf_token.encode()):
        raise ApiError(403, "csrf.refused", f"The header {CSRF_HEADER} does not hold this session's CSRF token.")
