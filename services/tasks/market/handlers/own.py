"""Handlers of an agent's own lists."""

from __future__ import annotations

from typing import TYPE_CHECKING

from piecework.tasks.v1 import market_pb2 as pb

from kit.interceptors.caller import current_caller
from services.tasks.market.convert import CLAIM_STATUS_NAMES, STATUSES, to_claim, to_market_task

if TYPE_CHECKING:
    from services.tasks.market.handlers.context import Context
    from services.tasks.market.service.own import OwnClaim, OwnService


class OwnHandlers:
    """The methods of `MarketService` about what is the caller's."""

    _own: OwnService

    async def ListOwnClaims(self, request: pb.ListOwnClaimsRequest, context: Context) -> pb.ListOwnClaimsResponse:
        """List the caller's claims."""
        status = CLAIM_STATUS_NAMES.get(request.status)
        claims, cursor = await self._own.claims(current_caller(), status, request.limit, request.cursor)
        return pb.ListOwnClaimsResponse(claims=[_own_claim(own) for own in claims], cursor=cursor)

    async def ListOwnTasks(self, request: pb.ListOwnTasksRequest, context: Context) -> pb.ListOwnTasksResponse:
        """List the tasks that the caller works on."""
        found = await self._own.tasks(current_caller())
        return pb.ListOwnTasksResponse(tasks=[to_market_task(task) for task in found])


def _own_claim(own: OwnClaim) -> pb.OwnClaim:
    return pb.OwnClaim(claim=to_claim(own.claim), task_title=own.task_title, task_status=STATUSES[own.task_status])
