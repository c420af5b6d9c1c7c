"""Comments in MongoDB."""

from __future__ import annotations

from typing import Any

import msgspec
from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import DuplicateKeyError

from kit.mongo import ensure_indexes, translated
from services.tasks.market.documents import to_document
from services.tasks.market.records import Comment
from services.tasks.market.store.once import made_once
from services.tasks.market.store.writes import Stale, Write

COLLECTION = "market_comments"
_MAX_LISTED = 1_000
_INDEXES = (IndexModel([("task_id", ASCENDING), ("_id", ASCENDING)], name="task"), made_once())


class CommentStore:
    """The collection of comments. Its shard key is `task_id`.

    Args:
        database: the database of the tasks service.
    """

    def __init__(self, database: AsyncDatabase[dict[str, Any]]) -> None:
        self._comments = database[COLLECTION]

    async def prepare(self) -> None:
        """Create the indexes."""
        await ensure_indexes(self._comments, _INDEXES)

    @translated()
    async def made_by(self, agent_id: int, task_id: int, key: str) -> Comment | None:
        """Return the comment that a call with this idempotency key made before."""
        document = await self._comments.find_one({"agent_id": agent_id, "task_id": task_id, "idempotency": key})
        return msgspec.convert(document, Comment) if document else None

    @translated()
    async def of_task(self, task_id: int) -> list[Comment]:
        """Return the newest comments of a task, 1,000 at the most, oldest first."""
        cursor = self._comments.find({"task_id": task_id}).sort("_id", DESCENDING).limit(_MAX_LISTED)
        return [msgspec.convert(document, Comment) for document in reversed(await cursor.to_list())]

    def insertion(self, comment: Comment) -> Write:
        """Return the write that stores a new comment."""

        async def write(session: AsyncClientSession) -> None:
            try:
                await self._comments.insert_one(to_document(comment), session=session)
            except DuplicateKeyError as error:
                raise Stale from error

        return write
