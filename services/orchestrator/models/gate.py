"""How many calls of a model are under way, and how many begin in a minute: shared by all replicas through Redis.

Losing Redis loosens both limits to what each process counts by itself; it never refuses a call.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import limits
import structlog
from limits.aio.storage import MemoryStorage, RedisStorage
from redis.exceptions import RedisError

from kit.background import end
from kit.ids import new_id
from services.orchestrator.models.errors import ModelUnavailable
from services.orchestrator.models.model import ModelSpec

if TYPE_CHECKING:
    from redis.asyncio import Redis

_log = structlog.get_logger(__name__)
_random = random.SystemRandom()
_Found = TypeVar("_Found")
_MINUTE = 60
_LEASE_SECONDS = 15.0
_AWAY_SECONDS = 5.0
_FIRST_LOOK_SECONDS, _LONGEST_LOOK_SECONDS = 0.02, 0.5
_LOST = (RedisError, OSError, TimeoutError)

# The time is that of Redis: the clocks of replicas differ.
_NOW = "local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000) "
_TAKE = (
    _NOW
    + """
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[1]) then return 0 end
redis.call('ZADD', KEYS[1], now + tonumber(ARGV[2]), ARGV[3])
redis.call('PEXPIRE', KEYS[1], tonumber(ARGV[2]) * 2)
return 1
"""
)
_RENEW = (
    _NOW
    + """
redis.call('ZADD', KEYS[1], 'XX', now + tonumber(ARGV[1]), ARGV[2])
redis.call('PEXPIRE', KEYS[1], tonumber(ARGV[1]) * 2)
return 1
"""
)


class ModelGate:
    """Lets calls through as the limits of their model allow.

    Args:
        redis: the client of what replicas share; None counts in this process alone.
        patience_seconds: how long a call waits for its turn.
        lease_seconds: after so long the place of a process that was killed is free again; others renew theirs.
        now: the time in seconds since the epoch.
    """

    def __init__(
        self,
        redis: Redis | None,
        patience_seconds: float = 30.0,
        lease_seconds: float = _LEASE_SECONDS,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._redis = redis
        self._patience_seconds = patience_seconds
        self._lease_ms = round(lease_seconds * 1000)
        self._now = now
        self._local_rates = MemoryStorage()
        self._shared_rates: RedisStorage | None = None
        if redis is not None:
            pool: Any = redis.connection_pool
            self._shared_rates = RedisStorage(
                "async+redis://", implementation="redispy", key_prefix="piecework", connection_pool=pool
            )
        self._places: dict[tuple[str, int], asyncio.Semaphore] = {}
        self._away_until = float("-inf")

    @asynccontextmanager
    async def slot(self, spec: ModelSpec) -> AsyncIterator[None]:
        """Wait for a place and keep it.

        Raises:
            ModelUnavailable: none became free soon enough.
        """
        async with AsyncExitStack() as stack:
            waiting = asyncio.timeout(self._patience_seconds)
            try:
                async with waiting:
                    if spec.concurrency:
                        await stack.enter_async_context(self._place(spec))
                    if spec.requests_per_minute:
                        await self._turn(spec)
            except TimeoutError:
                if not waiting.expired():
                    raise
                raise ModelUnavailable(spec.id, "busy", _LONGEST_LOOK_SECONDS) from None
            yield

    @asynccontextmanager
    async def _place(self, spec: ModelSpec) -> AsyncIterator[None]:
        # Those of this process wait in a queue, so that only a few ask Redis.
        here = self._places.setdefault((spec.id, spec.concurrency), asyncio.Semaphore(spec.concurrency))
        async with here:
            key, holder = f"piecework:model:{spec.id}:places", new_id()
            pause = _FIRST_LOOK_SECONDS
            try:
                while not await self._ask(
                    lambda redis: self._take(redis, key, spec.concurrency, holder), otherwise=True
                ):
                    await asyncio.sleep(pause * _random.uniform(0.5, 1.0))
                    pause = min(pause * 2, _LONGEST_LOOK_SECONDS)
                renewing = asyncio.create_task(self._renew(key, holder))
                try:
                    yield
                finally:
                    await end([renewing])
            finally:
                # Also after a cancellation while asking: the place may have been given.
                await asyncio.shield(self._give_back(key, holder))

    async def _turn(self, spec: ModelSpec) -> None:
        item = limits.RateLimitItemPerMinute(spec.requests_per_minute)
        key = f"model:{spec.id}:minute"

        async def shared(_: Redis) -> float:
            assert self._shared_rates is not None
            return await self._enter(self._shared_rates, key, item.amount)

        while True:
            wait = await self._ask(shared, otherwise=-1.0)
            if wait < 0:
                wait = await self._enter(self._local_rates, key, item.amount)
            if wait == 0:
                return
            await asyncio.sleep(wait * _random.uniform(1.0, 1.1))

    async def _enter(self, storage: MemoryStorage | RedisStorage, key: str, most: int) -> float:
        """Begin a call, and return 0; or how long to wait."""
        if await storage.acquire_entry(key, most, _MINUTE):
            return 0.0
        oldest, _ = await storage.get_moving_window(key, most, _MINUTE)
        return max(_FIRST_LOOK_SECONDS, oldest + _MINUTE - self._now())

    async def _take(self, redis: Redis, key: str, most: int, holder: str) -> bool:
        return bool(await _run(redis, _TAKE, key, most, self._lease_ms, holder))

    async def _renew(self, key: str, holder: str) -> None:
        while True:
            await asyncio.sleep(self._lease_ms / 3000)
            await self._ask(lambda redis: _run(redis, _RENEW, key, self._lease_ms, holder), otherwise=None)

    async def _give_back(self, key: str, holder: str) -> None:
        await self._ask(lambda redis: _removed(redis, key, holder), otherwise=0)

    async def _ask(self, work: Callable[[Redis], Awaitable[_Found]], *, otherwise: _Found) -> _Found:
        """Do `work` with Redis; return `otherwise` while there is none."""
        if self._redis is None or self._now() < self._away_until:
            return otherwise
        try:
            return await work(self._redis)
        except _LOST as error:
            self._away_until = self._now() + _AWAY_SECONDS
            _log.warning("calls of models are counted per process: Redis is away", problem=str(error))
            return otherwise


async def _run(redis: Redis, script: str, key: str, *values: Any) -> Any:
    return await redis.eval(script, 1, key, *values)


async def _removed(redis: Redis, key: str, holder: str) -> int:
    return int(await redis.zrem(key, holder))
