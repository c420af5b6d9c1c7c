"""Every read of the ledger that callers ask for, and the indexes of its collections."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.asynchronous.database import AsyncDatabase

from kit.mongo import ensure_indexes, translated
from services.billing.ledger import documents
from services.billing.ledger.model import AVAILABLE, HELD, PENDING, Account, Entry, Hold, account_of

_HOLD_INDEXES = (
    IndexModel(
        [("expires_at", ASCENDING)],
        name="expiry",
        partialFilterExpression={"state": PENDING, "expires_at": {"$exists": True}},
    ),
    # What is set aside by operator, read from the index alone.
    IndexModel(
        [("state", ASCENDING), ("operator_id", ASCENDING), ("amount", ASCENDING)],
        name="pending",
        partialFilterExpression={"state": PENDING},
    ),
)
# Empty as long as all is well, and then they cost nothing.
_OPERATORS = {"operator_id": {"$exists": True}}
_ACCOUNT_INDEXES = tuple(
    IndexModel(
        [(balance, ASCENDING)],
        name=f"{balance}_below_zero",
        partialFilterExpression={**_OPERATORS, balance: {"$lt": 0}},
    )
    for balance in (AVAILABLE, HELD)
)
# The shard key is `account`.
_ENTRY_INDEXES = (IndexModel([("account", ASCENDING), ("seq", DESCENDING)], name="history", unique=True),)


class LedgerStore:
    """Reads accounts, holds and histories.

    Args:
        database: the database of the billing service.
    """

    def __init__(self, database: AsyncDatabase[dict[str, Any]]) -> None:
        self._database = database
        self._accounts = database[documents.ACCOUNTS]
        self._holds = database[documents.HOLDS]
        self._entries = database[documents.ENTRIES]

    async def prepare(self) -> None:
        """Create the indexes, and with them the collections."""
        await ensure_indexes(self._holds, _HOLD_INDEXES)
        await ensure_indexes(self._entries, _ENTRY_INDEXES)
        await ensure_indexes(self._accounts, _ACCOUNT_INDEXES)

    @translated()
    async def account(self, operator_id: int) -> Account:
        """Return the account of an operator; one that was never opened has nothing."""
        document = await self._accounts.find_one({"_id": account_of(operator_id)})
        return Account(operator_id) if document is None else documents.to_account(document)

    @translated()
    async def hold(self, hold_id: str) -> Hold | None:
        """Return a hold."""
        document = await self._holds.find_one({"_id": hold_id})
        return None if document is None else documents.to_hold(document)

    @translated()
    async def entries(self, operator_id: int, before: int | None, limit: int) -> list[Entry]:
        """Return lines of a history, newest first.

        Args:
            operator_id: whose.
            before: only lines before this one; from the newest when None.
            limit: how many at the most.
        """
        query: dict[str, Any] = {"account": account_of(operator_id)}
        if before is not None:
            query["seq"] = {"$lt": before}
        found = await self._entries.find(query).sort("seq", DESCENDING).limit(limit).to_list()
        return [documents.to_entry(each) for each in found]

    @translated()
    async def due(self, now: datetime, limit: int) -> list[str]:
        """Return the ids of pending holds whose time is over, the longest ago first."""
        query = {"state": PENDING, "expires_at": {"$lte": now}}
        found = self._holds.find(query, {"_id": 1}).sort("expires_at", ASCENDING).limit(limit)
        return [each["_id"] for each in await found.to_list()]
