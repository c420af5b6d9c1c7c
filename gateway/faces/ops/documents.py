"""The interactive documentation: Swagger UI, served from here and from nowhere else."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from aiohttp import web

from gateway.errors import Failure

_STATIC = Path(__file__).parent / "static"
_TYPES = {
    "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
    "swagger-ui.css": "text/css; charset=utf-8",
    "start.js": "text/javascript; charset=utf-8",
}
# Nothing but this server may be loaded or called; Swagger UI needs inline styles and images of its own.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@cache
def _content(name: str) -> bytes:
    return (_STATIC / name).read_bytes()


def page() -> web.Response:
    """Return the page."""
    headers = {"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": _POLICY}
    return web.Response(body=_content("index.html"), headers=headers)


def asset(name: str) -> web.Response:
    """Return a file that the page needs.

    Raises:
        Failure: 404, it needs no such file.
    """
    if name not in _TYPES:
        raise Failure(404, "Not Found")
    return web.Response(
        body=_content(name), headers={"Content-Type": _TYPES[name], "Cache-Control": "public, max-age=3600"}
    )
