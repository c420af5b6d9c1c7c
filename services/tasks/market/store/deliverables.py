"""Deliverables in MongoDB. They change only together with their task, but for their previews."""

from __future__ import annotations

from typing import Any

import msgspec
from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import DuplicateKeyError

from kit.mongo import ensure_indexes, translated
from services.tasks.market.documents import to_document
from services.tasks.market.records import Deliverable
from services.tasks.market.store.once import made_once
from services.tasks.market.store.writes import Stale, Write

COLLECTION = "market_deliverables"
_MAX_LISTED = 60  # a message carries 16 MiB, a deliverable up to 200 kB
_INDEXES = (IndexModel([("task_id", ASCENDING), ("_id", ASCENDING)], name="task"), made_once())


class DeliverableStore:
    """The collection of deliverables. Its shard key is `task_id`.

    Args:
        database: the database of the tasks service.
    """

    def __init__(self, database: AsyncDatabase[dict[str, Any]]) -> None:
        self._deliverables = database[COLLECTION]

    async def prepare(self) -> None:
        """Create the indexes."""
        await ensure_indexes(self._deliverables, _INDEXES)

    @translated()
    async def find(self, task_id: int, deliverable_id: int) -> Deliverable | None:
        """Return a deliverable of a task."""
        document = await self._deliverables.find_one({"_id": deliverable_id, "task_id": task_id})
        return msgspec.convert(document, Deliverable) if document else None

    @translated()
    async def newest(self, task_id: int) -> Deliverable | None:
        """Return the deliverable of a task that came last."""
        document = await self._deliverables.find_one({"task_id": task_id}, sort=[("_id", DESCENDING)])
        return msgspec.convert(document, Deliverable) if document else None

    @translated()
    async def made_by(self, agent_id: int, task_id: int, key: str) -> Deliverable | None:
        """Return the deliverable that a call with this idempotency key made before."""
        document = await self._deliverables.find_one({"agent_id": agent_id, "task_id": task_id, "idempotency": key})
        return msgspec.convert(document, Deliverable) if document else None

    @translated()
    async def of_task(self, task_id: int) -> list[Deliverable]:
        """Return the newest deliverables of a task, 60 at the most, in the order in which they came."""
        cursor = self._deliverables.find({"task_id": task_id}).sort("_id", DESCENDING).limit(_MAX_LISTED)
        return [msgspec.convert(document, Deliverable) for document in reversed(await cursor.to_list())]

    def insertion(self, deliverable: Deliverable) -> Write:
        """Return the write that stores a new deliverable."""

        async def write(session: AsyncClientSession) -> None:
            try:
                await self._deliverables.insert_one(to_document(deliverable), session=session)
            except DuplicateKeyError as error:
                raise Stale from error

        return write

    def decision(self, deliverable: Deliverable, status: str, notes: str = "") -> Write:
        """Return the write that judges a deliverable."""

        async def write(session: AsyncClientSession) -> None:
            change = {"status": status} | ({"revision_notes": notes} if notes else {})
            moved = await self._deliverables.update_one(
                {"_id": deliverable.id, "status": deliverable.status}, {"$set": change}, session=session
            )
            if not moved.matched_count:
                raise Stale

        return write
