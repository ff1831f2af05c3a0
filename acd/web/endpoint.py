"""One decorator for every route of /api/v1: it checks session and body, and knows all that OpenAPI has to say."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

import msgspec
from aiohttp import web

from acd.service.ports import Role
from acd.web.auth import SAFE_METHODS, Session, check_origin, require_session
from acd.web.errors import ApiError
from acd.web.services import SERVICES, WebServices

BodyT = TypeVar("BodyT")
BodyT_co = TypeVar("BodyT_co", covariant=True)

PUBLIC: Final = None
ANYBODY: Final = frozenset[Role]()  # who has logged in
AGENTS: Final = frozenset({Role.AGENT})
SUPERVISORS: Final = frozenset({Role.SUPERVISOR, Role.ADMIN})


class NoBody(msgspec.Struct, frozen=True):
    """Nothing is read."""


class Input(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of request bodies. A misspelt field is an error, not a default."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """Of path or query; text, with a pattern the value must match."""

    name: str
    place: str  # "path" or "query"
    description: str
    pattern: str
    is_required: bool = True

    def check(self, request: web.Request) -> None:
        """Raises ApiError 400."""
        values = request.match_info if self.place == "path" else request.query
        if not self.is_required and self.name not in values:
            return
        if not re.search(self.pattern, values.get(self.name, "")):
            raise ApiError(400, "parameter.invalid", f"{self.name}: does not match {self.pattern}")


@dataclass(frozen=True, slots=True)
class Exchange(Generic[BodyT_co]):
    request: web.Request
    services: WebServices
    body: BodyT_co
    caller: Session | None

    @property
    def session(self) -> Session:
        """Of endpoints that are not public."""
        if self.caller is None:
            raise ApiError(401, "session.required", "Log in first.")
        return self.caller


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    method: str
    path: str
    summary: str
    handler: Callable[[Exchange[Any]], Awaitable[object]]
    body: Any
    answer: Any  # None: 204, nothing
    access: frozenset[Role] | None
    parameters: tuple[Parameter, ...]
    errors: Mapping[int, str]

    @property
    def status(self) -> int:
        return 204 if self.answer is None else 200

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        if self.access is not None:
            caller = await require_session(request, self.access)
        else:
            caller = None
            if request.method not in SAFE_METHODS:
                check_origin(request)
        for parameter in self.parameters:
            parameter.check(request)
        body = await _read_body(request, self.body) if self.body is not NoBody else NoBody()
        answer = await self.handler(Exchange(request, request.app[SERVICES], body, caller))
        if isinstance(answer, web.StreamResponse):
            return answer
        return json_response(answer) if self.answer is not None else web.Response(status=204)


def endpoint(
    method: str,
    path: str,
    *,
    summary: str,
    body: type[BodyT],
    answer: Any,
    access: frozenset[Role] | None,
    parameters: tuple[Parameter, ...] = (),
    errors: Mapping[int, str] | None = None,
) -> Callable[[Callable[[Exchange[BodyT]], Awaitable[object]]], Endpoint]:
    """`answer`: the type of the JSON answer, None for no content. `errors`: statuses beyond those every route of its
    kind has (see `acd.web.openapi`)."""

    def decorate(handler: Callable[[Exchange[BodyT]], Awaitable[object]]) -> Endpoint:
        return Endpoint(
            method=method,
            path=path,
            summary=summary,
            handler=handler,
            body=body,
            answer=answer,
            access=access,
            parameters=parameters,
            errors=errors or {},
        )

    return decorate


def json_response(data: object) -> web.Response:
    return web.Response(body=msgspec.json.encode(data), content_type="application/json")


async def _read_body(request: web.Request, wanted: type[BodyT]) -> BodyT:
    payload = await request.read()  # aiohttp answers 413 beyond client_max_size
    if payload and request.content_type != "application/json":
        raise ApiError(415, "body.not_json", "The body has to be JSON: Content-Type: application/json.")
    try:
        return msgspec.json.decode(payload or b"{}", type=wanted)
    except RecursionError:
        raise ApiError(400, "body.invalid", "The body is nested too deeply.") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ApiError(400, "body.invalid", f"The body does not fit: {error}.") from None
