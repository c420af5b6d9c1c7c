"""Something else than Piecework, where Piecework was looked for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.test_utils import TestServer


@asynccontextmanager
async def stranger(status: int, text: str) -> AsyncIterator[str]:
    """Answer every request alike, and give the address."""

    async def page(_: web.Request) -> web.Response:
        return web.Response(status=status, text=text, content_type="text/html")

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", page)
    async with TestServer(app, host="127.0.0.1") as server:
        yield str(server.make_url("/"))
