"""A change stream read batch by batch: one request and one reply for whatever happened meanwhile.

The driver's own change stream hands out single documents, resumes silently and costs several times as much; its users
here have their own place to resume from, and must know when the stream broke.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Generic, TypeVar

import msgspec
from bson.codec_options import CodecOptions
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import OperationFailure, PyMongoError

Document = TypeVar("Document", bound=Mapping[str, Any])

_HISTORY_LOST_CODES = frozenset({260, 280, 286})  # InvalidResumeToken, ChangeStreamFatalError, ChangeStreamHistoryLost
_REPLY_MARGIN_SECONDS = 10.0
_GLANCE_SECONDS = 0.001  # the shortest wait that can be asked for
_LOOK_SECONDS = 0.05


class HistoryLost(Exception):
    """The place to resume from is no longer in the oplog."""


class FeedClosed(Exception):
    """The server ended the stream, for example because the database was dropped."""


class Batch(msgspec.Struct, Generic[Document], frozen=True):
    """What one request returned.

    Attributes:
        documents: the changes, in order; empty when nothing happened for a while.
        token: the place after these documents.
    """

    documents: list[Document]
    token: Document


class Feed(Generic[Document]):
    """An open change stream. Made by `open_feed`.

    Attributes:
        session: a causally consistent session: its reads see everything that is older than the stream.
    """

    def __init__(
        self,
        database: AsyncDatabase[dict[str, Any]],
        session: AsyncClientSession,
        codec: CodecOptions[Document],
        await_seconds: float,
        max_batch: int,
    ) -> None:
        self._database = database
        self.session = session
        self._codec = codec
        self._await_seconds = await_seconds
        self._max_batch = max_batch
        self._cursor_id = 0
        self._collection = ""
        self._first: Batch[Document] | None = None
        self._token: Document | None = None
        self._others_write = False

    async def open(self, collection: str | None, pipeline: Sequence[Mapping[str, Any]]) -> None:
        """Open the stream on a collection, or on the whole database.

        Raises:
            HistoryLost: the place to resume from is gone.
        """
        command = {
            "aggregate": 1 if collection is None else collection,
            "pipeline": list(pipeline),
            "cursor": {"batchSize": self._max_batch},
        }
        self._collection = "$cmd.aggregate" if collection is None else collection
        self._first = await self._request(command, "firstBatch")
        self._token = self._first.token

    async def next(self) -> Batch[Document]:
        """Return the next changes: at once when there are any, else none after a while.

        MongoDB wakes who waits for changes at every write to any of its databases, which costs it as much as a small
        write. So once a request has waited in vain while others wrote, this waits here and now and then takes a look.

        Raises:
            HistoryLost: the place to resume from is gone.
            FeedClosed: the server ended the stream.
        """
        first, self._first = self._first, None
        if first is not None and first.documents:
            return first
        if not self._cursor_id:
            raise FeedClosed
        command = {
            "getMore": self._cursor_id,
            "collection": self._collection,
            "batchSize": self._max_batch,
            "maxTimeMS": int((_GLANCE_SECONDS if self._others_write else self._await_seconds) * 1000),
        }
        batch = await self._request(command, "nextBatch")
        self._others_write = not batch.documents and batch.token != self._token
        self._token = batch.token
        if self._others_write:
            await asyncio.sleep(_LOOK_SECONDS)
        return batch

    async def close(self) -> None:
        """Free the cursor of the server; when that fails, it ends with its session."""
        if self._cursor_id:
            command = {"killCursors": self._collection, "cursors": [self._cursor_id]}
            with contextlib.suppress(PyMongoError, TimeoutError):
                async with asyncio.timeout(1.0):
                    await self._database.command(command, session=self.session)

    async def _request(self, command: dict[str, Any], batch_name: str) -> Batch[Document]:
        try:
            # A server that hangs, or a network that swallows packets, must not hold the reader for ever.
            async with asyncio.timeout(self._await_seconds + _REPLY_MARGIN_SECONDS):
                reply = await self._database.command(command, codec_options=self._codec, session=self.session)
        except OperationFailure as error:
            if error.code in _HISTORY_LOST_CODES:
                raise HistoryLost(str(error)) from error
            raise
        cursor = reply["cursor"]
        self._cursor_id = cursor["id"]
        return Batch(cursor[batch_name], cursor["postBatchResumeToken"])


@contextlib.asynccontextmanager
async def open_feed(
    database: AsyncDatabase[dict[str, Any]],
    collection: str | None,
    pipeline: Sequence[Mapping[str, Any]],
    codec: CodecOptions[Document],
    *,
    await_seconds: float = 2.0,
    max_batch: int = 1000,
) -> AsyncIterator[Feed[Document]]:
    """Open a change stream and close it at the end.

    Args:
        database: where.
        collection: the collection to watch; None watches every collection of the database.
        pipeline: begins with `$changeStream`.
        codec: how to decode replies.
        await_seconds: how long the server waits for a change before it answers with none, see `Feed.next`.
        max_batch: the most changes in one reply.

    Raises:
        HistoryLost: the place to resume from is gone.
    """
    async with database.client.start_session() as session:
        feed = Feed(database, session, codec, await_seconds, max_batch)
        try:
            await feed.open(collection, pipeline)
            yield feed
        finally:
            await feed.close()
