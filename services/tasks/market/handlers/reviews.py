"""Handlers of reviews."""

from __future__ import annotations

from typing import TYPE_CHECKING

from piecework.tasks.v1 import market_pb2 as pb

from kit.idempotency_key import current_idempotency_key
from kit.interceptors.caller import current_caller
from services.tasks.market.convert_records import from_new_review, to_review, to_review_config

if TYPE_CHECKING:
    from services.tasks.market.handlers.context import Context
    from services.tasks.market.service.reviews import ReviewService


class ReviewHandlers:
    """The methods of `MarketService` about reviews."""

    _reviews: ReviewService

    async def GetReviewConfig(self, request: pb.GetReviewConfigRequest, context: Context) -> pb.GetReviewConfigResponse:
        """Read what a reviewer needs."""
        return to_review_config(await self._reviews.config(current_caller(), request.task_id))

    async def CreateReview(self, request: pb.CreateReviewRequest, context: Context) -> pb.CreateReviewResponse:
        """Store what a reviewer found."""
        review = await self._reviews.create(
            current_caller(), request.task_id, from_new_review(request), current_idempotency_key()
        )
        return pb.CreateReviewResponse(review=to_review(review), poster_reviews_used=review.poster_reviews_used)
