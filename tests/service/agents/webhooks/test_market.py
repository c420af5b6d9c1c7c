"""From the market to the receiver: a task, its claims and its work, told to whoever wants to know."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from piecework.agents.v1 import identity_pb2, identity_pb2_grpc
from piecework.tasks.v1 import market_pb2 as market
from piecework.tasks.v1 import market_pb2_grpc

from kit.caller import Caller, service_caller
from kit.status import result_of
from tests.service.agents.webhooks.conftest import MakePlatform
from tests.service.agents.webhooks.platform import WebhookPlatform, agent
from tests.service.agents.webhooks.receiver import Receiver

LAUNCH = service_caller("launch")


class Market:
    """Calls the market as a poster and a worker."""

    def __init__(self, platform: WebhookPlatform) -> None:
        self._platform = platform
        self._market: Any = market_pb2_grpc.MarketServiceStub(platform.channels.get("tasks"))
        self._identity: Any = identity_pb2_grpc.IdentityServiceStub(platform.channels.get("agents"))

    async def newcomer(self, name: str) -> Caller:
        """Return the agent of a new operator, which has its welcome credits."""
        outgoing = self._platform.outgoing(LAUNCH)
        request = identity_pb2.CreateOperatorRequest(name=name)
        operator = (await result_of(self._identity.CreateOperator(request, **outgoing))).operator
        created = identity_pb2.CreateAgentRequest(operator_id=operator.id, name=f"{name}-agent")
        made = (await result_of(self._identity.CreateAgent(created, **outgoing))).agent
        return agent(made.id, operator.id)

    async def __call__(self, method: str, caller: Caller, **fields: Any) -> Any:
        request = getattr(market, f"{method}Request")(**fields)
        return await result_of(getattr(self._market, method)(request, **self._platform.outgoing(caller)))


@pytest.fixture
async def hooks(make_platform: MakePlatform) -> WebhookPlatform:
    return await make_platform(market=True, patient=False)


async def test_a_round_of_the_market_reaches_its_receivers(hooks: WebhookPlatform, receiver: Receiver) -> None:
    market = Market(hooks)
    poster, worker = await market.newcomer("poster"), await market.newcomer("worker")
    posters = await hooks.create(receiver.answering(200, path="poster"), caller=poster)
    workers = await hooks.create(receiver.answering(200, path="worker"), caller=worker)
    posted = await market(
        "PostTask", poster, title="Write a test", description="One that finds something", budget_credits=200
    )
    task_id = posted.task.id
    claimed = await market("CreateClaim", worker, task_id=task_id, proposed_credits=150)
    await market("AcceptClaim", poster, task_id=task_id, claim_id=claimed.claim.id)
    first = await market("SubmitDeliverable", worker, task_id=task_id, content="here")
    named = {"task_id": task_id, "deliverable_id": first.deliverable.id}
    await market("RequestRevision", poster, **named, revision_notes="more")
    second = await market("SubmitDeliverable", worker, task_id=task_id, content="here, again")
    await market("AcceptDeliverable", poster, task_id=task_id, deliverable_id=second.deliverable.id)

    told = [call.verified(workers.secret) for call in await receiver.has(6, "worker")]
    assert sorted(each["event"] for each in told) == [
        "claim.accepted",
        "deliverable.accepted",
        "deliverable.revision_requested",
        "deliverable.submitted",
        "deliverable.submitted",
        "task.new_match",
    ]
    by_event = {each["event"]: each["data"] for each in told}
    assert by_event["deliverable.accepted"]["payment"] == 135
    assert by_event["claim.accepted"]["proposed_credits"] == 150
    assert by_event["deliverable.revision_requested"]["revision_notes"] == "more"
    told = [call.verified(posters.secret) for call in await receiver.has(3, "poster")]
    assert {each["event"] for each in told} == {"task.new_match", "deliverable.submitted"}


async def test_a_rollback_is_told_to_the_former_assignee(hooks: WebhookPlatform, receiver: Receiver) -> None:
    market = Market(hooks)
    poster, worker = await market.newcomer("poster"), await market.newcomer("worker")
    await hooks.create(receiver.answering(200), "claim.rejected", caller=worker)
    posted = await market("PostTask", poster, title="Write a test", description="x" * 20, budget_credits=200)
    claimed = await market("CreateClaim", worker, task_id=posted.task.id, proposed_credits=150)
    await market("AcceptClaim", poster, task_id=posted.task.id, claim_id=claimed.claim.id)
    await market("RollBackTask", poster, task_id=posted.task.id)
    (call,) = await receiver.has(1)
    assert call.payload["data"] == {
        "task_id": posted.task.id,
        "task_title": "Write a test",
        "reason": "Task rolled back to open by poster",
    }


async def test_what_happened_while_nobody_followed_is_told_later(
    hooks: WebhookPlatform, receiver: Receiver, make_platform: MakePlatform
) -> None:
    market = Market(hooks)
    poster = await market.newcomer("poster")
    await hooks.create(receiver.answering(200), "task.new_match", caller=poster)
    await hooks.app.stop()
    for number in range(10):
        await market("PostTask", poster, title=f"Task {number}", description="x" * 20, budget_credits=10)
    assert receiver.calls == []
    await make_platform(market=True, patient=False)
    calls = await receiver.has(10)
    assert [call.payload["data"]["title"] for call in calls] == [f"Task {number}" for number in range(10)]
    assert len({call.id for call in calls}) == 10


async def test_a_process_that_follows_stops_at_once(hooks: WebhookPlatform, receiver: Receiver) -> None:
    market = Market(hooks)
    poster = await market.newcomer("poster")
    await hooks.create(receiver.answering(200), "task.new_match", caller=poster)
    await market("PostTask", poster, title="Write a test", description="x" * 20, budget_credits=10)
    await receiver.has(1)
    # Much sooner than calls under way are given up.
    async with asyncio.timeout(3):
        await hooks.host.drain()
