"""Writes to the ledger: commands of concurrent callers become one transaction of MongoDB.

The transaction reads what the commands touch, lets `Books` decide, and writes what that changes. Another replica that
changed any of it meanwhile ends the transaction, and the whole batch is decided again. A transfer's id is unique, so a
command whose outcome was lost moves nothing when it is sent again.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from pymongo import InsertOne, ReplaceOne, UpdateOne
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase

from kit.combiner import Combiner
from kit.errors import DomainError
from services.billing.ledger import commands as do
from services.billing.ledger import documents
from services.billing.ledger.books import Books
from services.billing.ledger.model import STRIPES, Account, Hold, account_of
from services.billing.ledger.movement import Changes
from services.billing.transactions import transact

if TYPE_CHECKING:
    from kit.clock import Clock

Outcome = Account | Hold | Exception
Watcher = Callable[[Sequence[do.Command], Sequence[Outcome]], None]

_MAX_BATCH = 256


class Journal:
    """Applies commands, each once.

    Args:
        database: the database of the billing service.
        clock: the time.
    """

    def __init__(self, database: AsyncDatabase[documents.Document], clock: Clock) -> None:
        self._database = database
        self._accounts = database[documents.ACCOUNTS]
        self._holds = database[documents.HOLDS]
        self._transfers = database[documents.TRANSFERS]
        self._entries = database[documents.ENTRIES]
        self._clock = clock
        self._watchers: list[Watcher] = []
        self._retry_watchers: list[Callable[[], None]] = []
        self._commands: Combiner[do.Command, Account | Hold] = Combiner(self._write, max_batch=_MAX_BATCH)

    def on_batch(self, watcher: Watcher) -> None:
        """Tell `watcher` of every batch that is written, with what became of each command."""
        self._watchers.append(watcher)

    def on_retry(self, watcher: Callable[[], None]) -> None:
        """Tell `watcher` whenever a batch has to be decided again."""
        self._retry_watchers.append(watcher)

    async def apply(self, command: do.Command) -> Account | Hold:
        """Do what `command` asks; returns the account or the hold as it is now.

        Raises:
            DomainError: why it is refused; nothing was written.
            DatabaseBusy: other replicas were faster too often; nothing was written.
            Unavailable: the database cannot be reached; the command may or may not be written, and can be sent again.
        """
        return await self._commands.submit(command)

    async def close(self) -> None:
        """Wait for the writes under way."""
        await self._commands.close()

    async def _write(self, batch: Sequence[do.Command]) -> list[Outcome]:
        async def decide(session: AsyncClientSession) -> list[Outcome]:
            books = await self._read(batch, session)
            outcomes = [_outcome(books, command) for command in batch]
            await self._store(books.changes, session)
            return outcomes

        outcomes = await transact(self._database, decide, self._on_retry)
        for watcher in self._watchers:
            watcher(batch, outcomes)
        return outcomes

    def _on_retry(self) -> None:
        for watcher in self._retry_watchers:
            watcher()

    async def _read(self, batch: Sequence[do.Command], session: AsyncClientSession) -> Books:
        transfer_ids = {each.transfer_id for each in batch if not isinstance(each, do.OpenAccount)}
        hold_ids = {each.hold_id for each in batch if not isinstance(each, do.OpenAccount | do.Deposit)}
        transfers = await _found(self._transfers, sorted(transfer_ids), session, {"fingerprint": 1})
        holds = [documents.to_hold(each) for each in await _found(self._holds, sorted(hold_ids), session)]
        operators = {hold.operator_id for hold in holds}.union(*(_operators(each) for each in batch))
        accounts = await _found(self._accounts, documents.account_ids(operators), session)
        return Books(
            [documents.to_account(each) for each in accounts],
            holds,
            {each["_id"]: each["fingerprint"] for each in transfers},
            random.randrange(STRIPES),  # noqa: S311 - spreads writes, keeps no secret
            self._clock.now(),
        )

    async def _store(self, changes: Changes, session: AsyncClientSession) -> None:
        accounts: list[Any] = [
            UpdateOne(
                {"_id": account_of(account.operator_id)}, {"$set": documents.account_document(account)}, upsert=True
            )
            for account in changes.accounts.values()
        ]
        accounts += [
            UpdateOne({"_id": stripe}, {"$inc": {"available": more, "held": 0}}, upsert=True)
            for stripe, more in changes.platform.items()
        ]
        holds = [documents.hold_document(hold) for hold in changes.holds.values()]
        # Accounts first: that is where replicas meet, and the sooner it is known the less is done in vain.
        await _written(self._accounts, accounts, session)
        await _written(self._holds, [ReplaceOne({"_id": each["_id"]}, each, upsert=True) for each in holds], session)
        transfers = [InsertOne(documents.transfer_document(each)) for each in changes.transfers]
        await _written(self._transfers, transfers, session)
        await _written(self._entries, [InsertOne(documents.entry_document(each)) for each in changes.entries], session)


def _outcome(books: Books, command: do.Command) -> Outcome:
    try:
        return books.apply(command)
    except DomainError as refusal:
        return refusal


def _operators(command: do.Command) -> set[int]:
    match command:
        case do.SettleHold():
            return {leg.operator_id for leg in command.legs if leg.operator_id}
        case do.AdjustHold() | do.ReleaseHold():
            return set()
        case _:
            return {command.operator_id}


async def _found(
    collection: AsyncCollection[documents.Document],
    ids: list[str],
    session: AsyncClientSession,
    projection: dict[str, int] | None = None,
) -> list[documents.Document]:
    if not ids:
        return []
    return await collection.find({"_id": {"$in": ids}}, projection, session=session).to_list()


async def _written(
    collection: AsyncCollection[documents.Document], writes: list[Any], session: AsyncClientSession
) -> None:
    if writes:
        await collection.bulk_write(writes, session=session)
