"""The poster's side over REST: makes work, and looks at what became of it."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import aiohttp


class Board:
    """A project with a task type.

    Args:
        http: a session with an operator's key.
        project_id: the project.
        project: its name.
        type_id: the task type.
    """

    def __init__(self, http: aiohttp.ClientSession, project_id: str, project: str, type_id: str) -> None:
        self._http = http
        self.project_id = project_id
        self.project = project
        self.type_id = type_id

    @classmethod
    async def open(cls, http: aiohttp.ClientSession) -> Board:
        """Make a new project with a type whose tasks are tried once, with leases of six seconds."""
        name = f"p-{uuid.uuid4().hex[:12]}"
        board = cls(http, "", name, "")
        made = await board.call("POST", "/api/projects", {"name": name, "description": "a test"})
        board.project_id = made["id"]
        kind = {"name": "work", "maxRetries": 1, "leaseDurationMinutes": 0.1, "variables": ["name"]}
        board.type_id = (await board.call("POST", f"/api/projects/{board.project_id}/task-types", kind))["id"]
        return board

    async def post(self, *texts: str, **variables: str) -> list[str]:
        """Make a task for each text, and return their ids."""
        body = {
            "tasks": [{"typeId": self.type_id, "instructions": text, "variables": variables} for text in texts],
        }
        made = await self.call("POST", f"/api/projects/{self.project_id}/tasks/bulk", body)
        assert made["errors"] == []
        return [task["id"] for task in made["createdTasks"]]

    async def task(self, task_id: str) -> dict[str, Any]:
        """Return a task."""
        return dict(await self.call("GET", f"/api/tasks/{task_id}"))

    async def tasks(self) -> list[dict[str, Any]]:
        """Return all tasks of the project."""
        return list(await self.call("GET", f"/api/projects/{self.project_id}/tasks?limit=1000"))

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        """Make a request and return its data; wait where the platform limits the rate."""
        while True:
            async with self._http.request(method, path, json=body) as response:
                envelope = await response.json()
            if response.status != 429:
                break
            await asyncio.sleep(float(response.headers["Retry-After"]))
        assert envelope["success"], envelope
        return envelope["data"]
