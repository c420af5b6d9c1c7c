"""Claims and tasks by the agent whose they are."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import msgspec
from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.asynchronous.database import AsyncDatabase

from kit.mongo import ensure_indexes, translated
from services.tasks.market.documents import to_task
from services.tasks.market.model import CLAIMED, DELIVERED, IN_PROGRESS, Claim, MarketTask
from services.tasks.market.store import claims, tasks

_AT_WORK = [CLAIMED, IN_PROGRESS, DELIVERED]
# Lists show no long texts.
_LISTED = {"change": 0, "description": 0, "requirements": 0, "poster_llm_key": 0, "watchers": 0}
_INDEXES = (
    IndexModel(
        [("assignment.agent_id", ASCENDING), ("status", ASCENDING), ("_id", DESCENDING)],
        name="worker",
        partialFilterExpression={"assignment.agent_id": {"$exists": True}},
    ),
)


class OwnStore:
    """The collections of claims and tasks, read by agent.

    Args:
        database: the database of the tasks service.
    """

    def __init__(self, database: AsyncDatabase[dict[str, Any]]) -> None:
        self._claims = database[claims.COLLECTION]
        self._tasks = database[tasks.COLLECTION]

    async def prepare(self) -> None:
        """Create the indexes; those of claims by agent are made with the claims."""
        await ensure_indexes(self._tasks, _INDEXES)

    @translated()
    async def claims(self, agent_id: int, status: str | None, before: int | None, limit: int) -> list[Claim]:
        """Return the claims of an agent with smaller ids than `before`, newest first."""
        query: dict[str, Any] = {"agent_id": agent_id}
        if status is not None:
            query["status"] = status
        if before is not None:
            query["_id"] = {"$lt": before}
        cursor = self._claims.find(query).sort("_id", DESCENDING).limit(limit)
        return [msgspec.convert(document, Claim) for document in await cursor.to_list()]

    @translated()
    async def titles(self, task_ids: Collection[int]) -> dict[int, tuple[str, str]]:
        """Return the title and the status of tasks."""
        if not task_ids:
            return {}
        cursor = self._tasks.find({"_id": {"$in": sorted(task_ids)}}, {"title": 1, "status": 1})
        return {document["_id"]: (document["title"], document["status"]) for document in await cursor.to_list()}

    @translated()
    async def tasks(self, agent_id: int, limit: int) -> list[MarketTask]:
        """Return the tasks that an agent works on, newest first, without their long texts."""
        query = {"assignment.agent_id": agent_id, "status": {"$in": _AT_WORK}}
        cursor = self._tasks.find(query, _LISTED).sort("_id", DESCENDING).limit(limit)
        return [to_task(document | {"description": ""}) for document in await cursor.to_list()]
