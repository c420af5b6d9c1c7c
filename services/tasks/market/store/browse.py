"""Lists of tasks in MongoDB: each in the order of an index, so that a page costs what it shows."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from bson import MaxKey, MinKey
from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.asynchronous.database import AsyncDatabase

from kit.combiner import Combiner
from kit.mongo import ensure_indexes, translated
from services.tasks.market.cursors import Place
from services.tasks.market.search_index import Filter
from services.tasks.market.store.rows import KEY, Key, Row, Rows, Show, key_of
from services.tasks.market.store.tasks import COLLECTION

_PAGES_AT_ONCE = 8
_LISTS_AT_ONCE = 16


def _index(*fields: str) -> IndexModel:
    return IndexModel([(field, ASCENDING) for field in fields], name="_".join(fields).replace("__id", "_id"))


class Page(NamedTuple):
    """Part of a list.

    Attributes:
        keys: the tasks of it, in their order, as they were found.
        rows: what is shown of those that still match when it is read.
    """

    keys: Sequence[Key]
    rows: list[Row]


class _Page(NamedTuple):
    which: Filter
    after: Place | None
    limit: int
    by_budget: bool
    descending: bool


class _Named(NamedTuple):
    which: Filter
    ids: Sequence[int]


class BrowseStore:
    """Pages of tasks.

    Those who ask for the same page while it is being read share the next read: agents that look for work all ask for
    the first one, again and again. Nobody gets what was read before they asked: a page is read as keys, which tell
    whether the rows in memory are what the database has.

    Args:
        database: the database of the tasks service.
        show: makes what lists show of a task.
    """

    def __init__(self, database: AsyncDatabase[dict[str, Any]], show: Show) -> None:
        self._tasks = database[COLLECTION]
        self._rows = Rows(self._tasks, show)
        self._reads: Combiner[_Named, list[Row]] = Combiner(self._read, max_batch=_PAGES_AT_ONCE)
        self._lists: Combiner[_Page, Page] = Combiner(self._list, max_batch=_LISTS_AT_ONCE)

    async def prepare(self) -> None:
        """Create the indexes."""
        await ensure_indexes(
            self._tasks,
            [
                _index("status", "_id"),
                _index("status", "category_id", "_id"),
                _index("status", "budget", "_id"),
                _index("status", "category_id", "budget", "_id"),
            ],
        )

    async def by_id(self, which: Filter, after: Place | None, limit: int, *, descending: bool) -> Page:
        """Return tasks of any budget in the order of their ids."""
        return await self._lists.submit(_Page(which, after, limit, by_budget=False, descending=descending))

    async def by_budget(self, which: Filter, after: Place | None, limit: int, *, descending: bool) -> Page:
        """Return tasks in the order of their budgets and ids."""
        return await self._lists.submit(_Page(which, after, limit, by_budget=True, descending=descending))

    async def named(self, which: Filter, ids: Sequence[int]) -> list[Row]:
        """Return the tasks with these ids, in their order; those that there are and that match."""
        return await self._reads.submit(_Named(which, ids))

    async def _list(self, asked: Sequence[_Page]) -> Sequence[Page | Exception]:
        """Return what several ask for at once; each page is read once, and each row."""
        pages = list(dict.fromkeys(asked))
        found = dict(zip(pages, await asyncio.gather(*map(self._keys, pages)), strict=True))
        keys = (key for each in found.values() if not isinstance(each, Exception) for key in each)
        with translated():
            rows = await self._rows.of(keys)
        return [_page(page.which, found[page], rows) for page in asked]

    async def _keys(self, page: _Page) -> list[Key] | Exception:
        try:
            return await (self._by_budget(page) if page.by_budget else self._by_id(page))
        except Exception as error:  # noqa: BLE001 - it belongs to those who asked for this page
            return error

    @translated()
    async def _by_id(self, page: _Page) -> list[Key]:
        query = _equal(page.which)
        if page.after is not None:
            query["_id"] = {"$lt" if page.descending else "$gt": page.after.id}
        way = _direction(descending=page.descending)
        cursor = self._tasks.find(query, KEY).sort("_id", way).limit(page.limit)
        return list(map(key_of, await cursor.to_list()))

    @translated()
    async def _by_budget(self, page: _Page) -> list[Key]:
        ends = _ends(page)
        if ends is None:
            return []
        names, lower, upper = ends
        way = _direction(descending=page.descending)
        cursor = (
            self._tasks.find({}, KEY)
            .hint([(name, ASCENDING) for name in names])
            .min(list(zip(names, lower, strict=True)))
            .max(list(zip(names, upper, strict=True)))
            .sort([("budget", way), ("_id", way)])
            .limit(page.limit)
        )
        return list(map(key_of, await cursor.to_list()))

    @translated()
    async def _read(self, asked: Sequence[_Named]) -> Sequence[list[Row]]:
        """Return what several ask for at once; each row is read once."""
        ids = sorted({task_id for each in asked for task_id in each.ids})
        documents = await self._tasks.find({"_id": {"$in": ids}}, KEY).to_list()
        rows = await self._rows.of(map(key_of, documents))
        return [_matching(each.which, each.ids, rows) for each in asked]


def _page(which: Filter, keys: list[Key] | Exception, rows: Mapping[int, Row]) -> Page | Exception:
    return keys if isinstance(keys, Exception) else Page(keys, _matching(which, [key.id for key in keys], rows))


def _matching(which: Filter, ids: Sequence[int], rows: Mapping[int, Row]) -> list[Row]:
    """Return the rows that still match: one may have been read a moment after it was found."""
    found = (rows.get(task_id) for task_id in ids)
    return [row for row in found if row is not None and which.admits(row.status, row.budget)]


def _ends(page: _Page) -> tuple[list[str], list[Any], list[Any]] | None:
    """Return the index that a page by budget lies in and its ends there, the upper one exclusive; None: it is empty.

    MongoDB makes one range of the two, wherever the last page ended.
    """
    which, after = page.which, page.after
    equal = _equal(which)
    names = [*equal, "budget", "_id"]
    lower = [*equal.values(), MinKey() if which.min_budget is None else which.min_budget, MinKey()]
    upper = [*equal.values(), MaxKey() if which.max_budget is None else which.max_budget, MaxKey()]
    if after is not None and page.descending:
        upper = min(upper, [*equal.values(), after.value, after.id], key=lambda end: _order(end[-2:]))
    elif after is not None:
        lower = max(lower, [*equal.values(), after.value, after.id + 1], key=lambda end: _order(end[-2:]))
    return None if _order(lower[-2:]) >= _order(upper[-2:]) else (names, lower, upper)


def _equal(which: Filter) -> dict[str, Any]:
    return {"status": which.status, **({"category_id": which.category_id} if which.category_id else {})}


def _direction(*, descending: bool) -> int:
    return DESCENDING if descending else ASCENDING


def _order(end: Sequence[Any]) -> tuple[tuple[int, int], ...]:
    """Return what sorts as MongoDB sorts: the smallest key, numbers, the largest key."""
    return tuple(
        (-1, 0) if isinstance(key, MinKey) else (1, 0) if isinstance(key, MaxKey) else (0, int(key)) for key in end
    )
