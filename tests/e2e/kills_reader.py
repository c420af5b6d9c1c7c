"""Reads the events of a project as a browser does: when the connection breaks, it comes back with `Last-Event-ID`."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

import aiohttp

from tests.e2e.kills_record import Pulse

_PAUSE_SECONDS = 0.1
_TRANSPORT = (aiohttp.ClientError, ConnectionError, TimeoutError)


class Reader:
    """One subscriber.

    Args:
        http: a session with the gateway's address.
        key: the operator's key.
        project_id: whose events to read, from the first on.

    Attributes:
        seen: what came, in order: id, type, data.
        connections: how often it was let in.
        refusals: the answers other than a stream and "not now".
    """

    def __init__(self, http: aiohttp.ClientSession, key: str, project_id: str) -> None:
        self.seen: list[tuple[int, str, Any]] = []
        self.connections = 0
        self.refusals: list[str] = []
        self._http = http
        self._key = key
        self._path = f"/api/projects/{project_id}/events"
        self._last_id = "0"
        self._pulse = Pulse()

    async def run(self) -> None:
        """Read for ever."""
        while True:
            with contextlib.suppress(*_TRANSPORT):  # it comes back
                await self._read()
            await asyncio.sleep(_PAUSE_SECONDS)

    async def up_to(self, seq: int, limit_seconds: float) -> None:
        """Wait until everything up to number `seq` has come."""
        async with asyncio.timeout(limit_seconds):
            while int(self._last_id) < seq:
                await self._pulse.after("event", 1, limit_seconds)

    async def _read(self) -> None:
        headers = {"x-api-key": self._key, "Last-Event-ID": self._last_id}
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=60)
        async with self._http.get(self._path, headers=headers, timeout=timeout) as response:
            if response.status != 200:
                if response.status != 503:
                    self.refusals.append(f"{response.status} {await response.text()}")
                return
            self.connections += 1
            fields: dict[str, str] = {}
            async for line in response.content:
                text = line.decode().rstrip("\n")
                if text and not text.startswith(":"):
                    name, _, value = text.partition(": ")
                    fields[name] = value
                elif not text:
                    self._take(fields)
                    fields = {}

    def _take(self, fields: dict[str, str]) -> None:
        """Take one whole event; one that was cut off comes again, because its id was not noted."""
        if "id" in fields:
            self._last_id = fields["id"]
        if "data" in fields:
            self.seen.append((int(fields["id"]), fields["event"], json.loads(fields["data"])))
            self._pulse.beat("event")
