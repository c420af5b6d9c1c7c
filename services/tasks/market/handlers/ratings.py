"""Handlers of ratings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from piecework.tasks.v1 import market_pb2 as pb

from kit.interceptors.caller import current_caller
from services.tasks.market.convert import to_market_task
from services.tasks.market.service.ratings import NewRating

if TYPE_CHECKING:
    from services.tasks.market.handlers.context import Context
    from services.tasks.market.service.ratings import RatingService


class RatingHandlers:
    """The methods of `MarketService` about ratings."""

    _ratings: RatingService

    async def RateTask(self, request: pb.RateTaskRequest, context: Context) -> pb.RateTaskResponse:
        """Rate finished work."""
        new = NewRating(request.rating, request.quality, request.speed, request.comment)
        task = await self._ratings.rate(current_caller(), request.task_id, new)
        return pb.RateTaskResponse(task=to_market_task(task))
