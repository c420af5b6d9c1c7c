"""What is known of the work of agents: each fact of the market counts once."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from piecework.tasks.v1 import market_pb2 as market

from kit.caller import Caller
from services.agents.feed.model import MarketEvent
from services.agents.reputation.service import ReputationService
from services.agents.reputation.store import ReputationStore
from tests.service.agents.conftest import MakeAgents
from tests.service.agents.platform import AgentsClient
from tests.service.agents.test_registry import an_agent


class Feed:
    """Tells the service what happened in the market, as often as a test wants."""

    def __init__(self, agents: AgentsClient, agent_id: int) -> None:
        self.learn = ReputationService(ReputationStore(agents.database)).learn
        self._agents = agents
        self._agent_id = agent_id
        self._seq = 0

    def event(self, kind: str, task_id: int, **data: Any) -> MarketEvent:
        self._seq += 1
        return MarketEvent(
            seq=self._seq,
            id=f"market:{task_id}:{self._seq}",
            type=kind,
            subject=f"market:{task_id}",
            version=self._seq,
            actor="operator:1",
            at=self._agents.clock.now() + timedelta(seconds=self._seq),
            data={"task_id": task_id, "agent_id": self._agent_id, **data},
        )

    def rated(self, task_id: int, rating: int, comment: str | None = "fine") -> MarketEvent:
        return self.event("task.rated", task_id, rating=rating, comment=comment, reviewer="poster")


@pytest.fixture
async def agents(make_agents: MakeAgents) -> AgentsClient:
    return await make_agents()


@pytest.fixture
async def agent(agents: AgentsClient) -> Caller:
    return (await an_agent(agents))[1]


@pytest.fixture
def feed(agents: AgentsClient, agent: Caller) -> Feed:
    return Feed(agents, agent.agent_id)


async def test_paid_work_counts_and_other_events_do_not(agents: AgentsClient, agent: Caller, feed: Feed) -> None:
    for event in (
        feed.event("deliverable.accepted", 1, payment=90, platform_fee=10),
        feed.event("dispute.resolved", 2, payment=1, worker_percent=1),
        feed.event("dispute.resolved", 3, payment=0, worker_percent=0),
        feed.event("deliverable.submitted", 4),
        feed.event("claim.accepted", 5),
    ):
        await feed.learn(event)
    profile = (await agents.profile(agent.agent_id)).profile
    assert (profile.tasks_completed, profile.reputation_score) == (2, 50.0)
    assert not profile.HasField("avg_rating")


async def test_events_that_come_again_count_once(agents: AgentsClient, agent: Caller, feed: Feed) -> None:
    accepted, rated = feed.event("deliverable.accepted", 1, payment=9), feed.rated(1, 5)
    for _ in range(3):
        await feed.learn(accepted)
        await feed.learn(rated)
    # A leader that was replaced may still be at work.
    await asyncio.gather(*(feed.learn(event) for event in [accepted, rated, feed.rated(2, 4)] for _ in range(8)))
    profile = (await agents.profile(agent.agent_id)).profile
    assert (profile.tasks_completed, profile.avg_rating, profile.reputation_score) == (1, 4.5, 80.0)


async def test_five_ratings_are_shown_newest_first(agents: AgentsClient, agent: Caller, feed: Feed) -> None:
    for task_id in range(1, 8):
        await feed.learn(feed.rated(task_id, task_id % 5 + 1, f"task {task_id}"))
    await feed.learn(feed.rated(9, 1, None))
    found = await agents.profile(agent.agent_id)
    assert [each.comment for each in found.recent_ratings] == ["", "task 7", "task 6", "task 5", "task 4"]
    assert {each.reviewer for each in found.recent_ratings} == {"poster"}
    assert found.recent_ratings[0].rating == 1
    other = await an_agent(agents, "other")
    assert list((await agents.profile(other[1].agent_id)).recent_ratings) == []


async def test_numbers_are_the_sums_of_the_facts(agents: AgentsClient, agent: Caller, feed: Feed) -> None:
    events = [feed.rated(task_id, task_id % 5 + 1) for task_id in range(1, 12)]
    events += [feed.event("deliverable.accepted", task_id, payment=5) for task_id in range(1, 12)]
    await asyncio.gather(*(feed.learn(event) for event in events))
    ratings = [each["rating"] async for each in agents.database["agent_ratings"].find()]
    assert await agents.database["agent_completions"].count_documents({}) == 11
    profile = (await agents.profile(agent.agent_id)).profile
    assert profile.tasks_completed == len(ratings) == 11
    assert profile.avg_rating == sum(ratings) / len(ratings)


async def test_a_round_in_the_market_makes_a_reputation(make_agents: MakeAgents) -> None:
    agents = await make_agents(tasks=True)
    _, poster = await an_agent(agents, "poster")
    _, worker = await an_agent(agents, "worker")
    task = market.PostTaskRequest(title="Sum up", description="Sum up all of these pages", budget_credits=100)
    task_id = (await agents.call(agents.market.PostTask, task, poster)).task.id
    claim = market.CreateClaimRequest(task_id=task_id, proposed_credits=80)
    claim_id = (await agents.call(agents.market.CreateClaim, claim, worker)).claim.id
    accept = market.AcceptClaimRequest(task_id=task_id, claim_id=claim_id)
    await agents.call(agents.market.AcceptClaim, accept, poster)
    work = market.SubmitDeliverableRequest(task_id=task_id, content="All of it")
    deliverable = (await agents.call(agents.market.SubmitDeliverable, work, worker)).deliverable
    judge = market.AcceptDeliverableRequest(task_id=task_id, deliverable_id=deliverable.id)
    await agents.call(agents.market.AcceptDeliverable, judge, poster)
    await agents.call(agents.market.RateTask, market.RateTaskRequest(task_id=task_id, rating=4, comment="good"), poster)
    async with asyncio.timeout(30):
        # A profile and its ratings are read one after the other.
        while (found := await agents.profile(worker.agent_id)).profile.reputation_score == 50.0:
            assert found.profile.tasks_completed <= 1
    assert (found.profile.tasks_completed, found.profile.reputation_score) == (1, 70.0)
    rating = found.recent_ratings[0]
    assert (rating.rating, rating.comment, rating.reviewer) == (4, "good", "owner-of-poster")
    assert await agents.balance(worker.operator_id) == 600 + 72
