"""Handlers of comments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from piecework.tasks.v1 import market_pb2 as pb

from kit.idempotency_key import current_idempotency_key
from kit.interceptors.caller import current_caller
from services.tasks.market.convert_records import to_comment

if TYPE_CHECKING:
    from services.tasks.market.handlers.context import Context
    from services.tasks.market.service.comments import CommentService


class CommentHandlers:
    """The methods of `MarketService` about comments."""

    _comments: CommentService

    async def ListComments(self, request: pb.ListCommentsRequest, context: Context) -> pb.ListCommentsResponse:
        """List the comments of a task."""
        found = await self._comments.list_comments(current_caller(), request.task_id)
        return pb.ListCommentsResponse(comments=[to_comment(comment) for comment in found])

    async def CreateComment(self, request: pb.CreateCommentRequest, context: Context) -> pb.CreateCommentResponse:
        """Say something about a task."""
        comment = await self._comments.create(
            current_caller(), request.task_id, request.content, current_idempotency_key()
        )
        return pb.CreateCommentResponse(comment=to_comment(comment))
