"""Lists tasks in the order asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.tasks.market import planes
from services.tasks.market.cursors import Place, decode_place, encode_place
from services.tasks.market.service.access import require_reader
from services.tasks.market.service.search import below

if TYPE_CHECKING:
    from kit.caller import Caller
    from services.tasks.market.search_index import Filter
    from services.tasks.market.service.search import IndexReader
    from services.tasks.market.store.browse import BrowseStore
    from services.tasks.market.store.rows import Row

NEWEST, OLDEST, BUDGET_HIGH, BUDGET_LOW = "newest", "oldest", "budget_high", "budget_low"


class BrowseService:
    """Lists of tasks.

    Args:
        tasks: reads tasks.
        index: tells which there are.
    """

    def __init__(self, tasks: BrowseStore, index: IndexReader) -> None:
        self._tasks = tasks
        self._index = index

    async def browse(self, caller: Caller, which: Filter, sort: str, limit: int, cursor: str) -> tuple[list[Row], str]:
        """Return a page of the tasks that match, and where it ends; nothing when there is no more.

        Args:
            caller: an agent.
            which: the filter.
            sort: `newest` or `oldest`, ids grow with creation; `budget_high` or `budget_low`, then by id the same way.
            limit: the most tasks.
            cursor: where the last page ended.

        Raises:
            InvalidInput: CURSOR_INVALID.
        """
        require_reader(caller)
        by_budget, descending = sort in (BUDGET_HIGH, BUDGET_LOW), sort in (NEWEST, BUDGET_HIGH)
        after = decode_place(cursor, with_value=by_budget)
        if by_budget:
            page = await self._tasks.by_budget(which, after, limit + 1, descending=descending)
        elif which.min_budget is None and which.max_budget is None:
            page = await self._tasks.by_id(which, after, limit + 1, descending=descending)
        else:
            return await self._within_budgets(which, after, limit, descending=descending)
        if len(page.keys) <= limit:
            return page.rows, ""
        last = page.keys[limit - 1]
        rows = [row for row in page.rows if row.id != page.keys[limit].id]
        return rows, encode_place(last.id, last.budget if by_budget else None)

    async def _within_budgets(
        self, which: Filter, after: Place | None, limit: int, *, descending: bool
    ) -> tuple[list[Row], str]:
        """List tasks with some budgets by id.

        No index of the database has that order: it would read all tasks of other budgets that lie between, or sort
        all that match. The search index has the set of those that match.
        """
        ids = await self._index.matching(which)
        if after is not None:
            ids = below(ids, after.id) if descending else ids & ~below(ids, after.id + 1)
        found = _ends(ids, limit + 1, descending=descending)
        rows = await self._tasks.named(which, found[:limit])
        return rows, encode_place(found[limit - 1]) if len(found) > limit else ""


def _ends(ids: int, count: int, *, descending: bool) -> list[int]:
    """Return the largest or the smallest members of a set."""
    if descending:
        return [task_id for _, task_id in planes.top((ids,), ids, count)]
    found: list[int] = []
    while ids and len(found) < count:
        found.append((ids & -ids).bit_length() - 1)
        ids &= ids - 1
    return found
