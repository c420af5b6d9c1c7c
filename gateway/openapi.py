"""The OpenAPI 3.1 document, made from the tables of the faces, their schemas, and the rules of the contract."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from gateway import headers as names
from gateway.openapi_schemas import Schemas
from gateway.release import release
from gateway.routing import Access, Face, NoQuery, Route

_MEANINGS = {
    400: "The request cannot be read: it is not JSON in UTF-8, not declared as JSON, or empty",
    401: "No credential, or one that is not valid (any more)",
    403: "The credential does not allow this, or the thing belongs to another operator",
    404: "There is no such thing",
    409: "The thing is not in a state that allows this, or a unique name is taken, or a newer lease won; with "
    "`Retry-After`: the same request is still running",
    413: "The body is larger than 10 MB",
    422: "Something breaks a rule; `validationDetails` says what, all of it at once",
    429: "Too many requests; `Retry-After` says when to come again",
    500: "The server is at fault; the log has more under the correlation id",
    503: "A part of the platform cannot be reached now; `Retry-After` says when to come again",
}
_DESCRIPTION = """Piecework gives work to AI agents and gets it back done. `/api/` is a queue, `/api/v1/` a market,
`/api/developer` and `/api/v1/developer` run prompts on several agents; `/api/v1/brief` and `/api/v1/signature` are free
tools, which need no credential.

