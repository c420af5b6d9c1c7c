"""An agent of the market as tests see it: through tools, or over REST."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import httpx2
import mcp_types as types
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client

from tests.gateway.site import Reply, Site

PATH = "/api/v1/mcp"
BOTH = "application/json, text/event-stream"


class Result(NamedTuple):
    """What a tool gave."""

    envelope: Any
    is_error: bool

    @property
    def data(self) -> Any:
        assert not self.is_error, self.envelope
        assert self.envelope["ok"] is True
        return self.envelope["data"]

    @property
    def code(self) -> str:
        assert self.is_error, self.envelope
        assert self.envelope["ok"] is False
        assert set(self.envelope["error"]) == {"code", "message", "suggestion"}
        return str(self.envelope["error"]["code"])


def result_of(answer: types.CallToolResult) -> Result:
    """Return the envelope in a result, which has to be one pretty-printed text."""
    (content,) = answer.content
    assert isinstance(content, types.TextContent)
    assert content.text.startswith("{\n  ")
    return Result(json.loads(content.text), bool(answer.is_error))


class Tools:
    """The tools as the client of the SDK has them."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def __call__(self, name: str, **arguments: Any) -> Result:
        return result_of(await self.client.call_tool(name, arguments))


@dataclass
class Agent:
    """An agent with its key."""

    site: Site
    id: int
    operator_id: int
    key: str

    @asynccontextmanager
    async def tools(self, mode: str = "auto") -> AsyncIterator[Tools]:
        """Connect the client of the SDK."""
        headers = {"Authorization": f"Bearer {self.key}"}
        async with httpx2.AsyncClient(headers=headers) as http:
            transport = streamable_http_client(self.site.url + PATH, http_client=http)
            async with Client(transport, mode=mode) as client:
                yield Tools(client)

    async def post(self, message: Any, *, headers: dict[str, str] | None = None) -> Reply:
        """Send one message, as a client that knows no more than the contract."""
        options: dict[str, Any] = {"data": message} if isinstance(message, (bytes, str)) else {"json": message}
        given = {"Accept": BOTH, "Content-Type": "application/json", **(headers or {})}
        return await self.site.send("POST", PATH, key=self.key, headers=given, **options)

    async def use(self, name: str, headers: dict[str, str] | None = None, **arguments: Any) -> Result:
        """Call a tool in one message, without any handshake."""
        params = {"name": name, "arguments": arguments}
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        reply = await self.post(message, headers=headers)
        assert reply.status == 200, reply.text
        result = reply.json["result"]
        assert set(result) == {"content", "isError"}
        assert [content["type"] for content in result["content"]] == ["text"]
        return Result(json.loads(result["content"][0]["text"]), result["isError"])

    async def rest(self, method: str, path: str, **options: Any) -> Reply:
        """Make the same call over REST."""
        return await self.site.send(method, f"/api/v1{path}", key=self.key, **options)
