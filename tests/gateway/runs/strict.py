"""Reads a stream as the strictest published client does: line by line, each `data:` alone a whole JSON object."""

from __future__ import annotations

import asyncio
import json
from typing import Any, NamedTuple

from tests.gateway.site import Site

OLD = frozenset({"processing", "completed", "failed"})
ALL = OLD | {"canceled", "awaiting_approval"}
_IGNORED = ("event:", "id:", "retry:")


class Line(NamedTuple):
    """One `data:` line with the id and the name of its event."""

    id: str
    event: str
    data: dict[str, Any]


class StrictReader:
    """One connection to the stream of a run.

    Attributes:
        lines: the events that came.
        comments: the comments that came.
        response: the HTTP answer.
    """

    def __init__(self, site: Site, path: str, *, key: str, statuses: frozenset[str] = OLD, **headers: str) -> None:
        self._site = site
        self._path = path
        self._statuses = statuses
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self._headers = {"x-api-key": key, "Accept": "text/event-stream", **named}
        self.lines: list[Line] = []
        self.comments: list[str] = []
        self.response: Any = None

    async def __aenter__(self) -> StrictReader:
        self.response = await self._site.http.get(self._path, headers=self._headers)
        assert self.response.status == 200, await self.response.text()
        assert self.response.headers["Content-Type"].startswith("text/event-stream")
        return self

    async def __aexit__(self, *_: object) -> None:
        self.response.close()

    async def next(self, seconds: float = 20.0) -> Line | None:
        """Return the next event, or None when the body has ended."""
        number = event = ""
        async with asyncio.timeout(seconds):
            while raw := await self.response.content.readline():
                assert len(raw) < 2**20
                line = raw.decode().rstrip("\n")
                if line.startswith("data:"):
                    self.lines.append(Line(number, event, self._check(json.loads(line[5:]))))
                    return self.lines[-1]
                if line.startswith(":"):
                    self.comments.append(line[1:].strip())
                elif line.startswith("id:"):
                    number = line[3:].strip()
                elif line.startswith("event:"):
                    event = line[6:].strip()
                else:
                    assert not line or line.startswith(_IGNORED), line
        return None

    async def read(self, seconds: float = 20.0) -> list[Line]:
        """Return every event up to the end of the body."""
        while await self.next(seconds):
            pass
        return self.lines

    def _check(self, data: Any) -> dict[str, Any]:
        assert isinstance(data, dict)
        assert isinstance(data["taskId"], str)
        assert data["status"] in self._statuses, data
        assert all(isinstance(data[name], str) for name in ("message", "result", "error") if name in data), data
        assert isinstance(data.get("metadata", {}), dict)
        assert all(isinstance(each, str) for each in data.get("warnings", []))
        if data["status"] == "completed":
            assert data["result"]
        if data["status"] == "failed":
            assert data["error"]
        return data
