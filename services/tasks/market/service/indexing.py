"""Keeps the search index up with the tasks. One replica does it; searches look at what it does not show yet besides."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from kit.errors import DomainError
from services.tasks.market.search_index import column_changes, word_changes

if TYPE_CHECKING:
    from services.tasks.market.store.search import SearchStore

_BATCH = 1000
_log = structlog.get_logger(__name__)


class SearchIndexer:
    """Writes what changed into the index.

    Args:
        store: the index.
        tick_seconds: how often to look. The longer, the fewer writes, because neighbours share blocks; and the more
            tasks each search looks at besides the index.
    """

    def __init__(self, store: SearchStore, tick_seconds: float = 1.0) -> None:
        self._store = store
        self._tick_seconds = tick_seconds

    async def run(self) -> None:
        """Index for ever."""
        while True:
            try:
                while await self.tick() == _BATCH:
                    pass
            except DomainError as error:
                _log.warning("the search index waits", reason=error.reason, problem=error.message)
            await asyncio.sleep(self._tick_seconds)

    async def tick(self) -> int:
        """Index a batch of the tasks that changed; return how many.

        Raises:
            Conflict: INDEX_BUSY, another process was seen at it; nothing is lost.
        """
        entries = await self._store.unindexed(_BATCH)
        if entries:
            # Words first: a task that a filter finds has all its words. Repeating either after a crash changes nothing.
            await self._store.write(word_changes(entries))
            await self._store.write(column_changes(entries))
            await self._store.mark_indexed(entries)
        return len(entries)
