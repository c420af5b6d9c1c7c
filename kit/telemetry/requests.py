"""A span for each HTTP request that a server answers.

The stock middleware needs the whole of `aiohttp.web` to be patched first, and puts addresses with their queries, which
may hold secrets, into the trace.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer

from kit.telemetry.context import from_headers

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Middleware = Callable[[web.Request, Handler], Awaitable[web.StreamResponse]]

_UNTRACED_PATHS = frozenset({"/health", "/metrics", "/metrics/json"})
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def request_spans(tracer: Tracer) -> Middleware:
    """Return the middleware that goes on with the trace of the client, or begins one."""

    @web.middleware
    async def traced(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path in _UNTRACED_PATHS:
            return await handler(request)
        method = request.method if request.method in _METHODS else "HTTP"
        route = _route(request)
        with tracer.start_as_current_span(
            f"{method} {route}" if route else method,
            context=from_headers(request.headers),
            kind=SpanKind.SERVER,
            attributes={"http.request.method": method, "http.route": route, "url.scheme": request.scheme},
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                response = await handler(request)
            except web.HTTPException as error:
                _end(span, error.status)
                raise
            except Exception:
                _end(span, 500)
                raise
            _end(span, response.status)
            return response

    return traced


def _route(request: web.Request) -> str:
    """Return the template of the route, never the path itself: its values have no bound."""
    resource = request.match_info.route.resource
    return "" if resource is None else resource.canonical


def _end(span: Span, status: int) -> None:
    span.set_attribute("http.response.status_code", status)
    if status >= 500:
        span.set_status(Status(StatusCode.ERROR))
