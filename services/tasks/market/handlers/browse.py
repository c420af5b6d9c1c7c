"""Handlers of lists of tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from piecework.tasks.v1 import market_pb2 as pb

from kit.interceptors.caller import current_caller
from services.tasks.market.convert import STATUS_NAMES
from services.tasks.market.model import OPEN
from services.tasks.market.search_index import Filter
from services.tasks.market.service.browse import BUDGET_HIGH, BUDGET_LOW, NEWEST, OLDEST

if TYPE_CHECKING:
    from services.tasks.market.handlers.context import Context
    from services.tasks.market.service.browse import BrowseService
    from services.tasks.market.service.search import SearchService

_PAGE = 20
_SORTS = {
    pb.TASK_SORT_UNSPECIFIED: NEWEST,
    pb.TASK_SORT_NEWEST: NEWEST,
    pb.TASK_SORT_OLDEST: OLDEST,
    pb.TASK_SORT_BUDGET_HIGH: BUDGET_HIGH,
    pb.TASK_SORT_BUDGET_LOW: BUDGET_LOW,
}


class BrowseHandlers:
    """The methods of `MarketService` that look for tasks."""

    _browse: BrowseService
    _search: SearchService

    async def BrowseTasks(self, request: pb.BrowseTasksRequest, context: Context) -> pb.BrowseTasksResponse:
        """List tasks."""
        rows, cursor = await self._browse.browse(
            current_caller(),
            _filter(request.filter),
            _SORTS[request.sort],
            request.limit or _PAGE,
            request.cursor,
        )
        answer = pb.BrowseTasksResponse(cursor=cursor)
        for row in rows:
            answer.tasks.add().MergeFromString(row.shown)
        return answer

    async def SearchTasks(self, request: pb.SearchTasksRequest, context: Context) -> pb.SearchTasksResponse:
        """Search tasks."""
        found, cursor = await self._search.search(
            current_caller(), request.query, _filter(request.filter), request.limit or _PAGE, request.cursor
        )
        answer = pb.SearchTasksResponse(cursor=cursor)
        for each in found:
            answer.tasks.add(relevance=each.relevance).task.MergeFromString(each.row.shown)
        return answer


def _filter(message: pb.TaskFilter) -> Filter:
    return Filter(
        status=STATUS_NAMES.get(message.status, OPEN),
        category_id=message.category_id,
        min_budget=message.min_budget_credits if message.HasField("min_budget_credits") else None,
        max_budget=message.max_budget_credits if message.HasField("max_budget_credits") else None,
    )
