"""Transactions of MongoDB that end one way or the other, whatever gets lost.

Another replica that changed what was read ends a transaction; then it is done again from the start. A commit whose
answer was lost is asked for again until MongoDB tells: no decision is made anew while an earlier one may still land.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import structlog
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import BulkWriteError, DuplicateKeyError, PyMongoError
from pymongo.read_concern import ReadConcern

from kit.errors import Unavailable
from kit.mongo import duplicate_index, is_outage, translated

_Result = TypeVar("_Result")

_PATIENCE_SECONDS = 10.0
_FIRST_PAUSE_SECONDS = 0.002
_LONGEST_PAUSE_SECONDS = 0.1
# Long enough for an election or a restart.
_COMMIT_PATIENCE_SECONDS = 30.0
_COMMIT_PAUSE_SECONDS = 0.1
_log = structlog.get_logger(__name__)


class DatabaseBusy(Unavailable):
    """Other replicas changed the same documents each time; nothing was written."""

    def __init__(self) -> None:
        super().__init__("DATABASE_BUSY", "The accounts are busy, try again", retry_after_seconds=1)


@translated()
async def transact(
    database: AsyncDatabase[dict[str, Any]],
    work: Callable[[AsyncClientSession], Awaitable[_Result]],
    on_retry: Callable[[], None] = lambda: None,
) -> _Result:
    """Do `work` in a transaction, again from the start when another replica was first, and return what it returns.

    Args:
        database: where; the documents that `work` reads are as they were at one moment.
        work: reads and writes with the session that it gets.
        on_retry: is told when it has to be done again.

    Raises:
        DatabaseBusy: other replicas were first too often; nothing was written.
        Unavailable: the database cannot be reached; the transaction may or may not have taken place.
    """
    give_up_at = time.monotonic() + _PATIENCE_SECONDS
    pause = _FIRST_PAUSE_SECONDS
    while True:
        try:
            async with database.client.start_session() as session:
                # Leaving the session before the commit aborts the transaction.
                await session.start_transaction(read_concern=ReadConcern("snapshot"))
                result = await work(session)
                await _commit(session)
                return result
        except PyMongoError as error:
            if not _is_lost_race(error):
                raise
            if time.monotonic() > give_up_at:
                if is_outage(error):
                    raise
                raise DatabaseBusy from error
        on_retry()
        await asyncio.sleep(random.uniform(0, pause))  # noqa: S311 - spreads replicas, keeps no secret
        pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)


async def _commit(session: AsyncClientSession) -> None:
    give_up_at = time.monotonic() + _COMMIT_PATIENCE_SECONDS
    while True:
        try:
            await session.commit_transaction()
        except PyMongoError as error:
            if not error.has_error_label("UnknownTransactionCommitResult") or time.monotonic() > give_up_at:
                raise
            _log.warning("the answer to a commit was lost and is asked for again", problem=repr(error))
            await asyncio.sleep(_COMMIT_PAUSE_SECONDS)
        else:
            return


def _is_lost_race(error: PyMongoError) -> bool:
    if error.has_error_label("TransientTransactionError") or isinstance(error, DuplicateKeyError):
        return True
    if not isinstance(error, BulkWriteError):
        return False
    return any(duplicate_index(each) is not None for each in error.details.get("writeErrors", ()))
