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
from services.tasks.market.search_index import Changes, Entry, Range, block_id
from services.tasks.market.stems import weights_of
from services.tasks.market.store.tasks import COLLECTION

BLOCKS = "market_search"
_SHOWN = {"version": 1, "status": 1, "category_id": 1, "budget": 1, "terms": 1}
_BATCH = 250


class SearchStore:
    """The collection of blocks, and the mark `unindexed` of tasks that changed after their blocks were written.

    Args:
        database: the database of the tasks service.
    """

    def __init__(self, database: AsyncDatabase[dict[str, Any]]) -> None:
        self._tasks = database[COLLECTION]
        self._blocks = database[BLOCKS]

    async def prepare(self) -> None:
        """Create the indexes."""
        fresh = IndexModel(
            [("unindexed", ASCENDING), ("_id", ASCENDING)],
            name="unindexed",
            partialFilterExpression={"unindexed": True},
        )
        await ensure_indexes(self._tasks, [fresh])

    @translated()
    async def unindexed(self, limit: int) -> list[Entry]:
        """Return tasks that changed after their blocks were written, the newest first."""
        cursor = self._tasks.find({"unindexed": True}, _SHOWN).sort([("unindexed", DESCENDING), ("_id", DESCENDING)])
        return [_entry(document) for document in await cursor.limit(limit).to_list()]

    @translated()
    async def blocks(self, ranges: Iterable[Range]) -> list[Mapping[str, Any]]:
        """Return the blocks whose ids are in one of these ranges."""
        query = {"$or": [{"_id": {"$gte": low, "$lt": high}} for low, high in ranges]}
        return list(await self._blocks.find(query, {"v": 0}).to_list())

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
        done = {"$unset": {"unindexed": "", "terms": ""}}
        writes = [UpdateOne({"_id": entry.id, "version": entry.version}, done) for entry in entries]
        await self._tasks.bulk_write(writes, ordered=False)


def _entry(document: Mapping[str, Any]) -> Entry:
    return Entry(
        id=document["_id"],
        version=document["version"],
        status=document["status"],
        category_id=document.get("category_id", 0),
        budget=document["budget"],
        weights=weights_of(document.get("terms", ())),
    )


def _write(
    identifier: str, block: Mapping[str, Any] | None, values: Mapping[int, int]
) -> InsertOne[dict[str, Any]] | ReplaceOne[dict[str, Any]]:
    """Return a write that fails when another process changed the block after it was read."""
    content = changed(block, values)
    if block is None:
        return InsertOne({"_id": identifier, "v": 1, **content})
    return ReplaceOne({"_id": identifier, "v": block["v"]}, {"v": block["v"] + 1, **content})


def _busy() -> Conflict:
    return Conflict("INDEX_BUSY", "Another process writes the search index", retry_after_seconds=1)
