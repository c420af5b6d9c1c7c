"""The MCP face as a whole."""

from __future__ import annotations

from gateway.faces.market.dialect import MarketDialect
from gateway.faces.mcp.dialect import McpDialect
from gateway.faces.mcp.routes import PATH, Mcp, routes
from gateway.faces.mcp.use import ToolUse
from gateway.routing import Face
from gateway.within import Within

# Of messages per client address, whatever they say: reading one costs much, and needs no valid key. Who calls tools
# meets the limits of the market long before.
_RATE = "1200/minute"


def face(within: Within) -> Face:
    """Return the MCP face, which calls routes of this gateway `within`."""
    return Face(
        "mcp",
        PATH,
        routes(Mcp(ToolUse(within, MarketDialect()))),
        McpDialect(),
        rates=_RATE,
        chapters=("MCP",),
        about="The market as tools of an agent (Model Context Protocol)",
    )
