"""Every query of runs uses an index: the commands that are really sent are explained by the server."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import redis.asyncio

from kit import mongo
from kit.clock import ManualClock
from tests.service.explaining import all_by_index
from tests.service.orchestrator.platform import RunsPlatform
from tests.service.tasks.commands import CommandRecorder


@pytest.fixture
def told() -> CommandRecorder:
    """What runs ask of the database."""
    return CommandRecorder("runs")


@pytest.fixture
async def observed(
    mongodb_uri: str, quiet_redis: redis.asyncio.Redis, database_prefix: str, clock: ManualClock, told: CommandRecorder
) -> AsyncIterator[RunsPlatform]:
    """A platform of its own whose commands are recorded."""
    client = mongo.connect(mongodb_uri, app_name="tests-observed", listeners=[told])
    platform = RunsPlatform(client, quiet_redis, database_prefix, clock)
    await platform.start()
    yield platform
    await platform.stop()
    await client.close()


async def test_no_query_reads_a_whole_collection(observed: RunsPlatform, told: CommandRecorder) -> None:
    customer = await observed.customer()
    run = await observed.run(customer)
    database = observed.resources.database("orchestrator")
    stored = await database["runs"].find_one({"_id": run.id})
    assert stored is not None
    await database["runs"].insert_many([stored | {"_id": f"task_{number}"} for number in range(500)])
    told.commands.clear()

    runs = observed.runs_app.runs
    await observed.run(customer, quick=True, key="k")
    waiting = await observed.start_run(customer, "[[mock hang]]")
    for active in (True, False):
        await runs.store.page(customer.operator_id, active=active, after=None, limit=5)
    await runs.store.demand()
    await runs.store.interrupted()
    await runs.store.in_hands(runs.holder)
    await runs.metrics.sample()
    await observed.care(seconds=20)
    await observed.cancel_run(customer, waiting.id)

    seen = await all_by_index(database, told)
    assert {name for name, _ in seen} >= {"find", "update", "aggregate"}
