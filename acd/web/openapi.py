"""The OpenAPI 3.1 document of /api/v1, made from the endpoints themselves: every status they can answer is in it."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

import msgspec

from acd.web.auth import COOKIE, CSRF_HEADER, SAFE_METHODS
from acd.web.endpoint import Endpoint, NoBody, Parameter
from acd.web.errors import ErrorAnswer

Json = dict[str, Any]

_REF = "#/components/schemas/{name}"


def openapi_document(endpoints: Iterable[Endpoint], version: str) -> Json:
    chosen = tuple(endpoints)
    types = [ErrorAnswer]
    for endpoint in chosen:
        types += [wanted for wanted in (endpoint.body, endpoint.answer) if wanted not in (None, NoBody)]
    schemas, components = msgspec.json.schema_components(types, ref_template=_REF)
    schema_of = dict(zip(map(str, types), schemas, strict=True))
    paths: dict[str, Json] = {}
    for endpoint in chosen:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint, schema_of)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Guichet", "version": version, "license": {"name": "Apache-2.0"}},
        "paths": paths,
        "components": {"schemas": components, "securitySchemes": _security_schemes()},
    }


def statuses_of(endpoint: Endpoint) -> dict[int, str]:
    """All error statuses with their meaning."""
    statuses: dict[int, str] = {500: "A fault of the service; its log says more"}
    if endpoint.access is not None:
        statuses[401] = "No session, or it is over"
        statuses[503] = "The database cannot be asked"
        if endpoint.access or endpoint.method not in SAFE_METHODS:
            statuses[403] = "The role, the CSRF token or the origin does not allow it"
    if endpoint.body is not NoBody:
        statuses |= {400: "The body does not fit", 413: "The body is too large", 415: "The body is not JSON"}
    if endpoint.parameters:
        statuses[400] = "A parameter does not fit"
    return statuses | dict(endpoint.errors)


def _operation(endpoint: Endpoint, schema_of: dict[str, Json]) -> Json:
    answer: Json = {"description": HTTPStatus(endpoint.status).phrase}
    if endpoint.answer is bytes:
        answer["content"] = {"audio/wav": {"schema": {"type": "string", "format": "binary"}}}
    elif endpoint.answer is not None:
        answer["content"] = _json_content(schema_of[str(endpoint.answer)])
    responses: Json = {str(endpoint.status): answer}
    for status, meaning in sorted(statuses_of(endpoint).items()):
        responses[str(status)] = {"description": meaning, "content": _json_content(schema_of[str(ErrorAnswer)])}
    operation: Json = {
        "operationId": endpoint.handler.__name__,
        "summary": endpoint.summary,
        "responses": responses,
        "parameters": [_parameter(parameter) for parameter in endpoint.parameters],
        "security": [] if endpoint.access is None else _security(endpoint),
    }
    if endpoint.access:
        operation["description"] = "For the roles: " + ", ".join(sorted(endpoint.access)) + "."
    if endpoint.body is not NoBody:
        required = _has_required_fields(endpoint.body)
        operation["requestBody"] = {"required": required, "content": _json_content(schema_of[str(endpoint.body)])}
    return operation


def _has_required_fields(body: Any) -> bool:
    return any(field.required for field in msgspec.structs.fields(body))


def _json_content(schema: Json) -> Json:
    return {"application/json": {"schema": schema}}


def _parameter(parameter: Parameter) -> Json:
    return {
        "name": parameter.name,
        "in": parameter.place,
        "required": parameter.is_required,
        "description": parameter.description,
        "schema": {"type": "string", "pattern": parameter.pattern},
    }


def _security(endpoint: Endpoint) -> list[Json]:
    cookie: Json = {"cookie": []}
    if endpoint.method not in SAFE_METHODS:
        cookie["csrf"] = []
    return [{"bearer": []}, cookie]


def _security_schemes() -> Json:
    return {
        "bearer": {"type": "http", "scheme": "bearer"},
        "cookie": {"type": "apiKey", "in": "cookie", "name": COOKIE},
        "csrf": {"type": "apiKey", "in": "header", "name": CSRF_HEADER},
    }
