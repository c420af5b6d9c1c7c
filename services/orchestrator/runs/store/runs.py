"""The collection of runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec
from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import DuplicateKeyError

from kit.mongo import ensure_indexes, translated
from services.orchestrator.runs.documents import to_document, to_run, to_update
from services.orchestrator.runs.model import ABANDONED, CREATING, Run, RunEvent
from services.orchestrator.runs.service.demand import Demand

if TYPE_CHECKING:
    from kit.clock import Clock
    from services.orchestrator.runs.places import Place

COLLECTION = "runs"
_EXISTS = {"$exists": True}
_PLAIN = {"change": 0}
_HIDDEN = [CREATING, ABANDONED]
_PAGE = 500
_INDEXES = (
    IndexModel(
        [("operator_id", ASCENDING), ("idempotency", ASCENDING)],
        name="idempotency",
        unique=True,
        partialFilterExpression={"idempotency": _EXISTS},
    ),
    IndexModel([("operator_id", ASCENDING), ("created_at", DESCENDING), ("_id", DESCENDING)], name="newest"),
    IndexModel(
        [("waiting", ASCENDING), ("operator_id", ASCENDING), ("weight", ASCENDING), ("next_at", ASCENDING)],
        name="demand",
        partialFilterExpression={"waiting": _EXISTS},
    ),
    IndexModel(
        [("operator_id", ASCENDING), ("active", ASCENDING), ("created_at", DESCENDING), ("_id", DESCENDING)],
        name="newest_active",
        partialFilterExpression={"active": _EXISTS},
    ),
    IndexModel([("open_at", ASCENDING)], name="open_ends", partialFilterExpression={"open_at": _EXISTS}),
    IndexModel(
        [("active", ASCENDING), ("deadline_at", ASCENDING)],
        name="deadlines",
        partialFilterExpression={"active": _EXISTS},
    ),
    IndexModel(
        [("running", ASCENDING), ("operator_id", ASCENDING)],
        name="running",
        partialFilterExpression={"running": _EXISTS},
    ),
    IndexModel([("remote", ASCENDING)], name="remote", partialFilterExpression={"remote": _EXISTS}),
)


class RunStore:
    """Reads and writes runs. The shard key is `_id`.

    Args:
        database: the database of the orchestrator.
        clock: the time.
    """

    def __init__(self, database: AsyncDatabase[dict[str, Any]], clock: Clock) -> None:
        self._runs = database[COLLECTION]
        self._events = database["events"]
        self._clock = clock

    async def prepare(self) -> None:
        """Create the indexes."""
        await ensure_indexes(self._runs, _INDEXES)

    @translated()
    async def insert(self, run: Run) -> Run:
        """Store a new run and return it, or return the one that the same request made before."""
        try:
            await self._runs.insert_one(to_document(run))
        except DuplicateKeyError:
            same = {"operator_id": run.operator_id, "idempotency": run.idempotency}
            document = await self._runs.find_one(same, _PLAIN) if run.idempotency else None
            if document is None:
                raise
            return to_run(document)
        return run

    @translated()
    async def find(self, run_id: str) -> Run | None:
        """Return a run, whatever its status."""
        document = await self._runs.find_one({"_id": run_id}, _PLAIN)
        return to_run(document) if document else None

    @translated()
    async def transition(self, before: Run, after: Run, event: RunEvent | None) -> Run | None:
        """Change a run as one write, guarded by the version that was read; the one way in which runs change.

        Returns:
            The run after it, None when somebody else changed it first: read again and decide anew.
        """
        at = self._clock.now() if event is not None else before.updated_at
        after = msgspec.structs.replace(after, version=before.version + 1, updated_at=at)
        guard = {"_id": before.id, "version": before.version}
        updated = await self._runs.update_one(guard, to_update(before, after, event))
        return after if updated.matched_count else None

    @translated()
    async def remove(self, run: Run) -> bool:
        """Remove a run that never began; False when it has changed."""
        removed = await self._runs.delete_one({"_id": run.id, "version": run.version, "status": {"$in": _HIDDEN}})
        return bool(removed.deleted_count)

    @translated()
    async def page(self, operator_id: int, *, active: bool, after: Place | None, limit: int) -> list[Run]:
        """Return runs of an operator, newest first, without the results of their steps and what was said to them."""
        query: dict[str, Any] = {"operator_id": operator_id, "status": {"$nin": _HIDDEN}}
        if active:
            query["active"] = 1
        if after is not None:
            older = [{"created_at": {"$lt": after.at}}, {"created_at": after.at, "_id": {"$lt": after.id}}]
            query["$or"] = older
        slim = {"change": 0, "steering": 0, "steps.result": 0, "steps.turns": 0, "steps.tool_calls": 0}
        cursor = self._runs.find(query, slim).sort([("created_at", DESCENDING), ("_id", DESCENDING)]).limit(limit)
        return [to_run(document) for document in await cursor.to_list()]

    @translated()
    async def demand(self) -> list[Demand]:
        """Return which operators have steps that wait for a worker."""
        due = [{"next_at": {"$exists": False}}, {"next_at": {"$lte": self._clock.now()}}]
        return await self._demand({"waiting": _EXISTS, "$or": due}, "$waiting")

    @translated()
    async def interrupted(self) -> list[Demand]:
        """Return which operators have steps in the hands of workers, who may have died."""
        return await self._demand({"running": _EXISTS}, "$running")

    @translated()
    async def in_hands(self, holder: str) -> list[Run]:
        """Return runs with steps in the hands of a worker."""
        documents = await self._runs.find({"running": _EXISTS, "steps.holder": holder}, _PLAIN).to_list()
        return [to_run(document) for document in documents]

    @translated()
    async def open_ends(self, before: datetime) -> list[str]:
        """Return runs of which others should have heard something before a time."""
        return await self._ids({"open_at": {"$lt": before}}, "open_at")

    @translated()
    async def overdue(self, now: datetime) -> list[str]:
        """Return active runs whose time is over."""
        return await self._ids({"active": 1, "deadline_at": {"$lt": now}}, "deadline_at")

    @translated()
    async def remote(self) -> list[str]:
        """Return runs that wait for registered agents."""
        return await self._ids({"remote": _EXISTS}, "remote")

    @translated()
    async def counts(self) -> Mapping[str, int]:
        """Return how many active runs there are by status, and how many steps wait and run."""
        group = {
            "_id": "$status",
            "runs": {"$sum": 1},
            "waiting": {"$sum": "$waiting"},
            "running": {"$sum": "$running"},
        }
        counts = {"waiting": 0, "running": 0}
        async for row in await self._runs.aggregate([{"$match": {"active": 1}}, {"$group": group}]):
            counts[row["_id"]] = row["runs"]
            counts["waiting"] += row["waiting"]
            counts["running"] += row["running"]
        return counts

    @translated()
    async def event_seq(self, run: Run, version: int) -> int:
        """Return the number of the event of a change, 0 when it is not stored yet or no longer."""
        found = await self._events.find_one({"change.id": f"run:{run.id}:{version}"}, {"_id": 1})
        return int(found["_id"]) if found else 0

    async def _demand(self, query: dict[str, Any], count: str) -> list[Demand]:
        group = {"_id": "$operator_id", "steps": {"$sum": count}, "weight": {"$max": "$weight"}}
        rows: Sequence[dict[str, Any]]
        rows = await (await self._runs.aggregate([{"$match": query}, {"$group": group}])).to_list()
        return [Demand(row["_id"], row["steps"], row.get("weight") or 1) for row in rows]

    async def _ids(self, query: dict[str, Any], order: str) -> list[str]:
        cursor = self._runs.find(query, {"_id": 1}).sort(order, ASCENDING).limit(_PAGE)
        return [str(document["_id"]) for document in await cursor.to_list()]
