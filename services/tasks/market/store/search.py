"""The search index in MongoDB: blocks of columns, and which tasks they do not show as they are now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

from pymongo import ASCENDING, DESCENDING, IndexModel, InsertOne, ReplaceOne, UpdateOne
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import BulkWriteError

from kit.errors import Conflict
from kit.mongo import ensure_indexes, translated
from services.tasks.market.blocks import changed
from services.tasks.market.columns import Block, Range, block_id
from services.tasks.market.search_index import COLUMNS, Changes, Entry
from services.tasks.market.store.blocks import VERSION, Blocks, first_version
from services.tasks.market.store.tasks import COLLECTION

BLOCKS = "market_search"
_BATCH = 100
_MANY = 100_000  # documents in one answer; MongoDB makes two of one that is too large


class SearchStore:
    """The collection of blocks, and the mark `unindexed` of tasks that changed after their blocks were written.

    Args:
        database: the database of the tasks service.
    """

    def __init__(self, database: AsyncDatabase[dict[str, Any]]) -> None:
        self._tasks = database[COLLECTION]
        self._blocks = database[BLOCKS]
        self._kept = Blocks(self._blocks)

    async def prepare(self) -> None:
        """Create the indexes."""
        fields = ("unindexed", "_id", "version", "status", "category_id", "budget")
        waiting = IndexModel(
            [(field, ASCENDING) for field in fields],
            name="unindexed",
            partialFilterExpression={"unindexed": {"$gte": COLUMNS}},
        )
        await ensure_indexes(self._tasks, [waiting])

    @translated()
    async def unindexed(self, limit: int) -> list[Entry]:
        """Return tasks that changed after their blocks were written, the oldest first."""
        cursor = await self._tasks.aggregate(_waiting(ASCENDING, limit), batchSize=limit)
        return [_entry(document) for document in await cursor.to_list()]

    @translated()
    async def read(self, ranges: Iterable[Range], limit: int) -> tuple[list[Entry], list[Block]]:
        """Return tasks that changed after their blocks were written, and the blocks whose ids are in these ranges.

        The tasks are read first, the newest of them: what is written into blocks in between is seen twice, not never.
        """
        union = {"coll": BLOCKS, "pipeline": [{"$match": _in(ranges)}, {"$project": VERSION}]}
        cursor = await self._tasks.aggregate([*_waiting(DESCENDING, limit), {"$unionWith": union}], batchSize=_MANY)
        found = await cursor.to_list()
        blocks = [document for document in found if isinstance(document["_id"], str)]
        entries = [_entry(document) for document in found[: len(found) - len(blocks)]]
        return entries, await self._kept.of(blocks)

    @translated()
    async def blocks(self, ranges: Iterable[Range]) -> list[Block]:
        """Return the blocks whose ids are in one of these ranges."""
        return await self._kept.of(await self._blocks.find(_in(ranges), VERSION).to_list())

    @translated()
    async def texts(self, ids: Sequence[int]) -> dict[int, tuple[str, str]]:
        """Return titles and descriptions."""
        cursor = self._tasks.find({"_id": {"$in": list(ids)}}, {"title": 1, "description": 1})
        return {document["_id"]: (document["title"], document["description"]) for document in await cursor.to_list()}

    @translated()
    async def write(self, changes: Changes) -> None:
        """Change values in blocks. What was written before is not changed by writing it again.

        Raises:
            Conflict: INDEX_BUSY, another process writes the index.
        """
        remaining = iter(changes.items())
        while batch := {block_id(*name): values for name, values in islice(remaining, _BATCH)}:
            found = {block["_id"]: block async for block in self._blocks.find({"_id": {"$in": list(batch)}})}
            writes = [_write(identifier, found.get(identifier), values) for identifier, values in batch.items()]
            try:
                done = await self._blocks.bulk_write(writes, ordered=False)
            except BulkWriteError as error:
                if error.details.get("writeConcernErrors"):
                    raise
                raise _busy() from error
            if done.inserted_count + done.matched_count < len(batch):
                raise _busy()

    @translated()
    async def mark_indexed(self, entries: Sequence[Entry]) -> None:
        """Tell that the index shows these tasks as they were read; what changed meanwhile stays marked."""
        done = {"$unset": {"unindexed": ""}}
        writes = [UpdateOne({"_id": entry.id, "version": entry.version}, done) for entry in entries]
        await self._tasks.bulk_write(writes, ordered=False)


def _waiting(direction: int, limit: int) -> list[dict[str, Any]]:
    # All that is asked for is in the index: no task is fetched.
    return [
        {"$match": {"unindexed": {"$gte": COLUMNS}}},
        {"$sort": {"unindexed": direction, "_id": direction}},
        {"$limit": limit},
        {"$project": {"version": 1, "status": 1, "category_id": 1, "budget": 1, "unindexed": 1}},
    ]


def _in(ranges: Iterable[Range]) -> dict[str, Any]:
    return {"$or": [{"_id": {"$gte": low, "$lt": high}} for low, high in ranges]}


def _entry(document: Mapping[str, Any]) -> Entry:
    return Entry(
        id=document["_id"],
        version=document["version"],
        status=document["status"],
        category_id=document.get("category_id") or 0,
        budget=document["budget"],
        missing=document["unindexed"],
    )


def _write(
    identifier: str, block: Block | None, values: Mapping[int, int]
) -> InsertOne[dict[str, Any]] | ReplaceOne[dict[str, Any]]:
    """Return a write that fails when another process changed the block after it was read."""
    content = changed(block, values)
    if block is None:
        return InsertOne({"_id": identifier, "v": first_version(), **content})
    return ReplaceOne({"_id": identifier, "v": block["v"]}, {"v": block["v"] + 1, **content})


def _busy() -> Conflict:
    return Conflict("INDEX_BUSY", "Another process writes the search index", retry_after_seconds=1)
