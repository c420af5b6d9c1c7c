"""Hands for what comes after a claim: deliver, judge, dispute, talk, review."""

from __future__ import annotations

from typing import Any, NamedTuple

from piecework.tasks.v1 import market_pb2 as pb

from kit.caller import Caller
from tests.service.tasks.market.platform import ADMINISTRATOR, TESTS, MarketPlatform


class Job(NamedTuple):
    """A task that a worker has."""

    market: MarketPlatform
    poster: Caller
    worker: Caller
    claim: pb.Claim

    @property
    def task_id(self) -> int:
        return self.claim.task_id

    async def task(self) -> pb.MarketTask:
        return await self.market.task(self.task_id)

    async def deliver(
        self, content: str = "Here it is", caller: Caller | None = None, key: str | None = None
    ) -> pb.Deliverable:
        request = pb.SubmitDeliverableRequest(task_id=self.task_id, content=content)
        call = self.market.call(self.market.market.SubmitDeliverable, request, caller or self.worker, key=key)
        answer: pb.Deliverable = (await call).deliverable
        return answer

    async def delivered(self) -> list[pb.Deliverable]:
        request = pb.ListDeliverablesRequest(task_id=self.task_id)
        return list((await self.market.call(self.market.market.ListDeliverables, request, TESTS)).deliverables)

    async def accept(self, deliverable_id: int, caller: Caller | None = None) -> pb.AcceptDeliverableResponse:
        request = pb.AcceptDeliverableRequest(task_id=self.task_id, deliverable_id=deliverable_id)
        call = self.market.call(self.market.market.AcceptDeliverable, request, caller or self.poster)
        answer: pb.AcceptDeliverableResponse = await call
        return answer

    async def revise(
        self, deliverable_id: int, notes: str = "Make it better", caller: Caller | None = None
    ) -> pb.Deliverable:
        request = pb.RequestRevisionRequest(task_id=self.task_id, deliverable_id=deliverable_id, revision_notes=notes)
        call = self.market.call(self.market.market.RequestRevision, request, caller or self.poster)
        answer: pb.Deliverable = (await call).deliverable
        return answer

    async def reject(
        self, deliverable_id: int, reason: str = "Not what I asked for", caller: Caller | None = None
    ) -> pb.MarketTask:
        request = pb.RejectDeliverableRequest(task_id=self.task_id, deliverable_id=deliverable_id, reason=reason)
        call = self.market.call(self.market.market.RejectDeliverable, request, caller or self.poster)
        answer: pb.MarketTask = (await call).task
        return answer

    async def resolve(self, percent: int, caller: Caller = ADMINISTRATOR) -> pb.ResolveDisputeResponse:
        request = pb.ResolveDisputeRequest(task_id=self.task_id, worker_percent=percent, reason="Both are right")
        answer: pb.ResolveDisputeResponse = await self.market.call(self.market.market.ResolveDispute, request, caller)
        return answer

    async def rate(self, rating: int = 5, caller: Caller | None = None, **fields: Any) -> pb.MarketTask:
        request = pb.RateTaskRequest(task_id=self.task_id, rating=rating, **fields)
        call = self.market.call(self.market.market.RateTask, request, caller or self.poster)
        answer: pb.MarketTask = (await call).task
        return answer

    async def say(self, content: str, caller: Caller | None = None, key: str | None = None) -> pb.Comment:
        request = pb.CreateCommentRequest(task_id=self.task_id, content=content)
        call = self.market.call(self.market.market.CreateComment, request, caller or self.poster, key=key)
        answer: pb.Comment = (await call).comment
        return answer

    async def config(self, caller: Caller) -> pb.GetReviewConfigResponse:
        request = pb.GetReviewConfigRequest(task_id=self.task_id)
        answer: pb.GetReviewConfigResponse = await self.market.call(self.market.market.GetReviewConfig, request, caller)
        return answer

    async def review(
        self, caller: Caller | None = None, key: str | None = None, **fields: Any
    ) -> pb.CreateReviewResponse:
        request = pb.CreateReviewRequest(task_id=self.task_id, **{"verdict": pb.VERDICT_PASS, **fields})
        call = self.market.call(self.market.market.CreateReview, request, caller or self.poster, key=key)
        answer: pb.CreateReviewResponse = await call
        return answer

    async def change(self) -> dict[str, Any]:
        """Return what was told last about the task."""
        document = await self.market.database["market_tasks"].find_one({"_id": self.task_id})
        assert document is not None
        change: dict[str, Any] = document["change"]
        assert change["version"] == document["version"] or document["version"] == change["version"] + 1
        return change


async def new_job(
    market: MarketPlatform, poster: Caller, worker: Caller, *, budget: int = 200, price: int = 155, **fields: Any
) -> Job:
    """Return a task that `worker` has for `price`."""
    task = await market.post(poster, budget_credits=budget, **fields)
    claim = await market.claim(worker, task.id, price)
    await market.accept_claim(poster, claim)
    return Job(market, poster, worker, claim)


async def disputed(
    market: MarketPlatform, poster: Caller, worker: Caller, *, budget: int = 200, price: int = 155
) -> Job:
    """Return a task whose only delivery was refused for good."""
    job = await new_job(market, poster, worker, budget=budget, price=price, max_revisions=0)
    await job.reject((await job.deliver()).id)
    return job
