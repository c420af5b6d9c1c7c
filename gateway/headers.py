"""The headers that every answer carries, and those that browsers ask for."""

from __future__ import annotations

import random
import re
from collections.abc import Collection

from aiohttp import hdrs, web
from multidict import CIMultiDict

from gateway.limits import Allowance

CORRELATION = "X-Correlation-ID"
# Some clients name it so.
_OTHER_CORRELATION = "X-Request-ID"
REQUEST_ID = "request-id"
SERVER = "piecework"
HSTS = "max-age=31536000; includeSubDomains"
SECURITY = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-XSS-Protection": "1; mode=block",
}
EXPOSED = (
    CORRELATION,
    REQUEST_ID,
    "X-RateLimit-Limit",
    "X-RateLimit-Remaining",
    "X-RateLimit-Reset",
    "Retry-After",
    "Idempotency-Replayed",
    "X-Idempotency-Replayed",
)
_METHODS = "GET,HEAD,PUT,PATCH,POST,DELETE"
_REQUEST_HEADERS = (
    "Authorization, Content-Type, Idempotency-Key, Last-Event-ID, X-Api-Key, X-Correlation-ID, traceparent"
)
_HEADER_LIST = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~, -]{1,1000}", re.ASCII)
_CORRELATION = re.compile(r"[!-~]{1,128}", re.ASCII)


def correlation_id(request: web.Request) -> str:
    """Return the id that the client gave the request, if it can be repeated safely, or a new one."""
    given = request.headers.get(CORRELATION) or request.headers.get(_OTHER_CORRELATION)
    if given is not None and _CORRELATION.fullmatch(given):
        return given
    # An id to tell requests apart, not a secret: the generator of the kit would ask the kernel for each.
    text = f"{random.getrandbits(128):032x}"
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"


def rate_headers(headers: CIMultiDict[str], allowance: Allowance) -> None:
    """Tell the client what is left to it."""
    headers["X-RateLimit-Limit"] = str(allowance.limit)
    headers["X-RateLimit-Remaining"] = str(max(0, allowance.remaining))
    headers["X-RateLimit-Reset"] = str(allowance.reset_at)


class Cors:
    """Which web pages may call.

    Args:
        origins: their origins; `*` is any.
    """

    def __init__(self, origins: Collection[str]) -> None:
        self._any = "*" in origins
        self._origins = frozenset(origins)

    def is_preflight(self, request: web.Request) -> bool:
        """Tell whether a browser only asks whether it may send a request."""
        return (
            request.method == hdrs.METH_OPTIONS
            and hdrs.ORIGIN in request.headers
            and hdrs.ACCESS_CONTROL_REQUEST_METHOD in request.headers
        )

    def preflight(self, request: web.Request) -> web.Response:
        """Return the answer to that question."""
        asked = request.headers.get(hdrs.ACCESS_CONTROL_REQUEST_HEADERS, "")
        response = web.Response(status=204)
        response.headers[hdrs.ACCESS_CONTROL_ALLOW_METHODS] = _METHODS
        response.headers[hdrs.ACCESS_CONTROL_ALLOW_HEADERS] = (
            asked if _HEADER_LIST.fullmatch(asked) else _REQUEST_HEADERS
        )
        response.headers[hdrs.ACCESS_CONTROL_MAX_AGE] = "600"
        return response

    def apply(self, request: web.Request, headers: CIMultiDict[str]) -> None:
        """Let the page that sent `request` read the answer, if its origin is allowed.

        No cookies are in play: a page has to know a token, so any origin may be allowed.
        """
        origin = request.headers.get(hdrs.ORIGIN)
        if self._any:
            headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = "*"
            if origin is not None:
                headers[hdrs.ACCESS_CONTROL_EXPOSE_HEADERS] = _EXPOSED_LIST
            return
        headers.add(hdrs.VARY, "Origin")
        if origin is not None and origin in self._origins:
            headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = origin
            headers[hdrs.ACCESS_CONTROL_ALLOW_CREDENTIALS] = "true"
            headers[hdrs.ACCESS_CONTROL_EXPOSE_HEADERS] = _EXPOSED_LIST


_EXPOSED_LIST = ", ".join(EXPOSED)
