"""Finds tasks by their words, and by what no index of the database can order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from kit.errors import InvalidInput
from services.tasks.market import planes
from services.tasks.market.blocks import joined
from services.tasks.market.cursors import Place, decode_place, encode_place
from services.tasks.market.search_index import (
    Filter,
    Range,
    block_number,
    column_range,
    current,
    current_word,
    matching,
    word_range,
)
from services.tasks.market.service.access import require_reader
from services.tasks.market.stems import MAX_WEIGHT, query_terms

if TYPE_CHECKING:
    from kit.caller import Caller
    from services.tasks.market.model import MarketTask
    from services.tasks.market.planes import Planes
    from services.tasks.market.search_index import Entry
    from services.tasks.market.service.indexing import RecentWords
    from services.tasks.market.store.browse import BrowseStore
    from services.tasks.market.store.search import SearchStore

_MAX_UNINDEXED = 1000
_WORDS_AT_ONCE = 4


class Found(msgspec.Struct, frozen=True):
    """A task that was found, and how well it matches: above 0, at most 1 for a word that says all."""

    task: MarketTask
    relevance: float


class IndexReader:
    """Reads the search index as it would be if it were written at once.

    Args:
        store: the index.
        words: those that it does not have.
    """

    def __init__(self, store: SearchStore, words: RecentWords) -> None:
        self._store = store
        self._words = words

    async def matching(self, which: Filter) -> int:
        """Return the ids of all tasks that match a filter."""
        recent, blocks = await self._store.read(map(column_range, which.columns), _MAX_UNINDEXED)
        return matching(which, _columns(which, blocks, recent))

    async def ranked(self, which: Filter, terms: Sequence[str]) -> tuple[int, Planes]:
        """Return the ids of all tasks that match and have all `terms`, and how much the terms weigh in each."""
        terms = sorted(terms, key=len, reverse=True)  # long words are rare: they leave little for the others to read
        group, waiting = terms[:_WORDS_AT_ONCE], terms[_WORDS_AT_ONCE:]
        ranges = [*map(column_range, which.columns), *map(word_range, group)]
        recent, blocks = await self._store.read(ranges, _MAX_UNINDEXED)
        words = await self._words.of(recent)
        ids = matching(which, _columns(which, blocks, recent))
        total: Planes = ()
        while True:
            for term in group:
                word = current_word(term, _column(word_range(term), blocks), words)
                ids &= planes.present(word)
                total = planes.add(total, word)
            if not ids or not waiting:
                return ids, total
            group, waiting = waiting[:_WORDS_AT_ONCE], waiting[_WORDS_AT_ONCE:]
            blocks = await self._store.blocks(map(word_range, group))


class SearchService:
    """Search by words.

    Args:
        index: what tasks there are.
        tasks: reads them.
    """

    def __init__(self, index: IndexReader, tasks: BrowseStore) -> None:
        self._index = index
        self._tasks = tasks

    async def search(
        self, caller: Caller, query: str, which: Filter, limit: int, cursor: str
    ) -> tuple[list[Found], str]:
        """Return a page of the tasks that have all words of `query`, the best first, and where the page ends.

        Raises:
            InvalidInput: CURSOR_INVALID; QUERY_EMPTY, no word of the query says anything.
        """
        require_reader(caller)
        terms = query_terms(query)
        if not terms:
            raise InvalidInput("QUERY_EMPTY", "Search query contains no valid terms")
        after = decode_place(cursor, with_value=True)
        ids, weights = await self._index.ranked(which, terms)
        found = planes.top(weights, _after(ids, weights, after), limit + 1)
        page = found[:limit]
        tasks = await self._tasks.named([task_id for _, task_id in page])
        relevance = {task_id: weight / (MAX_WEIGHT * len(terms)) for weight, task_id in page}
        # The tasks themselves were read a moment later: one may have changed meanwhile.
        shown = [Found(task, relevance[task.id]) for task in tasks if task.status == which.status]
        return shown, encode_place(page[-1][1], page[-1][0]) if len(found) > limit else ""


def below(ids: int, bound: int) -> int:
    """Return the members of `ids` that are smaller than `bound`."""
    return ids if bound >= ids.bit_length() else ids & ((1 << bound) - 1)


def _after(ids: int, weights: Planes, after: Place | None) -> int:
    if after is None:
        return ids
    equals = below(planes.equal(weights, after.value) & ids, after.id) if after.value else 0
    return ids & (planes.at_most(weights, after.value - 1) if after.value > 1 else 0) | equals


def _columns(which: Filter, blocks: Sequence[Mapping[str, Any]], recent: Sequence[Entry]) -> dict[str, Planes]:
    return {name: current(name, _column(column_range(name), blocks), recent) for name in which.columns}


def _column(where: Range, blocks: Iterable[Mapping[str, Any]]) -> Planes:
    low, high = where
    return joined((block_number(block["_id"]), block) for block in blocks if low <= block["_id"] < high)
