"""Every query of the service uses an index: the commands that it really sends are explained by the server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import redis.asyncio

from kit import mongo
from kit.clock import ManualClock
from tests.service.billing.platform import MARKET_SERVICE, BillingPlatform
from tests.service.explaining import all_by_index
from tests.service.tasks.commands import CommandRecorder

COLLECTIONS = (
    *("ledger_accounts", "ledger_holds", "ledger_transfers", "ledger_entries"),
    *("plan_assignments", "plan_tallies", "plan_consumptions"),
)


@pytest.fixture
def commands() -> CommandRecorder:
    return CommandRecorder(*COLLECTIONS)


@pytest.fixture
async def watched(
    mongodb_uri: str,
    quiet_redis: redis.asyncio.Redis,
    database_prefix: str,
    clock: ManualClock,
    commands: CommandRecorder,
) -> AsyncIterator[BillingPlatform]:
    """A platform of its own whose commands are recorded."""
    client = mongo.connect(mongodb_uri, app_name="tests-watched", listeners=[commands])
    platform = BillingPlatform(client, quiet_redis, database_prefix, clock)
    await platform.start()
    yield platform
    await platform.stop()
    await client.close()


async def use_everything(platform: BillingPlatform) -> None:
    for poster in range(1, 30):
        await platform.deposit(poster, 1000)
    await asyncio.gather(*(platform.place(poster, 10) for poster in range(1, 30) for _ in range(20)))
    hold = await platform.place(1, 100, expires_at=platform.later(minutes=1))
    await platform.adjust(hold.id, 90)
    await platform.settle(hold.id, (2, 80, ""), (0, 8, ""))
    due = await platform.place(1, 100, expires_at=platform.later(minutes=1))
    platform.pass_time(minutes=2)
    await platform.app.expiry.tick()
    await platform.release(due.id)
    await platform.hold(due.id)
    await platform.account(1)
    for request in ({}, {"limit": 5}):
        await platform.entries(1, **request)
    await platform.app.ledger.entries(MARKET_SERVICE, 1, 5, 5)
    await platform.app.watch.look(whole=True)
    await platform.set_plan(1, "pro")
    await platform.consume(1, "run:1")
    await platform.give_back("run:1")
    await platform.used(1)


async def test_no_query_reads_a_whole_collection(watched: BillingPlatform, commands: CommandRecorder) -> None:
    await use_everything(watched)
    seen = await all_by_index(watched.database, commands, lambda bare: "$group" in str(bare))
    assert {name for name, _ in seen} >= {"find", "aggregate", "update"}
    assert {collection for _, collection in seen} == set(COLLECTIONS)
