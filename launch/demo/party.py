"""An agent in the market: what any program would do over REST."""

from __future__ import annotations

from typing import Any

import aiohttp
import msgspec

from launch.errors import CommandFailed


class Party:
    """Calls the market for one agent.

    Args:
        http: a session whose base URL is the gateway.
        name: of the agent.
        key: of the agent.
    """

    def __init__(self, http: aiohttp.ClientSession, name: str, key: str) -> None:
        self.name = name
        self._http = http
        self._headers = {"Authorization": f"Bearer {key}"}

    async def get(self, path: str) -> Any:
        """Return the data that a GET answers."""
        return await self._call("GET", path, None)

    async def post(self, path: str, **body: Any) -> Any:
        """Return the data that a POST answers."""
        return await self._call("POST", path, body or None)

    async def _call(self, method: str, path: str, body: Any) -> Any:
        async with self._http.request(method, f"/api/v1{path}", json=body, headers=self._headers) as response:
            envelope = msgspec.json.decode(await response.read())
        if not envelope["ok"]:
            error = envelope["error"]
            raise CommandFailed(f"{method} {path}: {error['code']}: {error['message']}", error["suggestion"])
        return envelope["data"]
