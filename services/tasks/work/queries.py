"""What is read of a queue beside its next items: lists, counts, activity."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from pymongo.asynchronous.database import AsyncDatabase

from kit.ids import made_at
from kit.mongo import translated
from services.tasks.work.documents import to_item
from services.tasks.work.errors import answer_too_large
from services.tasks.work.model import COMPLETED, FAILED, LEASED, LIVE_STATES, QUEUED, WorkItem
from services.tasks.work.store import COLLECTION
from services.tasks.work.views import Activity, Counts, ItemFilter, Load
from services.tasks.work.weight import Budget

# So many of the latest tasks tell how long a task takes.
_MEAN_OF = 1000
_MAX_HOLDERS = 1000


class WorkQueries:
    """Reads the collection of work items.

    Args:
        database: the database of the tasks service.
    """

    def __init__(self, database: AsyncDatabase[dict[str, Any]]) -> None:
        self._items = database[COLLECTION]

    @translated()
    async def list_items(self, which: ItemFilter, limit: int, offset: int) -> list[WorkItem]:
        """Return items, oldest first.

        Raises:
            InvalidInput: ANSWER_TOO_LARGE.
        """
        query: dict[str, Any] = {"queue": which.queue, "state": which.state or {"$in": list(LIVE_STATES)}}
        if which.kind is not None:
            query["kind"] = which.kind
        if which.holder is not None:
            query["lease.holder"] = which.holder
        if which.batch is not None:
            query["batch"] = which.batch
        cursor = self._items.find(query, {"change": 0}).sort("_id", 1).skip(offset).limit(limit)
        items: list[WorkItem] = []
        budget = Budget()
        async with cursor:
            async for document in cursor:
                items.append(to_item(document))
                if not budget.spend(items[-1]):
                    raise answer_too_large()
        return items

    @translated()
    async def counts(self, queues: list[str], batch: str | None = None) -> dict[str, Counts]:
        """Return the counts of each queue, of one batch alone if asked to."""
        match: dict[str, Any] = {"queue": {"$in": queues}, "state": {"$in": list(LIVE_STATES)}}
        if batch is not None:
            match["batch"] = batch
        group = {"_id": {"queue": "$queue", "state": "$state"}, "count": {"$sum": 1}}
        found: dict[str, dict[str, int]] = {queue: {} for queue in queues}
        async for row in await self._items.aggregate([{"$match": match}, {"$group": group}]):
            found[row["_id"]["queue"]][row["_id"]["state"]] = row["count"]
        return {queue: Counts(**states) for queue, states in found.items()}

    @translated()
    async def activity(self, queue: str, since: datetime) -> Activity:
        """Return what ended on the queue since `since`.

        All are counted, in the index alone; the mean duration is that of the latest, which have to be read.
        """
        match = {"queue": queue, "ended_at": {"$gte": since}, "state": {"$in": [COMPLETED, FAILED]}}
        group = {"_id": "$state", "count": {"$sum": 1}}
        pipeline: list[dict[str, Any]] = [{"$match": match}, {"$group": group}]
        counted = {row["_id"]: row["count"] async for row in await self._items.aggregate(pipeline, hint="outcomes")}
        return Activity(
            completed=counted.get(COMPLETED, 0),
            failed=counted.get(FAILED, 0),
            mean_duration=await self._mean_duration(queue, since) if COMPLETED in counted else timedelta(),
        )

    async def _mean_duration(self, queue: str, since: datetime) -> timedelta:
        started_at = {"$arrayElemAt": ["$attempts.started_at", -1]}
        pipeline: list[dict[str, Any]] = [
            {"$match": {"queue": queue, "ended_at": {"$gte": since}, "state": COMPLETED}},
            {"$sort": {"ended_at": -1}},
            {"$limit": _MEAN_OF},
            {"$group": {"_id": None, "mean_ms": {"$avg": {"$subtract": ["$ended_at", started_at]}}}},
        ]
        rows = await (await self._items.aggregate(pipeline, hint="outcomes")).to_list()
        return timedelta(milliseconds=rows[0]["mean_ms"] or 0) if rows else timedelta()

    @translated()
    async def holders(self, queue: str, now: datetime) -> list[WorkItem]:
        """Return the items of the queue with a live lease, by the time they were handed out; 1,000 at the most."""
        query = {"queue": queue, "state": LEASED, "lease.expires_at": {"$gt": now}}
        cursor = self._items.find(query, {"change": 0}).limit(_MAX_HOLDERS)
        items = [to_item(document) for document in await cursor.to_list()]
        return sorted(items, key=lambda item: item.attempts[-1].started_at)

    @translated()
    async def count_holders(self, queue: str, now: datetime) -> int:
        """Count those who hold a live lease of the queue."""
        match = {"queue": queue, "state": LEASED, "lease.expires_at": {"$gt": now}}
        pipeline: list[dict[str, Any]] = [
            {"$match": match},
            {"$group": {"_id": "$lease.holder"}},
            {"$count": "holders"},
        ]
        rows = await (await self._items.aggregate(pipeline)).to_list()
        return int(rows[0]["holders"]) if rows else 0

    @translated()
    async def load(self, prefix: str) -> Load:
        """Count what waits and what is leased on the queues whose names begin with `prefix`."""
        queues = {"$gte": prefix, "$lt": prefix + "\uffff"}
        match = {"queue": queues, "state": {"$in": [QUEUED, LEASED]}}
        # Ids begin with the time they were made (UUIDv7), so the smallest tells the age and the index alone is read.
        group = {"_id": "$state", "count": {"$sum": 1}, "oldest": {"$min": "$_id"}}
        pipeline: list[dict[str, Any]] = [{"$match": match}, {"$group": group}]
        rows = {row["_id"]: row async for row in await self._items.aggregate(pipeline, hint="next")}
        waiting, leased = rows.get(QUEUED), rows.get(LEASED)
        return Load(
            waiting=waiting["count"] if waiting else 0,
            leased=leased["count"] if leased else 0,
            oldest_at=made_at(waiting["oldest"]) if waiting else None,
        )

    @translated()
    async def available(self, queue: str, now: datetime) -> int:
        """Count the items that could be handed out now: waiting, or with an expired lease."""
        waiting = {"state": QUEUED, "available_at": {"$lte": now}}
        expired = {"state": LEASED, "lease.expires_at": {"$lte": now}}
        return await self._items.count_documents({"queue": queue, "$or": [waiting, expired]})

    @translated()
    async def count_kind(self, kind: str) -> int:
        """Count the items of a kind."""
        return await self._items.count_documents({"kind": kind, "state": {"$in": list(LIVE_STATES)}})
