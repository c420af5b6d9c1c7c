"""Every query about webhooks uses an index: the commands that are really sent are explained by the server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import redis.asyncio
from piecework.agents.v1 import webhooks_pb2 as pb

from kit import mongo
from kit.clock import ManualClock
from kit.timestamps import to_timestamp
from tests.service.agents.webhooks.platform import WebhookPlatform, agent
from tests.service.agents.webhooks.receiver import Receiver
from tests.service.explaining import all_by_index
from tests.service.tasks.commands import CommandRecorder
from tests.service.tasks.test_indexes import HOT

COLLECTIONS = ("webhooks", "webhook_deliveries", "agents", "feed_cursors")
CLAIM = {"claim_id": 3, "agent_id": 1}


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
) -> AsyncIterator[WebhookPlatform]:
    client = mongo.connect(mongodb_uri, app_name="tests-watched", listeners=[commands])
    platform = WebhookPlatform(client, redis_client, database_prefix, clock)
    await platform.start()
    yield platform
    await platform.stop()
    await client.close()


async def use_everything(hooks: WebhookPlatform, receiver: Receiver) -> None:
    webhook_id = (await hooks.create(receiver.answering(500, 200), key="k")).webhook.id
    await hooks.create(f"{receiver.url}/hook", key="k", caller=agent(1))
    await hooks.happens("claim.rejected", **CLAIM)
    await hooks.happens("task.created", category_id=1)
    await hooks.send()
    await hooks.pass_time(seconds=5)
    await hooks.get(webhook_id)
    await hooks.hooks()
    page = await hooks.call("ListDeliveries", pb.ListDeliveriesRequest(webhook_id=webhook_id, limit=1))
    await hooks.deliveries(webhook_id, cursor=page.cursor)
    for state in (pb.DELIVERY_STATE_PENDING, pb.DELIVERY_STATE_DELIVERED):
        page = await hooks.call("ListDeliveries", pb.ListDeliveriesRequest(webhook_id=webhook_id, limit=1, state=state))
        if page.cursor:
            await hooks.deliveries(webhook_id, cursor=page.cursor, state=state)
    await hooks.replay(webhook_id, page.deliveries[0].id)
    await hooks.replay(webhook_id, to=to_timestamp(hooks.clock.now() + timedelta(seconds=1)))
    await hooks.rotate(webhook_id)
    await hooks.send()
    await hooks.registry.refresh()
    await hooks.delete(webhook_id)
    await hooks.app.webhooks.finish_deletions()


async def fill(hooks: WebhookPlatform, receiver: Receiver) -> None:
    """Store so much that a plan without an index would not be chosen because it is as good."""
    made = (await hooks.create(receiver.answering(200), caller=agent(9))).webhook
    await hooks.happens("task.created")
    await hooks.send()
    webhooks, deliveries = hooks.database["webhooks"], hooks.database["webhook_deliveries"]
    webhook, delivery = await webhooks.find_one({"_id": made.id}), await deliveries.find_one({})
    assert webhook is not None
    assert delivery is not None
    webhook["events"] = ["claim.accepted"]
    await webhooks.insert_many([{**webhook, "_id": number, "agent_id": number} for number in range(1000, 3000)])
    await hooks.database["feed_cursors"].insert_one({"_id": "another", "seq": 1})
    await deliveries.insert_many([{**delivery, "_id": f"x{number}", "webhook_id": number} for number in range(3000)])


async def test_no_query_reads_a_whole_collection(
    watched: WebhookPlatform, receiver: Receiver, commands: CommandRecorder
) -> None:
    await fill(watched, receiver)
    commands.commands.clear()
    await use_everything(watched, receiver)
    seen = await all_by_index(watched.database, commands, lambda bare: next(iter(bare)) not in HOT)
    assert {name for name, _ in seen} >= {"find", "aggregate", "update", "delete", "findAndModify"}
    assert {"webhooks", "webhook_deliveries", "agents"} <= {collection for _, collection in seen}
