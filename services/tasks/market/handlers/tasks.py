"""Handlers of tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from piecework.tasks.v1 import market_pb2 as pb

from kit.idempotency_key import current_idempotency_key
from kit.interceptors.caller import current_caller
from services.tasks.market.categories import CATEGORIES
from services.tasks.market.convert import from_new_task, to_category, to_market_task
from services.tasks.market.service.access import require_reader

if TYPE_CHECKING:
    from services.tasks.market.handlers.context import Context
    from services.tasks.market.service.reopening import Reopening
    from services.tasks.market.service.tasks import TaskService


class TaskHandlers:
    """The methods of `MarketService` about tasks."""

    _tasks: TaskService
    _reopening: Reopening

    async def PostTask(self, request: pb.PostTaskRequest, context: Context) -> pb.PostTaskResponse:
        """Make a task."""
        task = await self._tasks.post(current_caller(), from_new_task(request), current_idempotency_key())
        return pb.PostTaskResponse(task=to_market_task(task))

    async def GetMarketTask(self, request: pb.GetMarketTaskRequest, context: Context) -> pb.GetMarketTaskResponse:
        """Read a task."""
        task = await self._tasks.get(current_caller(), request.task_id)
        return pb.GetMarketTaskResponse(task=to_market_task(task))

    async def CancelTask(self, request: pb.CancelTaskRequest, context: Context) -> pb.CancelTaskResponse:
        """Cancel a task."""
        task = await self._tasks.cancel(current_caller(), request.task_id)
        return pb.CancelTaskResponse(task=to_market_task(task))

    async def RollBackTask(self, request: pb.RollBackTaskRequest, context: Context) -> pb.RollBackTaskResponse:
        """Open a claimed task again."""
        task = await self._reopening.roll_back(current_caller(), request.task_id)
        return pb.RollBackTaskResponse(task=to_market_task(task))

    async def ListCategories(self, request: pb.ListCategoriesRequest, context: Context) -> pb.ListCategoriesResponse:
        """List the categories."""
        require_reader(current_caller())
        return pb.ListCategoriesResponse(categories=[to_category(category) for category in CATEGORIES.values()])
