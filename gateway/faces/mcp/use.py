"""Using a tool: calling the route of the market face that it stands for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from gateway.call import Call
from gateway.faces.market.errors import failed
from gateway.faces.mcp.calls import market_call, unknown
from gateway.faces.mcp.tools import Tool
from gateway.routing import Dialect
from gateway.within import Answer, Within

Use = Callable[[Call, Tool, Mapping[str, Any]], Awaitable[Answer]]

_REPEATED = ("Idempotency-Replayed", "X-Idempotency-Replayed", "Retry-After")


class ToolUse:
    """Uses tools.

    Args:
        within: calls routes of this gateway.
        dialect: the words of the market face.
    """

    def __init__(self, within: Within, dialect: Dialect) -> None:
        self._within = within
        self._dialect = dialect

    async def __call__(self, call: Call, tool: Tool, arguments: Mapping[str, Any]) -> Answer:
        """Return what the route of `tool` answers to the caller."""
        names = unknown(tool, arguments)
        if names:
            return self._refuse(call, tool, names)
        wanted = market_call(tool, arguments)
        answer = await self._within.send(call.request, wanted.method, wanted.url, wanted.body)
        # What the market says in headers goes out with the answer to the message.
        call.exchange.allowance = answer.allowance
        call.headers.update({name: answer.headers[name] for name in _REPEATED if name in answer.headers})
        return answer

    def _refuse(self, call: Call, tool: Tool, names: list[str]) -> Answer:
        takes = ", ".join(tool.arguments.__struct_fields__) or "no arguments"
        message = f"Unknown arguments: {', '.join(names)[:200]}"
        failure = failed(422, "VALIDATION_ERROR", message, f"{tool.name} takes: {takes}")
        return Answer(failure.status, self._dialect.failure(failure, call.exchange.correlation_id))
