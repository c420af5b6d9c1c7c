"""Finds tasks by their words, and by what no index of the database can order."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from kit.combiner import Combiner
from kit.errors import InvalidInput
from services.tasks.market import planes
from services.tasks.market.columns import Columns, Range
from services.tasks.market.cursors import Place, decode_place, encode_place
from services.tasks.market.search_index import Filter, Snapshot, column_range, word_range
from services.tasks.market.service.access import require_reader
from services.tasks.market.stems import MAX_WEIGHT, query_terms

if TYPE_CHECKING:
    from kit.caller import Caller
    from services.tasks.market.planes import Planes
    from services.tasks.market.service.indexing import RecentWords
    from services.tasks.market.store.browse import BrowseStore
    from services.tasks.market.store.rows import Row
    from services.tasks.market.store.search import SearchStore

_MAX_UNINDEXED = 1000
_WORDS_AT_ONCE = 4
_READS_AT_ONCE = 16


class Found(msgspec.Struct, frozen=True):
    """A task that was found, and how well it matches: above 0, at most 1 for a word that says all."""

    row: Row
    relevance: float


class IndexReader:
    """Reads the search index as it would be if it were written at once.

    Those who ask while a read is under way share the next one: the words that many look for are read and joined once.

    Args:
        store: the index.
        words: those that it does not have.
    """

    def __init__(self, store: SearchStore, words: RecentWords) -> None:
        self._store = store
        self._words = words
        self._columns = Columns()
        self._reads: Combiner[Sequence[Range], Snapshot] = Combiner(self._read, max_batch=_READS_AT_ONCE)

    async def matching(self, which: Filter) -> int:
        """Return the ids of all tasks that match a filter."""
        now = await self._reads.submit([column_range(name) for name in which.columns])
        return now.matching(which)

    async def ranked(self, which: Filter, terms: Sequence[str]) -> tuple[int, Planes]:
        """Return the ids of all tasks that match and have all `terms`, and how much the terms weigh in each."""
        terms = sorted(terms, key=len, reverse=True)  # long words are rare: they leave little for the others to read
        group, waiting = terms[:_WORDS_AT_ONCE], terms[_WORDS_AT_ONCE:]
        now = await self._reads.submit([*map(column_range, which.columns), *map(word_range, group)])
        ids = now.matching(which)
        total: Planes = ()
        while True:
            for term in group:
                weights = now.weights(term)
                ids &= planes.present(weights)
                total = planes.add(total, weights)
            if not ids or not waiting:
                return ids, total
            group, waiting = waiting[:_WORDS_AT_ONCE], waiting[_WORDS_AT_ONCE:]
            now = now.add(await self._store.blocks(map(word_range, group)))

    async def _read(self, asked: Sequence[Sequence[Range]]) -> Sequence[Snapshot]:
        ranges = dict.fromkeys(itertools.chain.from_iterable(asked))
        recent, blocks = await self._store.read(ranges, _MAX_UNINDEXED)
        return [Snapshot(recent, await self._words.of(recent), blocks, self._columns)] * len(asked)


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
        rows = await self._tasks.named(which, [task_id for _, task_id in page])
        relevance = {task_id: weight / (MAX_WEIGHT * len(terms)) for weight, task_id in page}
        shown = [Found(row, relevance[row.id]) for row in rows]
        return shown, encode_place(page[-1][1], page[-1][0]) if len(found) > limit else ""


def below(ids: int, bound: int) -> int:
    """Return the members of `ids` that are smaller than `bound`."""
    return ids if bound >= ids.bit_length() else ids & ((1 << bound) - 1)


def _after(ids: int, weights: Planes, after: Place | None) -> int:
    if after is None:
        return ids
    equals = below(planes.equal(weights, after.value) & ids, after.id) if after.value else 0
    return ids & (planes.at_most(weights, after.value - 1) if after.value > 1 else 0) | equals
