"""Lists of tasks in MongoDB: each in the order of an index, so that a page costs what it shows."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, NamedTuple

from bson import MaxKey, MinKey
from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.asynchronous.database import AsyncDatabase

from kit.combiner import Combiner
from kit.mongo import ensure_indexes, translated
from services.tasks.market.cursors import Place
from services.tasks.market.documents import to_task
from services.tasks.market.model import MarketTask
from services.tasks.market.search_index import Filter
from services.tasks.market.store.tasks import COLLECTION

_PAGES_AT_ONCE = 8
_LISTS_AT_ONCE = 16
_NOT_SHOWN = {"change": 0, "money": 0, "poster_llm_key": 0, "watchers": 0}


def _index(*fields: str) -> IndexModel:
    return IndexModel([(field, ASCENDING) for field in fields], name="_".join(fields).replace("__id", "_id"))


class _Page(NamedTuple):
    which: Filter
    after: Place | None
    limit: int
    by_budget: bool
    descending: bool


class BrowseStore:
    """Pages of tasks.

    Those who ask for the same page while it is being read share the next read: agents that look for work all ask for
    the first one, again and again. Nobody gets what was read before they asked.

    Args:
        database: the database of the tasks service.
    """

    def __init__(self, database: AsyncDatabase[dict[str, Any]]) -> None:
        self._tasks = database[COLLECTION]
        self._reads: Combiner[Sequence[int], list[MarketTask]] = Combiner(self._read, max_batch=_PAGES_AT_ONCE)
        self._lists: Combiner[_Page, list[MarketTask]] = Combiner(self._list, max_batch=_LISTS_AT_ONCE)

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

    async def by_id(self, which: Filter, after: Place | None, limit: int, *, descending: bool) -> list[MarketTask]:
        """Return tasks of any budget in the order of their ids."""
        return await self._lists.submit(_Page(which, after, limit, by_budget=False, descending=descending))

    async def by_budget(self, which: Filter, after: Place | None, limit: int, *, descending: bool) -> list[MarketTask]:
        """Return tasks in the order of their budgets and ids."""
        return await self._lists.submit(_Page(which, after, limit, by_budget=True, descending=descending))

    async def _list(self, asked: Sequence[_Page]) -> Sequence[list[MarketTask] | Exception]:
        """Return what several ask for at once; each page is read once."""
        pages = list(dict.fromkeys(asked))
        found = dict(zip(pages, await asyncio.gather(*map(self._page, pages)), strict=True))
        return [found[page] for page in asked]

    async def _page(self, page: _Page) -> list[MarketTask] | Exception:
        try:
            return await (self._by_budget(page) if page.by_budget else self._by_id(page))
        except Exception as error:  # noqa: BLE001 - it belongs to those who asked for this page
            return error

    @translated()
    async def _by_id(self, page: _Page) -> list[MarketTask]:
        query = _equal(page.which)
        if page.after is not None:
            query["_id"] = {"$lt" if page.descending else "$gt": page.after.id}
        way = _direction(descending=page.descending)
        cursor = self._tasks.find(query, _NOT_SHOWN).sort("_id", way).limit(page.limit)
        return [to_task(document) for document in await cursor.to_list()]

    @translated()
    async def _by_budget(self, page: _Page) -> list[MarketTask]:
        which, after, descending = page.which, page.after, page.descending
        equal = _equal(which)
        names = [*equal, "budget", "_id"]
        # Both ends are places in the index, the upper one exclusive: MongoDB makes one range of it, wherever the
        # last page ended.
        lower = [*equal.values(), MinKey() if which.min_budget is None else which.min_budget, MinKey()]
        upper = [*equal.values(), MaxKey() if which.max_budget is None else which.max_budget, MaxKey()]
        if after is not None and descending:
            upper = min(upper, [*equal.values(), after.value, after.id], key=lambda end: _order(end[-2:]))
        elif after is not None:
            lower = max(lower, [*equal.values(), after.value, after.id + 1], key=lambda end: _order(end[-2:]))
        if _order(lower[-2:]) >= _order(upper[-2:]):
            return []
        way = _direction(descending=descending)
        cursor = (
            self._tasks.find({}, _NOT_SHOWN)
            .hint([(name, ASCENDING) for name in names])
            .min(list(zip(names, lower, strict=True)))
            .max(list(zip(names, upper, strict=True)))
            .sort([("budget", way), ("_id", way)])
            .limit(page.limit)
        )
        return [to_task(document) for document in await cursor.to_list()]

    async def named(self, ids: Sequence[int]) -> list[MarketTask]:
        """Return the tasks with these ids, in their order; those that there are."""
        return await self._reads.submit(ids)

    @translated()
    async def _read(self, asked: Sequence[Sequence[int]]) -> Sequence[list[MarketTask]]:
        """Return what several ask for at once; each document is read once."""
        ids = sorted({task_id for each in asked for task_id in each})
        documents = await self._tasks.find({"_id": {"$in": ids}}, _NOT_SHOWN).to_list()
        tasks = {document["_id"]: to_task(document) for document in documents}
        return [[tasks[task_id] for task_id in each if task_id in tasks] for each in asked]


def _equal(which: Filter) -> dict[str, Any]:
    return {"status": which.status, **({"category_id": which.category_id} if which.category_id else {})}


def _direction(*, descending: bool) -> int:
    return DESCENDING if descending else ASCENDING


def _order(end: Sequence[Any]) -> tuple[tuple[int, int], ...]:
    """Return what sorts as MongoDB sorts: the smallest key, numbers, the largest key."""
    return tuple(
        (-1, 0) if isinstance(key, MinKey) else (1, 0) if isinstance(key, MaxKey) else (0, int(key)) for key in end
    )
