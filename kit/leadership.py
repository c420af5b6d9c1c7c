"""One leader among the processes of a service, by a lease in MongoDB.

A lease narrows who works; it cannot exclude that a paused process still believes to lead. What must never happen twice
needs a fence of its own where it is written.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import structlog
from pymongo import ReturnDocument
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import DuplicateKeyError, PyMongoError

from kit.clock import Clock

_COLLECTION = "leases"
_RETRY_SECONDS = 0.2
_RELEASE_SECONDS = 2.0
_log = structlog.get_logger(__name__)


class Leadership:
    """Runs work while this process holds the lease `name`.

    Args:
        database: where the lease is kept, in the collection `leases`.
        name: what is led.
        holder: names this process; no two running processes may share a holder. A process that starts again under its
            old name takes its own lease back at once.
        clock: the time that leases expire by.
        ttl_seconds: how long a lease lasts without a renewal; it is renewed after a third of that.
        poll_seconds: how often others look whether the lease is free; a third of `ttl_seconds` unless told otherwise.
    """

    def __init__(
        self,
        database: AsyncDatabase[dict[str, Any]],
        name: str,
        holder: str,
        clock: Clock,
        ttl_seconds: float = 10.0,
        *,
        poll_seconds: float | None = None,
    ) -> None:
        self._leases = database[_COLLECTION]
        self._name = name
        self._holder = holder
        self._clock = clock
        self._ttl_seconds = ttl_seconds
        self._poll_seconds = ttl_seconds / 3 if poll_seconds is None else poll_seconds
        self._term = 0
        self._valid_until = 0.0

    @property
    def held(self) -> bool:
        """Whether this process may believe that it leads."""
        return self._term > 0 and time.monotonic() < self._valid_until

    async def run(self, work: Callable[[], Awaitable[None]]) -> None:
        """Run `work` whenever the lease is held and cancel it when the lease is lost, until cancelled.

        When `work` returns, the lease is asked for again; what it raises is raised here, after the lease is released.
        """
        try:
            while True:
                if await self._acquire():
                    await self._hold(work)
                else:
                    await asyncio.sleep(self._poll_seconds)
        finally:
            await self._release()

    async def _hold(self, work: Callable[[], Awaitable[None]]) -> None:
        working = asyncio.ensure_future(work())
        renewing = asyncio.create_task(self._renew_until_lost())
        try:
            await asyncio.wait((working, renewing), return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                _log.warning("leadership lost", lease=self._name, holder=self._holder)
        finally:
            working.cancel()
            renewing.cancel()
            await asyncio.gather(working, renewing, return_exceptions=True)
        if not working.cancelled():
            working.result()

    async def _acquire(self) -> bool:
        now, asked_at = self._clock.now(), time.monotonic()
        free = {"$or": [{"holder": self._holder}, {"expires_at": {"$lte": now}}]}
        wanted = {"holder": self._holder, "expires_at": now + timedelta(seconds=self._ttl_seconds)}
        try:
            async with asyncio.timeout(self._ttl_seconds):
                lease = await self._leases.find_one_and_update(
                    {"_id": self._name, **free},
                    {"$set": wanted, "$inc": {"term": 1}},
                    upsert=True,
                    return_document=ReturnDocument.AFTER,
                )
        except DuplicateKeyError:
            return False
        except (PyMongoError, TimeoutError) as error:
            _log.warning("the lease cannot be asked for", lease=self._name, error=repr(error))
            return False
        self._term, self._valid_until = (lease or {}).get("term", 0), asked_at + self._ttl_seconds
        return self._term > 0

    async def _renew_until_lost(self) -> None:
        pause = self._ttl_seconds / 3
        while True:
            await asyncio.sleep(pause)
            asked_at = time.monotonic()
            try:
                async with asyncio.timeout(max(0.0, self._valid_until - asked_at)):
                    expires_at = self._clock.now() + timedelta(seconds=self._ttl_seconds)
                    renewed = await self._leases.update_one(self._mine(), {"$set": {"expires_at": expires_at}})
            except TimeoutError:
                return
            except PyMongoError:
                pause = _RETRY_SECONDS
                continue
            if not renewed.matched_count:
                return
            self._valid_until = asked_at + self._ttl_seconds
            pause = self._ttl_seconds / 3

    async def _release(self) -> None:
        """Let the next leader begin at once; when MongoDB cannot be reached, the lease expires."""
        if not self._term:
            return
        try:
            async with asyncio.timeout(_RELEASE_SECONDS):
                await self._leases.update_one(self._mine(), {"$set": {"expires_at": self._clock.now()}})
        except (PyMongoError, TimeoutError) as error:
            _log.warning("the lease was not released", lease=self._name, error=repr(error))
        self._term = 0

    def _mine(self) -> dict[str, Any]:
        return {"_id": self._name, "holder": self._holder, "term": self._term}
