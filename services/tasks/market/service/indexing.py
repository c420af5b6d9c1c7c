"""Keeps the search index up with the tasks. One replica does it; searches look at what it does not show yet besides."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING

import structlog

from kit.errors import DomainError
from services.tasks.market.search_index import ALL, Changes, add_words, column_changes
from services.tasks.market.stems import Words, words_of

if TYPE_CHECKING:
    from services.tasks.market.search_index import Entry
    from services.tasks.market.store.search import SearchStore

_BATCH = 1000
_AT_ONCE = 20  # tasks whose words are found before others get their turn
_MAX_KEPT = 2000
_log = structlog.get_logger(__name__)


class RecentWords:
    """The words of tasks that the index does not have. They never change, so each task is read once.

    Args:
        store: reads titles and descriptions.
    """

    def __init__(self, store: SearchStore) -> None:
        self._store = store
        self._kept: dict[int, Words] = {}
        self._reading = asyncio.Lock()

    async def of(self, entries: Iterable[Entry]) -> dict[int, Words]:
        """Return the words of those `entries` whose words the index does not have."""
        wanted = [entry.id for entry in entries if entry.missing == ALL]
        if any(task_id not in self._kept for task_id in wanted):
            async with self._reading:  # those who come meanwhile find what the first one reads
                await self._read(wanted)
        return {task_id: self._kept[task_id] for task_id in wanted if task_id in self._kept}

    async def _read(self, wanted: list[int]) -> None:
        if len(self._kept) > _MAX_KEPT:
            self._kept = {task_id: self._kept[task_id] for task_id in wanted if task_id in self._kept}
        unknown = [task_id for task_id in wanted if task_id not in self._kept]
        for start in range(0, len(unknown), _AT_ONCE):
            texts = await self._store.texts(unknown[start : start + _AT_ONCE])
            self._kept |= {task_id: words_of(*text) for task_id, text in texts.items()}


class SearchIndexer:
    """Writes what changed into the index.

    Args:
        store: the index.
        words: what has to go into it.
        tick_seconds: how often to look. The longer, the fewer writes, because neighbours share blocks; and the more
            tasks each search looks at besides the index.
    """

    def __init__(self, store: SearchStore, words: RecentWords, tick_seconds: float = 1.0) -> None:
        self._store = store
        self._words = words
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
            await self._store.write(await self._word_changes(entries))
            await self._store.write(column_changes(entries))
            await self._store.mark_indexed(entries)
        return len(entries)

    async def _word_changes(self, entries: list[Entry]) -> Changes:
        changes: Changes = {}
        for number, (task_id, words) in enumerate((await self._words.of(entries)).items()):
            add_words(changes, task_id, words)
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0)
        return changes
