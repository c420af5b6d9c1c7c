"""The MCP face, `/api/v1/mcp`: the market as 23 tools for agents that speak the Model Context Protocol."""

from gateway.faces.mcp.face import face

__all__ = ["face"]
