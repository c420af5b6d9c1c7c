"""Durable records of calls that may be repeated: the same key gets the same answer, and one effect.

A record is `{_id: "<holder>:<method>:<key>", hash, state: running | done, owner, started_at, expires_at, response?}`.
It is written before the call runs and completed with the answer. When a crash leaves it running, the next attempt
takes it over after a while; that is safe because what the call creates carries the key in a unique index.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from bson.codec_options import CodecOptions
from pymongo import ASCENDING, DeleteOne, IndexModel, UpdateOne
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import BulkWriteError

from kit.clock import Clock
from kit.combiner import Combiner
from kit.errors import Conflict, InvalidInput
from kit.ids import new_id
from kit.mongo import ensure_indexes, translated

# As long as a call usually may take: who repeats a call that died with its process waits no longer than this.
LEASE = timedelta(seconds=10)
LIFETIME = timedelta(hours=24)
_RUNNING, _DONE = "running", "done"
_DUPLICATE_KEY = 11000
_AWARE: CodecOptions[dict[str, Any]] = CodecOptions(tz_aware=True, tzinfo=UTC)
_ATTEMPTS = 5
# Who sends a request twice at once gets one answer twice, unless the first takes longer than a client likes to wait.
PATIENCE_SECONDS = 5.0
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.01, 0.2


class Attempt(msgspec.Struct, frozen=True):
    """One execution of a call.

    Attributes:
        record_id: `<holder>:<method>:<key>`.
        digest: what the call asks for; the same key with another digest is refused.
        owner: names this execution.
    """

    record_id: str
    digest: bytes
    owner: str


def new_attempt(holder: str, method: str, key: str, digest: bytes) -> Attempt:
    """Return an attempt to call `method` under a key of `holder`."""
    return Attempt(f"{holder}:{method}:{key}", digest, new_id())


class IdempotencyStore:
    """Keeps the records of one service, in the collection `idempotency`.

    Args:
        database: the database of the service.
        clock: the time that records are dated by.
        lifetime: how long an answer is kept.
        lease: how long a running call keeps others of the same key out.
        patience_seconds: how long a call waits for the answer of another one of the same key.
    """

    def __init__(
        self,
        database: AsyncDatabase[dict[str, Any]],
        clock: Clock,
        lifetime: timedelta = LIFETIME,
        *,
        lease: timedelta = LEASE,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self._records: AsyncCollection[dict[str, Any]] = database.get_collection("idempotency", codec_options=_AWARE)
        self._clock = clock
        self._lifetime = lifetime
        self._lease = lease
        self._patience_seconds = patience_seconds
        self._inserts: Combiner[dict[str, Any], bool] = Combiner(self._insert)
        self._endings: Combiner[UpdateOne | DeleteOne, None] = Combiner(self._end)

    async def prepare(self) -> None:
        """Create the index that removes old records."""
        await ensure_indexes(
            self._records, [IndexModel([("expires_at", ASCENDING)], name="expires_at", expireAfterSeconds=0)]
        )

    async def begin(self, attempt: Attempt) -> bytes | None:
        """Record that the call runs and return None, or return the answer of an earlier call, once there is one.

        Raises:
            InvalidInput: `IDEMPOTENCY_KEY_REUSED`: the key was used for something else.
            Conflict: `IDEMPOTENCY_IN_PROGRESS`: a call with this key is still running.
            Unavailable: MongoDB cannot be reached.
        """
        deadline, pause = time.monotonic() + self._patience_seconds, _FIRST_PAUSE_SECONDS
        while True:
            try:
                return await self._begin(attempt)
            except Conflict:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise
            await asyncio.sleep(min(pause, left))
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)

    async def _begin(self, attempt: Attempt) -> bytes | None:
        for _ in range(_ATTEMPTS):
            now = self._clock.now()
            async with translated():
                if await self._inserts.submit({"_id": attempt.record_id, **self._running(attempt, now)}):
                    return None
                record = await self._records.find_one({"_id": attempt.record_id})
                if record is None:
                    continue
                if record["expires_at"] > now and (answer := self._answer(record, attempt, now)) is not None:
                    return answer
                if await self._take_over(record, attempt, now):
                    return None
        raise _in_progress()

    async def finish(self, attempt: Attempt, response: bytes) -> None:
        """Keep the answer. Does nothing when another attempt has taken over.

        Raises:
            Unavailable: MongoDB cannot be reached.
        """
        async with translated():
            await self._endings.submit(
                UpdateOne(_mine(attempt), {"$set": {"state": _DONE, "response": response}, "$unset": {"owner": ""}})
            )

    async def discard(self, attempt: Attempt) -> None:
        """Forget a call that failed, so that it may be tried again at once.

        Raises:
            Unavailable: MongoDB cannot be reached.
        """
        async with translated():
            await self._endings.submit(DeleteOne(_mine(attempt)))

    def _running(self, attempt: Attempt, now: datetime) -> dict[str, Any]:
        return {
            "hash": attempt.digest,
            "state": _RUNNING,
            "owner": attempt.owner,
            "started_at": now,
            "expires_at": now + self._lifetime,
        }

    def _answer(self, record: dict[str, Any], attempt: Attempt, now: datetime) -> bytes | None:
        """Return the answer of a record that is still valid; None when its call died."""
        if record["hash"] != attempt.digest:
            raise InvalidInput("IDEMPOTENCY_KEY_REUSED", "This idempotency key was used for another request")
        if record["state"] == _DONE:
            return bytes(record["response"])
        if record["started_at"] > now - self._lease:
            raise _in_progress()
        return None

    async def _take_over(self, record: dict[str, Any], attempt: Attempt, now: datetime) -> bool:
        same = {"_id": record["_id"], "state": record["state"], "started_at": record["started_at"]}
        if "owner" in record:
            same["owner"] = record["owner"]
        change = {"$set": self._running(attempt, now), "$unset": {"response": ""}}
        return (await self._records.update_one(same, change)).matched_count == 1

    async def _insert(self, records: Sequence[dict[str, Any]]) -> list[bool | Exception]:
        outcomes: list[bool | Exception] = [True] * len(records)
        try:
            await self._records.insert_many(records, ordered=False)
        except BulkWriteError as error:
            failures = error.details.get("writeErrors", [])
            if not failures or any(failure["code"] != _DUPLICATE_KEY for failure in failures):
                raise
            for failure in failures:
                outcomes[failure["index"]] = False
        return outcomes

    async def _end(self, endings: Sequence[UpdateOne | DeleteOne]) -> list[Exception | None]:
        await self._records.bulk_write(list(endings), ordered=False)
        return [None] * len(endings)


def _mine(attempt: Attempt) -> dict[str, Any]:
    return {"_id": attempt.record_id, "owner": attempt.owner, "state": _RUNNING}


def _in_progress() -> Conflict:
    return Conflict(
        "IDEMPOTENCY_IN_PROGRESS", "A request with this idempotency key is still running", retry_after_seconds=1.0
    )
