"""Runs one request through an ASGI application: the SDK of the protocol is one, the gateway is none."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from aiohttp import web

Event = MutableMapping[str, Any]
Application = Callable[[Event, Callable[[], Awaitable[Event]], Callable[[Event], Awaitable[None]]], Awaitable[None]]


async def run(application: Application, request: web.Request, body: bytes, extra: Event) -> web.Response:
    """Return what `application` answers to `request`, in one piece.

    Args:
        application: what answers.
        request: whose body has been read already.
        body: that body, decompressed.
        extra: further keys of the scope.
    """
    exchange = _Exchange(body)
    await application({**_scope(request), **extra}, exchange.receive, exchange.send)
    return exchange.response


class _Exchange:
    def __init__(self, body: bytes) -> None:
        self._unread: bytes | None = body
        self.response = web.Response(status=500)
        self._parts = bytearray()

    async def receive(self) -> Event:
        if self._unread is None:
            # A client that goes away cancels the whole request; there is nothing to be told here.
            await asyncio.get_running_loop().create_future()
        body, self._unread = self._unread, None
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(self, event: Event) -> None:
        if event["type"] == "http.response.start":
            headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in event["headers"]]
            self.response = web.Response(status=event["status"])
            self.response.headers.extend(header for header in headers if header[0] != "content-length")
        else:
            self._parts += event.get("body", b"")
            self.response.body = bytes(self._parts)


def _scope(request: web.Request) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": request.scheme,
        "path": request.path,
        "raw_path": request.rel_url.raw_path.encode(),
        "query_string": request.query_string.encode(),
        "root_path": "",
        "headers": [(name.lower(), value) for name, value in request.raw_headers],
        "client": None,
        "server": None,
    }
