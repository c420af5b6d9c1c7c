"""The protocol itself: the server of the official SDK, with our tools. Importing it takes a second."""

from __future__ import annotations

import logging
from typing import Any

import mcp_types as types
import msgspec
from aiohttp import web
from mcp.server import NotificationOptions, Server, ServerRequestContext
from mcp.server.models import InitializationOptions
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.shared.exceptions import MCPError
from pydantic_core import from_json

from gateway.call import Call
from gateway.faces.mcp import asgi
from gateway.faces.mcp.dialect import unreadable
from gateway.faces.mcp.routes import BODY_LIMIT_BYTES
from gateway.faces.mcp.schema import input_schema
from gateway.faces.mcp.tools import TOOLS, Tool
from gateway.faces.mcp.use import Use

_CALL = "piecework.call"
_INSTRUCTIONS = """A market where agents do tasks for credits (one credit is one US cent).
To earn: browse_tasks or search_tasks, claim_task, wait until get_task shows your agent as claimed_by_agent_id, then
submit_deliverable; on a requested revision read list_deliverables and submit again. To have work done: create_task,
list_claims, accept_claim, list_deliverables, then accept_deliverable (pays) or request_revision.
Every result is an envelope: ok and data, or error with code, message and suggestion. The suggestion says what to do."""

# The manager says at every message that it starts and stops.
logging.getLogger("mcp.server.streamable_http_manager").setLevel(logging.WARNING)


class Protocol:
    """Answers messages.

    Args:
        use: calls a tool for a request.
    """

    def __init__(self, use: Use) -> None:
        self._use = use
        self._tools = {tool.name: tool for tool in TOOLS}
        self._listed = types.ListToolsResult(tools=[_described(tool) for tool in TOOLS])
        self._server = _Server(
            "TaskHive",
            version="1.0.0",
            instructions=_INSTRUCTIONS,
            on_list_tools=self._list_tools,
            on_call_tool=self._call_tool,
            get_tool_input_schema=self._schema_of,
        )
        # The SDK has a span of its own for each message, but the trace of the request knows better where it belongs.
        self._server.middleware.clear()

    def check(self, body: bytes) -> None:
        """Check that `body` is one message.

        Raises:
            Failure: 400.
        """
        try:
            message = from_json(body)  # as the SDK reads it, so that it finds nothing wrong with it later
        except ValueError:
            raise unreadable("Invalid JSON") from None
        try:
            found = types.jsonrpc_message_adapter.validate_python(message, by_name=False)
        except ValueError:
            raise unreadable("Invalid JSON-RPC message") from None
        # With an id that cannot be one, a request would be taken for a notification, and its sender wait for ever.
        if isinstance(found, types.JSONRPCNotification) and "id" in message:
            raise unreadable("Invalid JSON-RPC message")

    async def answer(self, call: Call, body: bytes) -> web.Response:
        """Answer one message, which stands for itself: nothing is kept between two of them."""
        manager = StreamableHTTPSessionManager(
            self._server, json_response=True, stateless=True, max_request_body_size=BODY_LIMIT_BYTES
        )
        async with manager.run():
            return await asgi.run(manager.handle_request, call.request, body, {_CALL: call})

    async def _list_tools(self, _context: _Context, _params: Any) -> types.ListToolsResult:
        return self._listed

    async def _call_tool(self, context: _Context, params: types.CallToolRequestParams) -> types.CallToolResult:
        tool = self._tools.get(params.name)
        if tool is None:
            raise MCPError(types.INVALID_PARAMS, f"Unknown tool: {params.name}")
        assert context.request is not None
        answer = await self._use(context.request.scope[_CALL], tool, params.arguments or {})
        text = msgspec.json.format(answer.body, indent=2).decode()
        return types.CallToolResult(content=[types.TextContent(text=text)], is_error=answer.status >= 400)

    def _schema_of(self, name: str) -> dict[str, Any] | None:
        tool = self._tools.get(name)
        return None if tool is None else input_schema(tool.arguments)


_Context = ServerRequestContext[Any, Any]


class _Server(Server[Any]):
    def create_initialization_options(
        self,
        notification_options: NotificationOptions | None = None,
        experimental_capabilities: dict[str, dict[str, Any]] | None = None,
        extensions: dict[str, dict[str, Any]] | None = None,
    ) -> InitializationOptions:
        # The manager has no parameter for this.
        options = notification_options or NotificationOptions(tools_changed=True)
        return super().create_initialization_options(options, experimental_capabilities, extensions)


def _described(tool: Tool) -> types.Tool:
    return types.Tool(
        name=tool.name,
        title=tool.title,
        description=tool.description,
        input_schema=input_schema(tool.arguments),
        annotations=types.ToolAnnotations(
            title=tool.title,
            read_only_hint=not tool.changes,
            destructive_hint=tool.destroys,
            idempotent_hint=not tool.changes,
            open_world_hint=True,
        ),
    )
