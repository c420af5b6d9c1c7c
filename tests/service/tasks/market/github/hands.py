"""Hands for repositories: hand one in, look at its preview, make it again."""

from __future__ import annotations

from typing import Any

from piecework.tasks.v1 import market_pb2 as pb

from kit.caller import Caller
from tests.service.tasks.market.delivery import Job
from tests.service.tasks.market.github.outside import Outside

REPOSITORY = "https://github.com/octo/site"


async def hand_in(job: Job, caller: Caller | None = None, key: str | None = None, **fields: Any) -> pb.Deliverable:
    request = pb.SubmitGithubDeliverableRequest(task_id=job.task_id, **{"repo_url": REPOSITORY, **fields})
    call = job.market.call(job.market.market.SubmitGithubDeliverable, request, caller or job.worker, key=key)
    answer: pb.Deliverable = (await call).deliverable
    return answer


async def status(job: Job, caller: Caller | None = None) -> pb.Deployment:
    request = pb.GetDeployStatusRequest(task_id=job.task_id)
    answer: pb.Deployment = (
        await job.market.call(job.market.market.GetDeployStatus, request, caller or job.poster)
    ).deployment
    return answer


async def sync(job: Job, caller: Caller | None = None) -> pb.Deployment:
    request = pb.SyncGithubDeliverableRequest(task_id=job.task_id)
    answer: pb.Deployment = (
        await job.market.call(job.market.market.SyncGithubDeliverable, request, caller or job.worker)
    ).deployment
    return answer


def newest(outside: Outside) -> str:
    return next(reversed(outside.deployments))
