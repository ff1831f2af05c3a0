"""What goes wrong, as JSON: `{"error": {"id", "message"}}`. Ids are stable; messages are for people.

ApiError      a request that cannot be served, with its HTTP status
HttpBindError the port cannot be listened on
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec
import structlog
from aiohttp import web

from acd.domain.errors import (
    DomainError,
    UnknownAgentError,
    UnknownCallError,
    UnknownQueueError,
    UnknownReasonError,
    UnknownWrapUpCodeError,
    WrapUpCodeRequiredError,
)
from acd.service.audit import AuditUnavailableError
from acd.service.ports import PromptsError, TelephonyError
from acd.service.records import RecordsUnavailableError
from acd.service.users import UserError, UsersUnavailableError
from acd.web.services import SERVICES
from ticketing.api import ContactNotFoundError, DatabaseError, DeskError, IncidentNotFoundError, TicketNotFoundError

log = structlog.get_logger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ApiError(Exception):
    def __init__(self, status: int, error_id: str, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.error_id = error_id
        self.headers = headers or {}


class HttpBindError(Exception):
    error_id = "http.bind"


class Problem(msgspec.Struct, frozen=True):
    id: str
    message: str


class ErrorAnswer(msgspec.Struct, frozen=True):
    error: Problem


_UNKNOWN: Final = (
    UnknownAgentError,
    UnknownCallError,
    UnknownQueueError,
    TicketNotFoundError,
    ContactNotFoundError,
    IncidentNotFoundError,
)
_NOT_FITTING: Final = (UnknownReasonError, UnknownWrapUpCodeError, WrapUpCodeRequiredError)


def as_api_error(error: Exception) -> ApiError:
    """Every exception has an answer; one nobody foresaw is a 500 that tells the client nothing."""
    match error:
        case ApiError():
            return error
        case web.HTTPException():
            reason = error.reason or "error"
            headers = {name: error.headers[name] for name in ("Allow", "Location") if name in error.headers}
            return ApiError(error.status, f"http.{reason.lower().replace(' ', '_')}", f"{reason}.", headers)
        case (
            UsersUnavailableError()
            | RecordsUnavailableError()
            | DatabaseError()
            | AuditUnavailableError()
            | PromptsError()
        ):
            return ApiError(503, error.error_id, str(error))
        case _ if isinstance(error, _UNKNOWN):
            return ApiError(404, error.error_id, str(error))
        case TelephonyError():
            return ApiError(502, error.error_id, str(error))
        case _ if isinstance(error, _NOT_FITTING):
            return ApiError(422, error.error_id, str(error))
        case DomainError():
            return ApiError(409, error.error_id, str(error))
        case UserError() | DeskError():
            return ApiError(400, error.error_id, str(error))
        case _:
            return ApiError(500, "http.internal_error", "Something went wrong here; it is in the service's log.")


def error_response(error: ApiError) -> web.Response:
    body = msgspec.json.encode(ErrorAnswer(Problem(error.error_id, str(error))))
    return web.Response(body=body, status=error.status, content_type="application/json", headers=error.headers)


def route_of(request: web.Request) -> str:
    """The route's pattern, so that neither logs nor metrics hold what stands in a path."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "unknown"


@web.middleware
async def errors_as_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    loop_time = asyncio.get_running_loop().time
    began_at = loop_time()
    status = 500
    try:
        response = await handler(request)
    except web.HTTPRedirection as redirection:
        status = redirection.status
        raise
    except Exception as error:
        answer = as_api_error(error)
        status = answer.status
        if status >= 500:
            log.exception("http_request_failed", route=route_of(request), method=request.method, status=status)
        return error_response(answer)
    else:
        status = response.status
        return response
    finally:
        if status != 101:
            observed = request.app[SERVICES].metrics.request_seconds
            observed.labels(route_of(request), _method_of(request), str(status)).observe(loop_time() - began_at)


def _method_of(request: web.Request) -> str:
    """A client may make up method names; each would be a new series."""
    known = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
    return request.method if request.method in known else "other"
