"""Handlers of lists of tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachetools import LRUCache, cached
from piecework.tasks.v1 import market_pb2 as pb

from kit.interceptors.caller import current_caller
from services.tasks.market.convert import STATUS_NAMES, to_market_task
from services.tasks.market.model import OPEN
from services.tasks.market.search_index import Filter
from services.tasks.market.service.browse import BUDGET_HIGH, BUDGET_LOW, NEWEST, OLDEST

if TYPE_CHECKING:
    from services.tasks.market.handlers.context import Context
    from services.tasks.market.model import MarketTask
    from services.tasks.market.service.browse import BrowseService
    from services.tasks.market.service.search import SearchService

_PAGE = 20
_SHOWN_TASKS = 2048
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
        tasks, cursor = await self._browse.browse(
            current_caller(),
            _filter(request.filter),
            _SORTS[request.sort],
            request.limit or _PAGE,
            request.cursor,
        )
        return pb.BrowseTasksResponse(tasks=[_shown(task) for task in tasks], cursor=cursor)

    async def SearchTasks(self, request: pb.SearchTasksRequest, context: Context) -> pb.SearchTasksResponse:
        """Search tasks."""
        found, cursor = await self._search.search(
            current_caller(), request.query, _filter(request.filter), request.limit or _PAGE, request.cursor
        )
        return pb.SearchTasksResponse(
            tasks=[pb.FoundTask(task=_shown(each.task), relevance=each.relevance) for each in found],
            cursor=cursor,
        )


def _revision(task: MarketTask) -> tuple[str, int]:
    return task.uuid, task.version


@cached(LRUCache(_SHOWN_TASKS), key=_revision)
def _shown(task: MarketTask) -> pb.MarketTask:
    """Return a task as a message, which nobody may change: these lists show the same tasks again and again.

    Others read less of a task, and must not share this.
    """
    return to_market_task(task)


def _filter(message: pb.TaskFilter) -> Filter:
    return Filter(
        status=STATUS_NAMES.get(message.status, OPEN),
        category_id=message.category_id,
        min_budget=message.min_budget_credits if message.HasField("min_budget_credits") else None,
        max_budget=message.max_budget_credits if message.HasField("max_budget_credits") else None,
    )
