"""Money is neither lost nor doubled when answers get lost or the database dies."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import redis.asyncio
from piecework.billing.v1 import ledger_pb2 as pb
from pymongo import AsyncMongoClient
from pymongo.uri_parser import parse_uri

from kit import mongo
from kit.clock import ManualClock
from kit.engines import EngineError, MongodEngine, Supervisor
from kit.errors import Unavailable
from kit.mongo import Document
from tests.service.billing.cutter import Cutter
from tests.service.billing.platform import BillingPlatform
from tests.service.hosting import refused

ROUNDS = 150
CREDIT = 100
_Answer = TypeVar("_Answer")


def give_up(error: EngineError) -> None:
    raise error


@asynccontextmanager
async def supervised(directory: Path) -> AsyncIterator[MongodEngine]:
    """A MongoDB that comes back when it is killed."""
    engine = MongodEngine(directory)
    await engine.start()
    supervisor = Supervisor(engine, give_up, max_restarts=20)
    supervisor.start()
    try:
        yield engine
    finally:
        await supervisor.stop()
        await engine.kill()


async def insist(call: Callable[[], Awaitable[_Answer]]) -> _Answer:
    """Call until there is an answer."""
    while True:
        try:
            return await call()
        except Unavailable as error:
            await asyncio.sleep(error.retry_after_seconds or 0)


async def one_round(platform: BillingPlatform, number: int) -> None:
    """Hold, adjust, then pay or give back; each call again until it is answered."""
    hold_id = f"task:{number}"
    await insist(lambda: platform.place(1 + number % 3, 20, hold_id))
    await insist(lambda: platform.adjust(hold_id, 10, f"{hold_id}:2"))
    if number % 3:
        await insist(lambda: platform.settle(hold_id, (7, 9, "Work"), (0, 1, "Fee")))
    else:
        await insist(lambda: platform.release(hold_id))


async def test_mongod_killed_while_money_moves(
    engine_directory: Path, quiet_redis: redis.asyncio.Redis, clock: ManualClock
) -> None:
    async with supervised(engine_directory) as engine:
        client = mongo.connect(engine.uri, app_name="tests-money")
        platform = BillingPlatform(client, quiet_redis, "money", clock)
        await platform.start()
        for poster in (1, 2, 3):
            await platform.deposit(poster, CREDIT * 100, f"d{poster}")
        waiting = iter(range(ROUNDS))
        done = 0
        progress = asyncio.Condition()

        async def worker() -> None:
            nonlocal done
            for number in waiting:
                await one_round(platform, number)
                async with progress:
                    done += 1
                    progress.notify_all()

        workers = asyncio.gather(*(worker() for _ in range(10)))
        for share in (0.1, 0.4, 0.7):
            async with progress:
                await progress.wait_for(lambda share=share: done >= ROUNDS * share)  # type: ignore[misc]
            await engine.kill()
        await workers
        await _check(platform)
        await platform.stop()
        await client.close()


async def _check(platform: BillingPlatform) -> None:
    report = await insist(platform.verify)
    assert list(report.problems) == []
    assert report.pending_holds == 0
    paid = sum(1 for number in range(ROUNDS) if number % 3)
    assert await platform.balances(7) == (9 * paid, 0)
    assert report.fees_credits == paid
    balances = [await platform.balances(poster) for poster in (1, 2, 3)]
    assert sum(available for available, _ in balances) == 3 * CREDIT * 100 - 10 * paid
    # Three deposits, and of each round what was asked for, once.
    assert report.transfers == 3 + 3 * ROUNDS


@asynccontextmanager
async def behind(
    cutter: Cutter, uri: str, quiet_redis: redis.asyncio.Redis, prefix: str, clock: ManualClock
) -> AsyncIterator[BillingPlatform]:
    """A replica whose connections go through `cutter`."""
    host, port = parse_uri(uri)["nodelist"][0]
    through = uri.replace(f"{host}:{port}", f"127.0.0.1:{cutter.port}").replace(
        "replicaSet=rs0", "directConnection=true"
    )
    client: AsyncMongoClient[Document] = AsyncMongoClient(through, tz_aware=True, w="majority", journal=True)
    platform = BillingPlatform(client, quiet_redis, prefix, clock)
    await platform.start()
    yield platform
    await platform.stop()
    await client.close()


async def test_the_answer_to_a_commit_is_lost(
    mongodb_uri: str, quiet_redis: redis.asyncio.Redis, database_prefix: str, clock: ManualClock
) -> None:
    host, port = parse_uri(mongodb_uri)["nodelist"][0]
    async with (
        Cutter(host, port or 27017).open() as cutter,
        behind(cutter, mongodb_uri, quiet_redis, database_prefix, clock) as platform,
    ):
        await platform.deposit(1, 100)
        # The driver asks once more by itself; the third answer is the first that arrives.
        cutter.to_cut = 2
        calls = [platform.place(1, 30, f"task:{number}") for number in range(5)]
        answers = await asyncio.gather(*calls, return_exceptions=True)
        assert cutter.cuts == 2
        placed = [answer for answer in answers if isinstance(answer, pb.Hold)]
        assert len(placed) == 3
        assert await platform.balances(1) == (10, 90)
        for hold in placed:
            assert await platform.place(1, 30, hold.id) == hold
        with refused("INSUFFICIENT_CREDITS"):
            await platform.place(1, 30)
        assert list((await platform.verify()).problems) == []
