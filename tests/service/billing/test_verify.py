"""The check of the books finds whatever is wrong, and the loop shows it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import redis.asyncio
from pymongo import AsyncMongoClient

from kit.clock import ManualClock
from kit.mongo import Document
from tests.service.billing.platform import BillingPlatform


@pytest.fixture
async def books(
    mongo_client: AsyncMongoClient[Document],
    quiet_redis: redis.asyncio.Redis,
    database_prefix: str,
    clock: ManualClock,
) -> AsyncIterator[BillingPlatform]:
    """Books of their own, which a test may spoil."""
    platform = BillingPlatform(mongo_client, quiet_redis, database_prefix, clock)
    await platform.start()
    await platform.deposit(1, 1000)
    await platform.deposit(2, 500)
    hold = await platform.place(1, 100)
    await platform.settle(hold.id, (2, 81, ""), (0, 9, ""))
    await platform.release((await platform.place(1, 5)).id)
    await platform.place(1, 50, "task:kept")
    yield platform
    await platform.stop()


async def test_right_books(books: BillingPlatform) -> None:
    report = await books.verify()
    assert (report.ok, list(report.problems), report.postings_sum) == (True, [], 0)
    assert (report.transfers, report.pending_holds, report.fees_credits) == (7, 1, 9)
    assert 4 <= report.accounts <= 5  # both operators, the fees, and one or two stripes of what was issued
    await books.app.watch.look(whole=True)
    assert _shown(books, "piecework_ledger_invariant_violated", invariant="holds") == 0
    assert _shown(books, "piecework_ledger_invariant_violated", invariant="journal") == 0
    assert _shown(books, "piecework_ledger_held_credits") == 50
    assert _shown(books, "piecework_ledger_fees_credits") == 9


async def test_empty_books(
    mongo_client: AsyncMongoClient[Document],
    quiet_redis: redis.asyncio.Redis,
    database_prefix: str,
    clock: ManualClock,
) -> None:
    platform = BillingPlatform(mongo_client, quiet_redis, database_prefix, clock)
    await platform.start()
    report = await platform.verify()
    assert (report.ok, report.transfers, report.accounts) == (True, 0, 0)
    assert (await platform.app.audit.signs()).broken == []
    await platform.stop()


SPOILT: dict[str, tuple[str, dict[str, Any], dict[str, Any] | None, list[str]]] = {
    "a balance": ("ledger_accounts", {"_id": "operator:1"}, {"$inc": {"available": 1}}, ["balances_sum"]),
    "below zero": (
        "ledger_accounts",
        {"_id": "operator:1"},
        {"$set": {"available": -1}},
        ["balances_sum", "below_zero"],
    ),
    "held below zero": ("ledger_accounts", {"_id": "operator:2"}, {"$inc": {"held": -1}}, ["below_zero", "holds"]),
    "a stripe": ("ledger_accounts", {"_id": {"$regex": "^platform:fees"}}, {"$inc": {"available": -1}}, []),
    "a posting": ("ledger_transfers", {"kind": "settle"}, {"$inc": {"postings.0.amount": 1}}, []),
    "a line": ("ledger_entries", {"_id": "operator:1:1"}, {"$inc": {"available_delta": 1}}, []),
    "a lost line": ("ledger_entries", {"_id": "operator:1:2"}, None, []),
    "a lost transfer": ("ledger_transfers", {"kind": "settle"}, None, []),
    "a hold": ("ledger_holds", {"_id": "task:kept"}, {"$inc": {"amount": 1}}, ["holds"]),
    "an end": ("ledger_holds", {"_id": "task:kept"}, {"$set": {"state": "released"}}, ["holds"]),
}


@pytest.mark.parametrize("what", SPOILT)
async def test_spoilt_books(books: BillingPlatform, what: str) -> None:
    collection, query, change, signs = SPOILT[what]
    await _spoil(books, collection, query, change)
    report = await books.verify()
    assert not report.ok
    assert report.problems
    found = (await books.app.audit.signs()).broken
    assert set(signs) <= set(found)
    await books.app.watch.look(whole=True)
    assert _shown(books, "piecework_ledger_invariant_violated", invariant="journal") == 1
    for sign in signs:
        assert _shown(books, "piecework_ledger_invariant_violated", invariant=sign) == 1


async def _spoil(books: BillingPlatform, collection: str, query: dict[str, Any], change: dict[str, Any] | None) -> None:
    if change is None:
        assert (await books.database[collection].delete_one(query)).deleted_count
    else:
        assert (await books.database[collection].update_one(query, change)).modified_count


def _shown(books: BillingPlatform, metric: str, **labels: str) -> float | None:
    return books.resources.registry.get_sample_value(metric, labels)


async def test_commands_are_counted(books: BillingPlatform) -> None:
    assert _shown(books, "piecework_ledger_commands_total", command="PlaceHold", outcome="done") == 3
    assert _shown(books, "piecework_ledger_batch_size_count") == 7
