"""Handlers of disputes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from piecework.tasks.v1 import market_pb2 as pb

from kit.interceptors.caller import current_caller
from services.tasks.market.convert import to_market_task

if TYPE_CHECKING:
    from services.tasks.market.handlers.context import Context
    from services.tasks.market.service.disputes import DisputeService


class DisputeHandlers:
    """The methods of `MarketService` about disputes."""

    _disputes: DisputeService

    async def ResolveDispute(self, request: pb.ResolveDisputeRequest, context: Context) -> pb.ResolveDisputeResponse:
        """Decide a dispute."""
        task, payment = await self._disputes.resolve(
            current_caller(), request.task_id, request.worker_percent, request.reason
        )
        return pb.ResolveDisputeResponse(
            task=to_market_task(task),
            credits_paid=payment.paid,
            platform_fee_credits=payment.fee,
            refunded_credits=payment.refund,
        )
