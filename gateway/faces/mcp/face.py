"""The MCP face as a whole."""

from __future__ import annotations

from gateway.faces.mcp.dialect import McpDialect
from gateway.faces.mcp.routes import PATH, Mcp, routes
from gateway.faces.mcp.use import ToolUse
from gateway.routing import Dialect, Face
from gateway.within import Within


def face(within: Within, market: Dialect) -> Face:
    """Return the MCP face.

    Args:
        within: calls routes of this gateway.
        market: the words of the market face.
    """
    return Face("mcp", PATH, routes(Mcp(ToolUse(within, market))), McpDialect(), chapters=("MCP",))
