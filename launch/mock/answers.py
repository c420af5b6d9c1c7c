"""Answers of the mock server: JSON that any web page may read."""

from __future__ import annotations

from typing import Any

import msgspec
from aiohttp import web

from gateway.errors import Failure
from gateway.faces.runs.dialect import RunsDialect

_ANYBODY = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, POST, PUT, DELETE, OPTIONS",
    "Access-Control-Allow-Headers": "*",
}
_encode = msgspec.json.Encoder().encode
_dialect = RunsDialect()


def answer(data: Any, status: int = 200) -> web.Response:
    """Return data as an answer."""
    return web.Response(body=_encode(data), status=status, content_type="application/json")


def refusal(failure: Failure) -> web.Response:
    """Return a failure as the runs face answers it."""
    body = _dialect.failure(_dialect.translate(failure), "")
    return web.Response(body=body, status=failure.status, content_type="application/json")


@web.middleware
async def around(request: web.Request, handler: Any) -> web.StreamResponse:
    """Answer what no route does, and let pages of any origin read it all."""
    try:
        response = await _respond(request, handler)
    except Failure as failure:
        response = refusal(failure)
    if not response.prepared:
        response.headers.update(_ANYBODY)
    return response


async def _respond(request: web.Request, handler: Any) -> web.StreamResponse:
    if request.method == "OPTIONS":
        return answer({})
    try:
        found: web.StreamResponse = await handler(request)
    except (web.HTTPNotFound, web.HTTPMethodNotAllowed):
        return answer({"error": "Not found", "path": request.path}, 404)
    return found


def cors(response: web.StreamResponse) -> web.StreamResponse:
    """Let pages of any origin read an answer that is sent piece by piece."""
    response.headers.update(_ANYBODY)
    return response
