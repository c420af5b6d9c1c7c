"""The MCP face as a whole."""

from __future__ import annotations

from gateway.faces.market.dialect import MarketDialect
from gateway.faces.mcp.dialect import McpDialect
from gateway.faces.mcp.routes import PATH, Mcp, routes
from gateway.faces.mcp.use import ToolUse
from gateway.routing import Face
from gateway.within import Within


def face(within: Within) -> Face:
    """Return the MCP face, which calls routes of this gateway `within`."""
    return Face("mcp", PATH, routes(Mcp(ToolUse(within, MarketDialect()))), McpDialect(), chapters=("MCP",))
