"""Checks of the books: from the journal alone, and quick ones. Everything is read as it was at one moment.

The journal is streamed: MongoDB sums it up, on disk where it must, and what is compared comes in the order of the
accounts, so that memory does not grow with them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar

from pymongo import ASCENDING
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import OperationFailure

from kit.errors import Unavailable
from kit.mongo import translated
from services.billing.ledger import documents
from services.billing.ledger.model import EXPIRED, FEES, PENDING, RELEASED, SETTLED
from services.billing.ledger.report import MAX_PROBLEMS, Report, Signs

_Found = TypeVar("_Found")
_Row = dict[str, Any]
# The moment lies before the youngest index, or further back than MongoDB remembers.
_NO_SNAPSHOT = frozenset({239, 246})
_SNAPSHOT_ATTEMPTS = 10
_SNAPSHOT_PAUSE_SECONDS = 0.1
_TRANSFER_OF = {SETTLED: "settle", RELEASED: "release", EXPIRED: "expire"}
_BALANCES = ("available", "held")


class Audit:
    """Checks the books.

    Args:
        database: the database of the billing service.
    """

    def __init__(self, database: AsyncDatabase[documents.Document]) -> None:
        self._database = database

    async def verify(self) -> Report:
        """Compute every balance again from the journal and compare.

        Raises:
            Unavailable: the database cannot be reached, or the journal is too long to be read in five minutes.
        """
        return await self._at_one_moment(self._verify)

    async def signs(self) -> Signs:
        """Check what can be told without the journal."""
        return await self._at_one_moment(self._signs)

    @translated()
    async def _at_one_moment(self, look: Callable[[AsyncClientSession], Awaitable[_Found]]) -> _Found:
        for attempt in range(1, _SNAPSHOT_ATTEMPTS + 1):
            async with self._database.client.start_session(snapshot=True) as session:
                try:
                    return await look(session)
                except OperationFailure as error:
                    if error.code not in _NO_SNAPSHOT:
                        raise
                    if attempt == _SNAPSHOT_ATTEMPTS:
                        message = "The books cannot be read as they were at one moment"
                        raise Unavailable("SNAPSHOT_UNAVAILABLE", message, retry_after_seconds=60) from error
            await asyncio.sleep(_SNAPSHOT_PAUSE_SECONDS)
        raise AssertionError("the last attempt returns or raises")

    async def _signs(self, session: AsyncClientSession) -> Signs:
        operators = {"$cond": [{"$gt": ["$operator_id", 0]}, "$held", 0]}
        group: _Row = {"_id": None, "all": {"$sum": {"$add": ["$available", "$held"]}}, "held": {"$sum": operators}}
        sums = await self._only(session, documents.ACCOUNTS, [{"$group": group}], "_id_")
        match = {"$match": {"state": PENDING}}
        group = {"_id": None, "amount": {"$sum": "$amount"}, "count": {"$sum": 1}}
        pending = await self._only(session, documents.HOLDS, [match, {"$group": group}], "pending")
        below = 0
        for balance in _BALANCES:
            query = {"operator_id": {"$exists": True}, balance: {"$lt": 0}}
            pipeline: list[_Row] = [{"$match": query}, {"$count": "count"}]
            found = await self._only(session, documents.ACCOUNTS, pipeline, f"{balance}_below_zero")
            below += found.get("count", 0)
        return Signs(
            balances_sum=sums.get("all", 0),
            below_zero=below,
            held=sums.get("held", 0),
            pending=pending.get("amount", 0),
            pending_holds=pending.get("count", 0),
            fees=await self._fees(session),
        )

    async def _verify(self, session: AsyncClientSession) -> Report:
        report = Report(fees=await self._fees(session))
        kinds = await self._check_transfers(session, report)
        await self._check_holds(session, report, kinds)
        async for account, rows in _aligned(await self._streams(session)):
            kept, journal, history, holds = rows
            if kept is not None:
                report.accounts += 1
            _check_account(report, account, kept or {}, journal or {}, history or {}, holds or {})
        return report

    async def _check_transfers(self, session: AsyncClientSession, report: Report) -> dict[str, int]:
        total: _Row = {"$project": {"kind": 1, "sum": {"$sum": "$postings.amount"}}}
        group = {"_id": "$kind", "count": {"$sum": 1}, "sum": {"$sum": "$sum"}}
        kinds: dict[str, int] = {}
        async for row in await self._rows(session, documents.TRANSFERS, [total, {"$group": group}], "_id_"):
            kinds[row["_id"]] = row["count"]
            report.transfers += row["count"]
            report.postings_sum += row["sum"]
        unbalanced: list[_Row] = [total, {"$match": {"sum": {"$ne": 0}}}, {"$limit": MAX_PROBLEMS}]
        async for row in await self._rows(session, documents.TRANSFERS, unbalanced, "_id_"):
            report.expect(f"the sum of the postings of {row['_id']}", row["sum"], 0)
        return kinds

    async def _check_holds(self, session: AsyncClientSession, report: Report, kinds: dict[str, int]) -> None:
        states: dict[str, int] = {}
        group = {"_id": "$state", "count": {"$sum": 1}}
        async for row in await self._rows(session, documents.HOLDS, [{"$group": group}], "_id_"):
            states[row["_id"]] = row["count"]
        report.pending_holds = states.get(PENDING, 0)
        report.expect("the number of holds", sum(states.values()), kinds.get("place", 0))
        for state, kind in _TRANSFER_OF.items():
            report.expect(f"the number of holds that are {state}", states.get(state, 0), kinds.get(kind, 0))

    async def _streams(self, session: AsyncClientSession) -> list[AsyncIterator[_Row]]:
        accounts = self._database[documents.ACCOUNTS].find({}, session=session, hint="_id_").sort("_id", ASCENDING)
        by_balance = {
            balance: {"$sum": {"$cond": [{"$eq": ["$postings.balance", balance]}, "$postings.amount", 0]}}
            for balance in _BALANCES
        }
        postings: list[_Row] = [{"$unwind": "$postings"}, {"$group": {"_id": "$postings.account", **by_balance}}]
        outside = {"$cond": [{"$in": ["$type", ["deposit", "bonus"]]}, "$amount", 0]}
        lines: _Row = {
            "_id": "$account",
            "available": {"$sum": "$available_delta"},
            "held": {"$sum": "$held_delta"},
            "deposited": {"$sum": outside},
            "lines": {"$sum": 1},
            "seq": {"$max": "$seq"},
        }
        owner = {"$concat": ["operator:", {"$toString": "$operator_id"}]}
        holds: list[_Row] = [{"$match": {"state": PENDING}}, {"$group": {"_id": owner, "held": {"$sum": "$amount"}}}]
        by_account: _Row = {"$sort": {"_id": ASCENDING}}
        return [
            aiter(accounts),
            aiter(await self._rows(session, documents.TRANSFERS, [*postings, by_account], "_id_")),
            aiter(await self._rows(session, documents.ENTRIES, [{"$group": lines}, by_account], "history")),
            aiter(await self._rows(session, documents.HOLDS, [*holds, by_account], "pending")),
        ]

    async def _fees(self, session: AsyncClientSession) -> int:
        match = {"$match": {"_id": {"$gte": f"{FEES}:", "$lt": f"{FEES};"}}}
        group = {"$group": {"_id": None, "fees": {"$sum": "$available"}}}
        return int((await self._only(session, documents.ACCOUNTS, [match, group], "_id_")).get("fees", 0))

    async def _only(self, session: AsyncClientSession, collection: str, pipeline: list[_Row], hint: str) -> _Row:
        rows = await (await self._rows(session, collection, pipeline, hint)).to_list()
        return rows[0] if rows else {}

    async def _rows(self, session: AsyncClientSession, collection: str, pipeline: list[_Row], hint: str) -> Any:
        return await self._database[collection].aggregate(pipeline, session=session, allowDiskUse=True, hint=hint)


async def _aligned(streams: list[AsyncIterator[_Row]]) -> AsyncIterator[tuple[str, list[_Row | None]]]:
    """Yield the rows of each `_id`, None for the streams that have none; every stream is sorted by `_id`."""
    heads = [await anext(stream, None) for stream in streams]
    while any(head is not None for head in heads):
        first = min(head["_id"] for head in heads if head is not None)
        rows = [head if head is not None and head["_id"] == first else None for head in heads]
        yield first, rows
        for index, row in enumerate(rows):
            if row is not None:
                heads[index] = await anext(streams[index], None)


def _check_account(report: Report, account: str, kept: _Row, journal: _Row, history: _Row, holds: _Row) -> None:
    for balance in _BALANCES:
        report.expect(f"{balance} of {account}", kept.get(balance, 0), journal.get(balance, 0))
    if account.startswith("platform:"):
        return
    for balance in _BALANCES:
        report.expect(f"{balance} of {account}", kept.get(balance, 0), history.get(balance, 0))
        if kept.get(balance, 0) < 0:
            report.complain(f"{balance} of {account} is below zero")
    report.expect(f"held of {account}", kept.get("held", 0), holds.get("held", 0))
    report.expect(f"deposited of {account}", kept.get("deposited", 0), history.get("deposited", 0))
    report.expect(f"the number of lines of {account}", history.get("lines", 0), kept.get("seq", 0))
    report.expect(f"the last line of {account}", history.get("seq", 0), kept.get("seq", 0))
