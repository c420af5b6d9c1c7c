"""Tasks of the market in MongoDB."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from pymongo import ASCENDING, IndexModel
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import BulkWriteError

from kit.clock import Clock
from kit.combiner import Combiner
from kit.mongo import ensure_indexes, is_duplicate, translated
from services.tasks.market.documents import to_document, to_task, to_update
from services.tasks.market.model import CREATING, OPEN, MarketEvent, MarketTask
from services.tasks.market.store.writes import Stale, Write

COLLECTION = "market_tasks"
_EXISTS = {"$exists": True}
_PLAIN = {"change": 0}
# More than can be broken for good at a time: those come first in every look.
_PAGE = 1000
_INDEXES = (
    IndexModel(
        [("poster_id", ASCENDING), ("idempotency", ASCENDING)],
        name="idempotency",
        unique=True,
        partialFilterExpression={"idempotency": _EXISTS},
    ),
    IndexModel([("money.at", ASCENDING)], name="money", partialFilterExpression={"money.at": _EXISTS}),
    IndexModel([("deadline", ASCENDING)], name="overdue", partialFilterExpression={"status": OPEN}),
)


class TaskStore:
    """The collection of tasks. Its shard key is `_id`.

    Args:
        database: the database of the tasks service.
        clock: the time.
    """

    def __init__(self, database: AsyncDatabase[dict[str, Any]], clock: Clock) -> None:
        self._client = database.client
        self._tasks = database[COLLECTION]
        self._clock = clock
        self._inserts: Combiner[dict[str, Any], bool] = Combiner(self._insert)

    async def prepare(self) -> None:
        """Create the indexes."""
        await ensure_indexes(self._tasks, _INDEXES)

    async def close(self) -> None:
        """Wait for what is being written."""
        await self._inserts.close()

    @translated()
    async def insert(self, task: MarketTask) -> MarketTask:
        """Store a new task and return it, or return the one that the same request made before."""
        while not await self._inserts.submit(to_document(task)):
            same = {"poster_id": task.poster_id, "idempotency": task.idempotency}
            document = await self._tasks.find_one(same, _PLAIN)
            if document is not None:
                return to_task(document)
            # The other one was removed meanwhile, because its budget could not be held.
        return task

    @translated()
    async def find(self, task_id: int) -> MarketTask | None:
        """Return a task, whatever its status."""
        document = await self._tasks.find_one({"_id": task_id}, _PLAIN)
        return to_task(document) if document else None

    async def transition(
        self, task: MarketTask, changes: Mapping[str, Any], event: MarketEvent | None, also: Sequence[Write] = ()
    ) -> MarketTask | None:
        """Change a task as one write, guarded by what was read of it; the one way in which tasks change.

        Args:
            task: as it was read.
            changes: fields and their new values. The version grows by itself; `updated_at` moves with each event.
            event: what happened; None for what nobody watches.
            also: writes on what belongs to the task. They and the task are one transaction.

        Returns:
            The task after it, None when somebody else changed it first: read again and decide anew.

        Raises:
            DomainError: one of the writes refuses; nothing has changed.
        """
        at = self._clock.now() if event is not None else task.updated_at
        after = msgspec.structs.replace(task, **{"version": task.version + 1, "updated_at": at, **changes})
        update = to_update(task, after, event)

        async def run(session: AsyncClientSession) -> None:
            await self._update(task, update, session)
            for write in also:
                await write(session)

        try:
            with translated():
                if not also:
                    await self._update(task, update, None)
                    return after
                async with self._client.start_session() as session:
                    await session.with_transaction(run)
        except Stale:
            return None
        return after

    @translated()
    async def remove(self, task: MarketTask) -> bool:
        """Remove a task that never opened; False when somebody else was first."""
        removed = await self._tasks.delete_one({"_id": task.id, "status": CREATING, "version": task.version})
        return bool(removed.deleted_count)

    @translated()
    async def unsettled(self, before: datetime, limit: int = _PAGE) -> list[int]:
        """Return tasks that have been waiting for the ledger since before a time, those that wait longest first."""
        cursor = self._tasks.find({"money.at": {"$lt": before}}, {"_id": 1}).sort("money.at", ASCENDING).limit(limit)
        return [int(document["_id"]) for document in await cursor.to_list()]

    @translated()
    async def overdue(self, before: datetime, limit: int = _PAGE) -> list[int]:
        """Return open tasks whose deadline is before a time."""
        query = {"status": OPEN, "deadline": {"$lt": before}}
        cursor = self._tasks.find(query, {"_id": 1}).sort("deadline", ASCENDING).limit(limit)
        return [int(document["_id"]) for document in await cursor.to_list()]

    async def _insert(self, documents: Sequence[dict[str, Any]]) -> list[bool | Exception]:
        """Store documents; tells for each whether no other has its idempotency key."""
        outcomes: list[bool | Exception] = [True] * len(documents)
        try:
            await self._tasks.insert_many(documents, ordered=False)
        except BulkWriteError as error:
            if error.details.get("writeConcernErrors"):
                raise
            for failure in error.details["writeErrors"]:
                outcomes[failure["index"]] = False if is_duplicate(failure, "idempotency") else error
        return outcomes

    async def _update(self, task: MarketTask, update: dict[str, Any], session: AsyncClientSession | None) -> None:
        guard: dict[str, Any] = {"_id": task.id, "version": task.version, "status": task.status}
        updated = await self._tasks.update_one(guard, update, session=session)
        if not updated.matched_count:
            raise Stale
