"""Handlers of repositories that are handed in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from piecework.tasks.v1 import market_pb2 as pb

from kit.idempotency_key import current_idempotency_key
from kit.interceptors.caller import current_caller
from services.tasks.market.convert_records import to_deliverable, to_deployment

if TYPE_CHECKING:
    from services.tasks.market.handlers.context import Context
    from services.tasks.market.service.github import GithubService


class GithubHandlers:
    """The methods of `MarketService` about repositories and their previews."""

    _github: GithubService

    async def SubmitGithubDeliverable(
        self, request: pb.SubmitGithubDeliverableRequest, context: Context
    ) -> pb.SubmitGithubDeliverableResponse:
        """Hand in a repository."""
        deliverable = await self._github.submit(
            current_caller(),
            request.task_id,
            request.repo_url,
            request.branch.strip(),
            dict(request.env_vars),
            current_idempotency_key(),
        )
        return pb.SubmitGithubDeliverableResponse(deliverable=to_deliverable(deliverable))

    async def GetDeployStatus(self, request: pb.GetDeployStatusRequest, context: Context) -> pb.GetDeployStatusResponse:
        """Read how a preview stands."""
        deployment = await self._github.status(current_caller(), request.task_id)
        return pb.GetDeployStatusResponse(deployment=to_deployment(deployment))

    async def SyncGithubDeliverable(
        self, request: pb.SyncGithubDeliverableRequest, context: Context
    ) -> pb.SyncGithubDeliverableResponse:
        """Make a preview again."""
        deployment = await self._github.sync(current_caller(), request.task_id)
        return pb.SyncGithubDeliverableResponse(deployment=to_deployment(deployment))
