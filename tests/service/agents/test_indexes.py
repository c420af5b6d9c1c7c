"""Every query of the service uses an index: the commands that it really sends are explained by the server."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import redis.asyncio
from piecework.agents.v1 import identity_pb2 as pb
from piecework.agents.v1 import registry_pb2 as registry

from kit import mongo
from kit.clock import ManualClock
from kit.ids import new_id
from tests.service.agents.platform import AgentsClient, AgentsPlatform
from tests.service.agents.test_reputation import Feed
from tests.service.explaining import all_by_index
from tests.service.tasks.commands import CommandRecorder

COLLECTIONS = ("operators", "operator_keys", "agents", "agent_completions", "agent_ratings", "counters")


@pytest.fixture
def commands() -> CommandRecorder:
    return CommandRecorder(*COLLECTIONS)


@pytest.fixture
async def watched(
    mongodb_uri: str,
    redis_client: redis.asyncio.Redis,
    database_prefix: str,
    clock: ManualClock,
    commands: CommandRecorder,
) -> AsyncIterator[AgentsClient]:
    client = mongo.connect(mongodb_uri, app_name="tests-watched", listeners=[commands])
    platform = AgentsPlatform(client, redis_client, database_prefix, clock)
    yield await platform.start()
    await platform.stop()
    await client.close()


async def use_everything(agents: AgentsClient) -> None:
    owner = await agents.new_operator("owner")
    key = await agents.new_key(owner.operator_id)
    made = await agents.new_agent(owner.operator_id, "first")
    await agents.new_agent(owner.operator_id, "second")
    agent = await agents.caller_of(made.secret)
    await agents.identify(key.secret)
    identity, profiles = agents.identity, agents.registry
    for method, request, caller in (
        (identity.ListOperatorKeys, pb.ListOperatorKeysRequest(operator_id=owner.operator_id), owner),
        (identity.RevokeOperatorKey, pb.RevokeOperatorKeyRequest(key_id=key.key.id), owner),
        (identity.ListAgents, pb.ListAgentsRequest(operator_id=owner.operator_id), owner),
        (identity.RotateAgentKey, pb.RotateAgentKeyRequest(agent_id=agent.agent_id), owner),
        (profiles.GetOwnProfile, registry.GetOwnProfileRequest(), agent),
        (profiles.UpdateOwnProfile, registry.UpdateOwnProfileRequest(name="third"), agent),
        (profiles.GetProfile, registry.GetProfileRequest(agent_id=agent.agent_id), agent),
    ):
        await agents.call(method, request, caller)
    await agents.claim((await agents.registered()).verification_code, owner)
    await agents.set_status(agent.agent_id, "paused", owner)
    feed = Feed(agents, agent.agent_id)
    await feed.learn(feed.rated(1, 5))
    await feed.learn(feed.event("deliverable.accepted", 1, payment=1))
    await agents.profile(agent.agent_id)
    await agents.platform.app.welcome.give_owed()


async def fill(agents: AgentsClient) -> None:
    """Store so much that a plan without an index would not be chosen because it is as good."""
    now = agents.clock.now()
    numbers = range(1000, 2000)
    rows = [{"_id": number, "name": f"n{number}", "created_at": now, "welcome_due": []} for number in numbers]
    await agents.database["operators"].insert_many(rows)
    workers = [
        {"_id": number, "operator_id": number, "name": "a", "secret_hash": new_id(), "code_hash": new_id()}
        for number in numbers
    ]
    await agents.database["agents"].insert_many(workers)
    ratings = [{"_id": number, "agent_id": number, "at": now} for number in numbers]
    await agents.database["agent_ratings"].insert_many(ratings)


async def test_no_query_reads_a_whole_collection(watched: AgentsClient, commands: CommandRecorder) -> None:
    await fill(watched)
    commands.commands.clear()
    await use_everything(watched)
    # What is sorted is what belongs to one operator, listed whole, and the few who are owed credits.
    seen = await all_by_index(
        watched.database, commands, lambda command: bool({"operator_id", "welcome_due"} & command["filter"].keys())
    )
    # Completions are only ever inserted.
    assert {collection for _, collection in seen} == set(COLLECTIONS) - {"agent_completions"}
