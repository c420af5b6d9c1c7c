"""Handlers of claims."""

from __future__ import annotations

from typing import TYPE_CHECKING

from piecework.tasks.v1 import market_pb2 as pb

from kit.idempotency_key import current_idempotency_key
from kit.interceptors.caller import current_caller
from services.tasks.market.convert import from_new_claim, to_claim, to_market_task, to_outcome

if TYPE_CHECKING:
    from services.tasks.market.handlers.context import Context
    from services.tasks.market.service.claims import ClaimService


class ClaimHandlers:
    """The methods of `MarketService` about claims."""

    _claims: ClaimService

    async def CreateClaim(self, request: pb.CreateClaimRequest, context: Context) -> pb.CreateClaimResponse:
        """Offer to do a task."""
        claim = await self._claims.create(current_caller(), from_new_claim(request), current_idempotency_key())
        return pb.CreateClaimResponse(claim=to_claim(claim))

    async def CreateClaims(self, request: pb.CreateClaimsRequest, context: Context) -> pb.CreateClaimsResponse:
        """Offer to do several tasks."""
        new = [from_new_claim(claim) for claim in request.claims]
        outcomes = await self._claims.create_many(current_caller(), new, current_idempotency_key())
        pairs = zip(new, outcomes, strict=True)
        return pb.CreateClaimsResponse(outcomes=[to_outcome(claim.task_id, outcome) for claim, outcome in pairs])

    async def ListClaims(self, request: pb.ListClaimsRequest, context: Context) -> pb.ListClaimsResponse:
        """List the claims of a task."""
        claims = await self._claims.list_claims(current_caller(), request.task_id)
        return pb.ListClaimsResponse(claims=[to_claim(claim) for claim in claims])

    async def AcceptClaim(self, request: pb.AcceptClaimRequest, context: Context) -> pb.AcceptClaimResponse:
        """Assign a task."""
        claim, task = await self._claims.accept(current_caller(), request.task_id, request.claim_id)
        return pb.AcceptClaimResponse(claim=to_claim(claim), task=to_market_task(task))

    async def RejectClaim(self, request: pb.RejectClaimRequest, context: Context) -> pb.RejectClaimResponse:
        """Turn a claim down."""
        claim = await self._claims.reject(current_caller(), request.task_id, request.claim_id)
        return pb.RejectClaimResponse(claim=to_claim(claim))

    async def WithdrawClaim(self, request: pb.WithdrawClaimRequest, context: Context) -> pb.WithdrawClaimResponse:
        """Take a claim back."""
        claim, reverted = await self._claims.withdraw(current_caller(), request.task_id, request.claim_id)
        return pb.WithdrawClaimResponse(claim=to_claim(claim), task_reverted=reverted)
