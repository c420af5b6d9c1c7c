"""The side that posts work: what any program would do over REST."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import aiohttp
import msgspec

from launch.errors import CommandFailed

TYPE = "word-count"
BATCH = "word-count-demo"
_PER_CALL = 100


class Poster:
    """Posts tasks to a project and reads what became of them.

    Args:
        http: a session whose base URL is the gateway and that sends the key.
        project_id: the project.
    """

    def __init__(self, http: aiohttp.ClientSession, project_id: str) -> None:
        self._http = http
        self._project = f"/api/projects/{project_id}"

    async def post(self, texts: Mapping[str, str]) -> int:
        """Make one task for each text, in bulk; return how many were made."""
        task_type = await self._call("POST", f"{self._project}/task-types", {"name": TYPE, "variables": ["path"]})
        tasks = [
            {"typeId": task_type["id"], "instructions": text, "description": path, "variables": {"path": path}}
            for path, text in texts.items()
        ]
        made = 0
        for start in range(0, len(tasks), _PER_CALL):
            body = {"tasks": tasks[start : start + _PER_CALL], "batchId": BATCH}
            answer = await self._call("POST", f"{self._project}/tasks/bulk", body)
            if answer["errors"]:
                raise CommandFailed(f"a task was refused: {answer['errors'][0]}")
            made += answer["tasksCreated"]
        return made

    async def results(self) -> list[dict[str, Any]]:
        """Return the tasks as they are now."""
        found: list[dict[str, Any]] = []
        while True:
            query = f"batchId={BATCH}&limit=1000&offset={len(found)}"
            page = await self._call("GET", f"{self._project}/tasks?{query}")
            found += page
            if len(page) < 1000:
                return found

    async def _call(self, method: str, path: str, body: Any = None) -> Any:
        async with self._http.request(method, path, json=body) as response:
            envelope = msgspec.json.decode(await response.read())
        if not envelope["success"]:
            raise CommandFailed(f"{method} {path}: {envelope['error']}")
        return envelope["data"]
