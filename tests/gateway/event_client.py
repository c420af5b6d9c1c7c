"""Reads server-sent events as a browser does."""

from __future__ import annotations

import asyncio
import json
from types import TracebackType
from typing import Any

from tests.gateway.site import OWNER, Site


class EventClient:
    """One connection to the events of a project, or to those at `path`.

    Attributes:
        comments: the comments that came.
        last_id: the last `id` that came.
        response: the HTTP answer.
    """

    def __init__(
        self,
        site: Site,
        project_id: str = "",
        *,
        path: str = "",
        key: str = OWNER,
        after: int | None = None,
        **headers: str,
    ) -> None:
        self._site = site
        query = "" if after is None else f"?after={after}"
        self._path = f"{path or f'/api/projects/{project_id}/events'}{query}"
        self._headers = {
            "Authorization": f"Bearer {site.owner.key if key is OWNER else key}",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        self.comments: list[str] = []
        self.last_id: str | None = None
        self.response: Any = None

    async def __aenter__(self) -> EventClient:
        self.response = await self._site.http.get(self._path, headers=self._headers)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.response.close()

    async def block(self, seconds: float = 5.0) -> dict[str, str] | None:
        """Return the next block of lines by field, or None at the end of the stream."""
        fields: dict[str, str] = {}
        async with asyncio.timeout(seconds):
            while True:
                line = (await self.response.content.readline()).decode()
                if not line:
                    return None
                line = line.rstrip("\n")
                if not line:
                    return fields
                if line.startswith(":"):
                    self.comments.append(line[1:].strip())
                    continue
                name, _, value = line.partition(": ")
                fields[name] = value
                if name == "id":
                    self.last_id = value

    async def event(self, seconds: float = 5.0) -> tuple[str, str, Any] | None:
        """Return the id, type and data of the next event, or None at the end of the stream."""
        while True:
            fields = await self.block(seconds)
            if fields is None:
                return None
            if "data" in fields:
                return fields["id"], fields["event"], json.loads(fields["data"])
