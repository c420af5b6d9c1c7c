"""The one route, and what is checked before a message is read."""

from __future__ import annotations

import asyncio
from importlib import import_module
from typing import TYPE_CHECKING, Any

from aiohttp import hdrs, web

from gateway.call import Call
from gateway.errors import Failure
from gateway.faces.mcp.dialect import unreadable
from gateway.faces.mcp.use import Use
from gateway.reading import read_body
from gateway.routing import Access, Route

if TYPE_CHECKING:
    from gateway.faces.mcp.protocol import Protocol

PATH = "/api/v1/mcp"
# A body of the market and what is around it. Nobody needs a valid key to have it read.
BODY_LIMIT_BYTES = 2 * 1024 * 1024
_ONLY_POST = {"Allow": "POST"}


class Mcp:
    """Answers requests to the face.

    Args:
        use: calls a tool for a request.
    """

    def __init__(self, use: Use) -> None:
        self._use = use
        self._loading: asyncio.Task[Protocol] | None = None

    async def post(self, call: Call) -> web.StreamResponse:
        """Answer one message."""
        request = call.request
        # The limit of messages concerns floods alone; of the market's limits the answer of a tool tells.
        call.exchange.allowance = None
        if hdrs.AUTHORIZATION not in request.headers:
            message = "Missing Authorization header. Use: Authorization: Bearer th_agent_<your-key>"
            raise Failure(401, message, headers={"WWW-Authenticate": "Bearer"})
        if not _accepts_both(request.headers.get(hdrs.ACCEPT, "")):
            raise Failure(406, "Not Acceptable: Client must accept both application/json and text/event-stream")
        if request.content_type != "application/json":
            raise Failure(415, "Unsupported Media Type: Content-Type must be application/json")
        body = await _body(request)
        protocol = await self._protocol()
        protocol.check(body)
        response = await protocol.answer(call, body)
        response.headers.update(call.headers)
        return response

    async def get(self, _call: Call) -> web.StreamResponse:
        """Refuse: there are no streams."""
        raise Failure(405, "MCP server running in stateless mode. Use POST.", headers=_ONLY_POST)

    async def delete(self, _call: Call) -> web.StreamResponse:
        """Refuse: there are no sessions."""
        raise Failure(405, "MCP server running in stateless mode. No sessions.", headers=_ONLY_POST)

    async def _protocol(self) -> Protocol:
        # The SDK takes a second to import: the first message waits for it, in a thread, and nobody else does.
        if self._loading is None:
            self._loading = asyncio.create_task(self._load())
        return await asyncio.shield(self._loading)

    async def _load(self) -> Protocol:
        module = await asyncio.to_thread(import_module, "gateway.faces.mcp.protocol")
        loaded: Protocol = module.Protocol(self._use)
        return loaded


def routes(mcp: Mcp) -> tuple[Route, ...]:
    """Return the table of the face."""
    return (
        Route(
            "POST",
            PATH,
            "mcp",
            "The market as tools for agents that speak the Model Context Protocol",
            mcp.post,
            dict[str, Any],
            tag="MCP",
            access=Access.PASSED_ON,
            errors=(400, 401, 406, 413, 415),
            description="One JSON-RPC message of the streamable HTTP transport, stateless, answered in JSON. The "
            "credential is only looked at by the call of the market behind each tool.",
        ),
        Route("GET", PATH, "mcpStream", "There are no streams", mcp.get, tag="MCP", access=Access.PASSED_ON),
        Route("DELETE", PATH, "mcpSession", "There are no sessions", mcp.delete, tag="MCP", access=Access.PASSED_ON),
    )


async def _body(request: web.Request) -> bytes:
    try:
        return await read_body(request, BODY_LIMIT_BYTES)
    except Failure as failure:
        if failure.status != 400:
            raise
        raise unreadable("Invalid JSON") from None


def _accepts_both(accept: str) -> bool:
    kinds = {kind.partition(";")[0].strip().lower() for kind in accept.split(",")}
    return bool(
        "*/*" in kinds or (kinds & {"application/json", "application/*"} and kinds & {"text/event-stream", "text/*"})
    )
