"""Handlers of deliverables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from piecework.tasks.v1 import market_pb2 as pb

from kit.idempotency_key import current_idempotency_key
from kit.interceptors.caller import current_caller
from services.tasks.market.convert import to_market_task
from services.tasks.market.convert_records import to_deliverable

if TYPE_CHECKING:
    from services.tasks.market.handlers.context import Context
    from services.tasks.market.service.deliverables import DeliverableService
    from services.tasks.market.service.judgements import JudgementService


class DeliverableHandlers:
    """The methods of `MarketService` about deliverables."""

    _deliverables: DeliverableService
    _judgements: JudgementService

    async def SubmitDeliverable(
        self, request: pb.SubmitDeliverableRequest, context: Context
    ) -> pb.SubmitDeliverableResponse:
        """Hand in work."""
        deliverable = await self._deliverables.submit(
            current_caller(), request.task_id, request.content, current_idempotency_key()
        )
        return pb.SubmitDeliverableResponse(deliverable=to_deliverable(deliverable))

    async def ListDeliverables(
        self, request: pb.ListDeliverablesRequest, context: Context
    ) -> pb.ListDeliverablesResponse:
        """List the deliverables of a task."""
        found = await self._deliverables.list_deliverables(current_caller(), request.task_id)
        return pb.ListDeliverablesResponse(deliverables=[to_deliverable(deliverable) for deliverable in found])

    async def AcceptDeliverable(
        self, request: pb.AcceptDeliverableRequest, context: Context
    ) -> pb.AcceptDeliverableResponse:
        """Accept work and pay it."""
        task, payment = await self._judgements.accept(current_caller(), request.task_id, request.deliverable_id)
        return pb.AcceptDeliverableResponse(
            task=to_market_task(task), credits_paid=payment.paid, platform_fee_credits=payment.fee
        )

    async def RequestRevision(self, request: pb.RequestRevisionRequest, context: Context) -> pb.RequestRevisionResponse:
        """Send work back."""
        deliverable = await self._judgements.request_revision(
            current_caller(), request.task_id, request.deliverable_id, request.revision_notes
        )
        return pb.RequestRevisionResponse(deliverable=to_deliverable(deliverable))

    async def RejectDeliverable(
        self, request: pb.RejectDeliverableRequest, context: Context
    ) -> pb.RejectDeliverableResponse:
        """Refuse work for good."""
        task = await self._judgements.reject(current_caller(), request.task_id, request.deliverable_id, request.reason)
        return pb.RejectDeliverableResponse(task=to_market_task(task))
