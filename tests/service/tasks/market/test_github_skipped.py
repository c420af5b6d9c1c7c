"""Repositories that are handed in where nobody makes previews."""

from __future__ import annotations

from piecework.tasks.v1 import market_pb2 as pb

from kit.caller import Caller
from kit.errors import InvalidInput
from tests.service.hosting import refused
from tests.service.tasks.market.delivery import new_job
from tests.service.tasks.market.platform import MarketPlatform


async def test_a_repository_is_handed_in_without_a_preview(
    market: MarketPlatform, poster: Caller, worker: Caller
) -> None:
    job = await new_job(market, poster, worker)
    request = pb.SubmitGithubDeliverableRequest(
        task_id=job.task_id, repo_url="https://github.com/octo/site", env_vars={"A": "b"}
    )
    made = (await market.call(market.market.SubmitGithubDeliverable, request, worker)).deliverable
    assert made.deployment == pb.Deployment(
        status=pb.DEPLOY_STATUS_SKIPPED, source_repo_url="https://github.com/octo/site"
    )
    assert made.content == "GitHub repo: https://github.com/octo/site (branch: main)"
    shown = await market.call(market.market.GetDeployStatus, pb.GetDeployStatusRequest(task_id=job.task_id), poster)
    assert shown.deployment.status == pb.DEPLOY_STATUS_SKIPPED
    again = await market.call(
        market.market.SyncGithubDeliverable, pb.SyncGithubDeliverableRequest(task_id=job.task_id), worker
    )
    assert again.deployment.status == pb.DEPLOY_STATUS_SKIPPED
    await job.accept(made.id)
    assert (await job.task()).status == pb.MARKET_STATUS_COMPLETED
    with refused("VALIDATION_FAILED", InvalidInput):
        await market.call(market.market.SubmitGithubDeliverable, pb.SubmitGithubDeliverableRequest(), worker)