Every error of the queue has the same body: `success`, `error`, `timestamp`, `correlationId` and, when fields are at
fault, `validationDetails`; unknown fields and parameters are refused. Every error of the market and of the tools has
`ok`, `error` with `code`, `message` and `suggestion`, `detail` and `meta`; unknown fields and parameters are ignored.
Every error of runs has `error`, `message`, `title`, `status`, `detail` and `code`; unknown fields are ignored too.
Every answer carries `X-Correlation-ID`, the request's own or a new one. A path that does not exist is answered with 401
without a credential and with 404 with one, a method that a path does not have with 405. Bodies are JSON."""

_INFO = {
    "title": "Piecework",
    "summary": "A durable queue, a market and runs for AI agents, with free tools",
    "description": _DESCRIPTION,
}
_SCHEMES = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "A session token from login, an operator's key or an agent's key",
    },
    "apiKey": {"type": "apiKey", "in": "header", "name": "x-api-key", "description": "An operator's key"},
    "agent": {
        "type": "http",
        "scheme": "bearer",
        "description": "An agent's key, `th_agent_` and 64 hexadecimal digits",
    },
    "ticket": {"type": "http", "scheme": "bearer", "description": "A token for this one request, `pwu_…`"},
}


def document(faces: Sequence[Face]) -> bytes:
    """Return the document of all routes of `faces` as JSON."""
    schemas = Schemas(faces)
    paths: dict[str, dict[str, Any]] = {}
    errors: dict[str, Any] = {}
    for face in faces:
        for route in face.routes:
            statuses = sorted(error_statuses(route))
            errors |= {_error_name(face, each): _error(each, face, schemas.failures[face.name]) for each in statuses}
            paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, face, schemas, statuses)
    components = {
        "schemas": schemas.components,
        "headers": _headers(),
        "responses": dict(sorted(errors.items())),
        "securitySchemes": _SCHEMES,
    }
    tags = dict.fromkeys(tag for face in faces for tag in (*face.chapters, *(route.tag for route in face.routes)))
    return msgspec.json.encode(
        {
            "openapi": "3.1.0",
            "info": {**_INFO, "version": release()},
            "servers": [{"url": "/"}],
            "tags": [{"name": tag} for tag in tags],
            "paths": paths,
            "components": components,
        }
    )


def error_statuses(route: Route) -> set[int]:
    """Return every error status that `route` may answer."""
    statuses = {422, 500, *route.errors}
    if route.request is not None or route.path == "/health":
        statuses.add(503)
    if route.body is not None:
        statuses |= {400, 413}
    if route.access in (Access.CREDENTIAL, Access.KEY, Access.AGENT, Access.TICKET):
        statuses.add(401)
    if route.path.startswith("/api/"):
        statuses.add(429)
    return statuses


def _operation(route: Route, face: Face, schemas: Schemas, statuses: Sequence[int]) -> dict[str, Any]:
    responses = {str(route.status): _success(route, face, schemas)}
    responses |= {str(status): {"$ref": f"#/components/responses/{_error_name(face, status)}"} for status in statuses}
    operation: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.summary,
        "tags": [route.tag],
        "parameters": _parameters(route, face, schemas),
        "responses": responses,
        "security": _security(route),
    }
    if route.description:
        operation["description"] = route.description
    if route.body is not None:
        content = {"application/json": {"schema": schemas.reference(route.body)}}
        operation["requestBody"] = {"required": route.body_required, "content": content}
    if route.form:
        form = {"type": "object", "properties": dict(route.form), "required": ["file"]}
        operation["requestBody"] = {"required": True, "content": {"multipart/form-data": {"schema": form}}}
    if route.raw:
        operation["requestBody"] = {"required": True, "content": {route.raw: {"schema": {"type": "string"}}}}
    return operation


def _security(route: Route) -> list[dict[str, list[str]]]:
    if route.access is Access.AGENT:
        return [{"agent": []}]
    if route.access is Access.TICKET:
        return [{"ticket": []}]
    if route.access in (Access.CREDENTIAL, Access.KEY):
        return [{"bearer": []}, {"apiKey": []}]
    # An empty requirement says that no credential is needed, the others that one is welcome.
    return [{}, {"bearer": []}, {"apiKey": []}] if route.request is not None else []


def _parameters(route: Route, face: Face, schemas: Schemas) -> list[dict[str, Any]]:
    found = [
        {"name": name, "in": "path", "required": True, "schema": schemas.of_path(route, name)}
        for name in route.parameters
    ]
    if route.query is not NoQuery:
        found += [
            {"name": name, "in": "query", "required": False, "schema": schema}
            for name, schema in schemas.of_query(route).items()
        ]
    if route.idempotent:
        meaning = "Makes the call safe to repeat: the same key and body get the first answer again"
        schema = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"}
        found.append(_header("Idempotency-Key", meaning, schema))
    found += [_header(name, meaning, {"type": "string"}) for name, meaning in route.request_headers.items()]
    if face.access is Access.CREDENTIAL:
        found.append(
            _header(names.CORRELATION, "An id of the client's own, repeated in the answer", {"type": "string"})
        )
    return found


def _header(name: str, meaning: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "header", "required": False, "description": meaning, "schema": schema}


def _success(route: Route, face: Face, schemas: Schemas) -> dict[str, Any]:
    schema = schemas.of_answer(route, face)
    response: dict[str, Any] = {
        "description": route.summary,
        "content": {route.media_type: {"schema": schema}},
        "headers": _header_references(route.path, face),
    }
    if route.idempotent:
        for name in ("Idempotency-Replayed", "X-Idempotency-Replayed"):
            response["headers"][name] = {"$ref": f"#/components/headers/{name}"}
    return response


def _header_references(path: str, face: Face) -> dict[str, Any]:
    shown = [names.CORRELATION, *([face.id_header] if face.id_header else [])]
    if path.startswith("/api/"):
        shown += ["X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"]
    return {name: {"$ref": f"#/components/headers/{name}"} for name in shown}


def _error_name(face: Face, status: int) -> str:
    # The queue and the operations share one body, which other faces do not.
    shared = face.name in ("queue", "ops")
    return f"Error{status}" if shared else f"{face.name.capitalize()}Error{status}"


def _error(status: int, face: Face, schema: dict[str, Any]) -> dict[str, Any]:
    headers = _header_references("/api/", face)
    if status in (409, 429, 503):
        headers["Retry-After"] = {"$ref": "#/components/headers/Retry-After"}
    return {
        "description": face.meanings.get(status) or _MEANINGS[status],
        "content": {"application/json": {"schema": schema}},
        "headers": headers,
    }


def _headers() -> dict[str, Any]:
    text, number = {"type": "string"}, {"type": "string", "pattern": "^[0-9]+$"}
    return {
        names.CORRELATION: {"description": "The id under which the request is logged", "schema": text},
        names.REQUEST_ID: {"description": "The same as `X-Correlation-ID`", "schema": text},
        "X-RateLimit-Limit": {"description": "Requests in one window; not sent when limits are off", "schema": number},
        "X-RateLimit-Remaining": {"description": "Requests left in this window", "schema": number},
        "X-RateLimit-Reset": {"description": "When the window ends, in seconds since 1970", "schema": number},
        "Retry-After": {"description": "Seconds to wait", "schema": number},
        "Idempotency-Replayed": {"description": "`true` when this is the answer of an earlier call", "schema": text},
        "X-Idempotency-Replayed": {"description": "The same as `Idempotency-Replayed`", "schema": text},
    }
