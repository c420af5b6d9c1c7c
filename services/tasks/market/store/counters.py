"""Numbers for tasks, claims and whatever else has one. Those who ask at the same time are served by one write."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pymongo import ReturnDocument
from pymongo.asynchronous.database import AsyncDatabase

from kit.combiner import Combiner
from kit.mongo import translated


class Counters:
    """Gives numbers from 1, each once; numbers that were given and not used leave a gap.

    Args:
        database: the database of the tasks service.
    """

    def __init__(self, database: AsyncDatabase[dict[str, Any]]) -> None:
        self._counters = database["counters"]
        self._combiners: dict[str, Combiner[None, int]] = {}

    async def next(self, name: str) -> int:
        """Return the next number of the counter `name`, for example `market_tasks`."""
        combiner = self._combiners.get(name)
        if combiner is None:
            combiner = self._combiners[name] = Combiner(lambda asked: self._take(name, asked))
        return await combiner.submit(None)

    async def close(self) -> None:
        """Wait for what is being written."""
        for combiner in self._combiners.values():
            await combiner.close()

    @translated()
    async def _take(self, name: str, asked: Sequence[None]) -> Sequence[int]:
        document = await self._counters.find_one_and_update(
            {"_id": name}, {"$inc": {"value": len(asked)}}, upsert=True, return_document=ReturnDocument.AFTER
        )
        assert document is not None
        last = int(document["value"])
        return range(last - len(asked) + 1, last + 1)
