"""Every MongoDB query of work items. Hot writes of one turn of the event loop go to the database together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from pymongo import UpdateOne
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import BulkWriteError, DuplicateKeyError, WriteError

from kit.batches import write_each
from kit.combiner import Combiner
from kit.mongo import duplicate_index, ensure_indexes, is_duplicate, translated
from kit.optimistic import NEXT_VERSION, guard_versions, is_outdated, update_each
from services.tasks.work.documents import to_document, to_item, to_update
from services.tasks.work.errors import DuplicateItem
from services.tasks.work.indexes import INDEXES
from services.tasks.work.model import COMPLETED, LEASED, QUEUED, Transition, WorkItem

COLLECTION = "work_items"
_PLAIN = {"change": 0}
_MAX_EXPIRED = 500


class Survey(msgspec.Struct, frozen=True):
    """A look at a queue.

    Attributes:
        waiting: items that can be leased now: highest priority first, then oldest.
        expired: items whose lease has run out.
        held: items that those who ask hold already.
    """

    waiting: list[WorkItem]
    expired: list[WorkItem]
    held: list[WorkItem]


class WorkStore:
    """The collection of work items.

    Args:
        database: the database of the tasks service.
    """

    def __init__(self, database: AsyncDatabase[dict[str, Any]]) -> None:
        self.items = database[COLLECTION]
        self._inserts: Combiner[tuple[WorkItem, str], None] = Combiner(self._insert, max_batch=500)
        # Hand-outs and outcomes together: what costs is the journal's flush after each write, not what is in it. Two
        # writes at a time, so that the server has one to work on while this process makes the other.
        self._applies: Combiner[Sequence[Transition], list[bool]] = Combiner(self._apply_groups, max_parallel=2)
        self._reads: Combiner[str, WorkItem | None] = Combiner(self._read, max_batch=500)

    async def prepare(self) -> None:
        """Create the collection and its indexes."""
        await guard_versions(self.items)
        await ensure_indexes(self.items, INDEXES)

    async def insert(self, item: WorkItem, actor: str) -> None:
        """Store a new item.

        Raises:
            DuplicateItem: a unique index refused it.
            Unavailable: the database cannot be reached; the item may or may not be stored.
        """
        await self._inserts.submit((item, actor))

    async def insert_many(self, items: Sequence[WorkItem], actor: str) -> Sequence[Exception | None]:
        """Store new items in one write; one outcome per item, in order."""
        return await self._insert([(item, actor) for item in items])

    async def read(self, item_id: str) -> WorkItem | None:
        """Return the item, None if there is none. Reads of one turn go together."""
        return await self._reads.submit(item_id)

    async def apply(self, transition: Transition) -> bool:
        """Write a transition if the item is still the one it starts from; False when another write was first.

        Raises:
            DuplicateItem: a unique index refused it.
            Unavailable: the database cannot be reached; the write may or may not have landed.
        """
        if transition.leaves_proof:
            return (await self._applies.submit([transition]))[0]
        try:
            async with translated():
                done = await self.items.update_one({"_id": transition.after.id}, to_update(transition))
        except DuplicateKeyError as error:
            raise DuplicateItem(duplicate_index(error) or "") from error
        except WriteError as error:
            if is_outdated(error):
                return False
            raise
        return done.matched_count == 1

    async def apply_many(self, transitions: Sequence[Transition]) -> Sequence[bool]:
        """Write transitions that leave a proof; tells for each whether it landed."""
        return await self._applies.submit(transitions) if transitions else []

    @translated()
    async def survey(
        self, queue: str, now: datetime, seats: Sequence[str], limit: int, operator_id: int | None
    ) -> Survey:
        """Look at what matters to those who ask for work, in one round trip.

        Args:
            queue: the queue.
            now: the time.
            seats: the names of those who may hold one item only.
            limit: how many waiting items to return at the most.
            operator_id: only items of this operator; of all when None.
        """
        waiting: dict[str, Any] = {"queue": queue, "state": QUEUED, "available_at": {"$lte": now}}
        if operator_id is not None:
            waiting["operator_id"] = operator_id
        expired = [{"$match": _expired(queue, now)}, {"$sort": {"lease.expires_at": 1}}, {"$limit": _MAX_EXPIRED}]
        pipeline: list[dict[str, Any]] = [
            {"$match": waiting},
            {"$sort": {"priority": -1, "_id": 1}},
            {"$limit": limit},
            {"$unionWith": {"coll": COLLECTION, "pipeline": expired}},
        ]
        if seats:
            held = [{"$match": {"queue": queue, "lease.seat": {"$in": list(seats)}}}]
            pipeline.append({"$unionWith": {"coll": COLLECTION, "pipeline": held}})
        pipeline.append({"$unset": "change"})
        cursor = await self.items.aggregate(pipeline)
        items = [to_item(document) for document in await cursor.to_list()]
        return Survey(
            waiting=[item for item in items if item.lease is None],
            expired=list({item.id: item for item in items if item.is_expired(now)}.values()),
            held=[item for item in items if item.lease is not None and not item.is_expired(now)],
        )

    @translated()
    async def expired(self, queue: str, now: datetime, limit: int) -> list[WorkItem]:
        """Return up to `limit` items of the queue whose lease has run out, the longest ago first."""
        cursor = self.items.find(_expired(queue, now), _PLAIN).sort("lease.expires_at", 1).limit(limit)
        return [to_item(document) for document in await cursor.to_list()]

    async def dedupe(self, kind: str, keys: Sequence[tuple[str, str]]) -> None:
        """Let items of `kind` that have not failed count as duplicates from now on, the first of each key.

        Args:
            kind: the kind.
            keys: item id and dedupe key.
        """
        writes = [
            UpdateOne(
                {"_id": item_id, "kind": kind, "state": {"$in": [QUEUED, LEASED, COMPLETED]}}, {"$set": {"dedupe": key}}
            )
            for item_id, key in keys
        ]
        try:
            async with translated():
                await self.items.bulk_write(writes, ordered=False)
        except BulkWriteError as error:
            if any(duplicate_index(failure) != "dedupe" for failure in error.details["writeErrors"]):
                raise

    async def queues_with_expired(self, now: datetime) -> list[str]:
        """Return the names of the queues that have an expired lease."""
        async with translated():
            return await self.items.distinct("queue", {"state": LEASED, "lease.expires_at": {"$lte": now}})

    async def set_lease_length(self, kind: str, lease_ms: int) -> None:
        """Lease the items of `kind` for `lease_ms` milliseconds from the next hand-out on."""
        unfinished = {"kind": kind, "state": {"$in": [QUEUED, LEASED]}}
        # A hand-out under way reckons the end of its lease with the old length: a new version refuses it.
        async with translated():
            await self.items.update_many(unfinished, [{"$set": {"lease_ms": lease_ms, **NEXT_VERSION}}])

    async def delete_queue(self, queue: str) -> None:
        """Remove every item of a queue, without events."""
        async with translated():
            await self.items.delete_many({"queue": queue})

    async def find_one(self, query: dict[str, Any]) -> WorkItem | None:
        """Return one item that fits `query`, None if there is none."""
        async with translated():
            document = await self.items.find_one(query, _PLAIN)
        return to_item(document) if document is not None else None

    async def close(self) -> None:
        """Wait for the writes under way."""
        await self._inserts.close()
        await self._applies.close()

    @translated()
    async def _insert(self, entries: Sequence[tuple[WorkItem, str]]) -> Sequence[Exception | None]:
        verdict = await write_each(self.items, "insert", (to_document(item, actor) for item, actor in entries))
        outcomes: list[Exception | None] = [None] * len(entries)
        for place, refusal in verdict.errors.items():
            outcomes[place] = _refusal(refusal)
        if verdict.errors and not verdict.certain:
            # What was sent twice is in its own way if it landed before.
            now = {item.id: item.created_at for item in await self._find([item.id for item, _ in entries])}
            for place in verdict.errors:
                item, _ = entries[place]
                if is_duplicate(verdict.errors[place], "_id_") and now.get(item.id) == item.created_at:
                    outcomes[place] = None
        return outcomes

    async def _apply_groups(self, groups: Sequence[Sequence[Transition]]) -> list[list[bool] | Exception]:
        outcomes = iter(await self._apply([transition for group in groups for transition in group]))
        return [_joined([next(outcomes) for _ in group]) for group in groups]

    @translated()
    async def _apply(self, transitions: Sequence[Transition]) -> list[bool | Exception]:
        verdict = await update_each(self.items, [(step.after.id, to_update(step)) for step in transitions])
        outcomes = [_outcome(verdict.errors.get(place)) for place in range(len(transitions))]
        if verdict.certain and verdict.written + len(verdict.errors) == len(transitions):
            return outcomes
        # An item is gone, or the write was sent twice: the attempts of each item tell whether it landed.
        now = {item.id: item for item in await self._find([step.after.id for step in transitions])}
        return [
            outcome if isinstance(outcome, Exception) else step.after.id in now and now[step.after.id].bears(step.op)
            for outcome, step in zip(outcomes, transitions, strict=True)
        ]

    async def _read(self, item_ids: Sequence[str]) -> list[WorkItem | None]:
        found = {item.id: item for item in await self._find(item_ids)}
        return [found.get(item_id) for item_id in item_ids]

    @translated()
    async def _find(self, item_ids: Sequence[str]) -> list[WorkItem]:
        if len(item_ids) == 1:
            document = await self.items.find_one({"_id": item_ids[0]}, _PLAIN)
            return [to_item(document)] if document is not None else []
        documents = await self.items.find({"_id": {"$in": list(item_ids)}}, _PLAIN).to_list()
        return [to_item(document) for document in documents]


def _expired(queue: str, now: datetime) -> dict[str, Any]:
    return {"queue": queue, "state": LEASED, "lease.expires_at": {"$lte": now}}


def _outcome(refusal: Mapping[str, Any] | None) -> bool | Exception:
    if refusal is None:
        return True
    # A seat that was taken meanwhile refuses one hand-out: that one is lost, as to any faster write.
    if is_outdated(refusal) or is_duplicate(refusal, "seat"):
        return False
    return _write_error(refusal)


def _refusal(refusal: Mapping[str, Any]) -> Exception:
    index = duplicate_index(refusal)
    return DuplicateItem(index) if index is not None else _write_error(refusal)


def _write_error(refusal: Mapping[str, Any]) -> WriteError:
    return WriteError(str(refusal.get("errmsg")), refusal.get("code"), refusal)


def _joined(outcomes: list[bool | Exception]) -> list[bool] | Exception:
    landed = [outcome for outcome in outcomes if isinstance(outcome, bool)]
    return landed if len(landed) == len(outcomes) else next(each for each in outcomes if isinstance(each, Exception))
