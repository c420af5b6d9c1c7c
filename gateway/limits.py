"""How often a client may call: shared through Redis, or counted here while Redis is away."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from ipaddress import ip_address, ip_network
from typing import Any, TypeVar

import limits
import msgspec
import structlog
from limits.aio.storage import MemoryStorage, RedisStorage

_log = structlog.get_logger(__name__)
_LOST = (OSError, TimeoutError, asyncio.TimeoutError)
_RETRY_SECONDS = 5.0

_Storage = MemoryStorage | RedisStorage
_Found = TypeVar("_Found")


class Allowance(msgspec.Struct, frozen=True):
    """What is left to a client.

    Attributes:
        limit: requests in one window.
        remaining: requests left in this window; below zero when the limit is passed.
        reset_at: when the window ends, in seconds since the epoch.
        wait_seconds: until the window ends.
    """

    limit: int
    remaining: int
    reset_at: int
    wait_seconds: int


class RateLimiter:
    """Counts requests per client address in windows of fixed length.

    Windows begin at whole multiples of their length since the epoch. So the counter's key tells the window, nobody has
    to ask when it ends, and a request costs one round trip.

    Args:
        rates: one or more limits in the notation of the `limits` library, for example `100/15 minutes`.
        scope: what is limited, so that several limiters can share one Redis.
        connection_pool: the pool of a redis-py client; None counts in this process alone.
        now: the time in seconds since the epoch.
    """

    def __init__(
        self, rates: str, scope: str, connection_pool: Any = None, now: Callable[[], float] = time.time
    ) -> None:
        self._items = limits.parse_many(rates)
        self._scope = scope
        self._now = now
        self._counters = _Counters(connection_pool, now)

    async def hit(self, address: str) -> Allowance:
        """Count one request of `address` and return what is left to it, by the tightest of the limits."""
        allowances = await asyncio.gather(*(self._hit(item, address) for item in self._items))
        return min(allowances, key=lambda allowance: allowance.remaining)

    async def look(self, address: str) -> Allowance:
        """Return what is left to `address` by the tightest of the limits, without counting anything."""
        allowances = await asyncio.gather(*(self._hit(item, address, 0) for item in self._items))
        return min(allowances, key=lambda allowance: allowance.remaining)

    async def _hit(self, item: limits.RateLimitItem, address: str, amount: int = 1) -> Allowance:
        now = self._now()
        length = item.get_expiry()
        window = int(now // length)
        key = f"limit:{self._scope}:{length}:{window}:{address}"
        count = await self._counters.ask(
            lambda storage: storage.incr(key, length, amount=amount) if amount else storage.get(key)
        )
        reset_at = (window + 1) * length
        return Allowance(item.amount, item.amount - count, reset_at, max(1, math.ceil(reset_at - now)))


class SlidingLimiter:
    """Remembers when each request came that was let in: at no moment more of them than the limit lie in one window.

    Args:
        rate: a limit in the notation of the `limits` library, for example `100/minute`.
        scope: what is limited, so that several limiters can share one Redis.
        connection_pool: the pool of a redis-py client; None counts in this process alone.
        now: the time in seconds since the epoch.
    """

    def __init__(
        self, rate: str, scope: str, connection_pool: Any = None, now: Callable[[], float] = time.time
    ) -> None:
        self._item = limits.parse(rate)
        self._scope = scope
        self._now = now
        self._counters = _Counters(connection_pool, now)

    async def hit(self, who: str) -> Allowance:
        """Let one request of `who` in, if that is possible, and return what is left; refused ones do not count."""
        key = f"limit:{self._scope}:{who}"
        return await self._counters.ask(lambda storage: self._hit(storage, key))

    async def _hit(self, storage: _Storage, key: str) -> Allowance:
        most, length = self._item.amount, self._item.get_expiry()
        admitted = await storage.acquire_entry(key, most, length)
        oldest, count = await storage.get_moving_window(key, most, length)
        now = self._now()
        wait = max(1, math.ceil(oldest + length - now))
        return Allowance(most, most - count if admitted else -1, math.ceil(now + length), wait)


class _Counters:
    """Where is counted: in Redis, or here while Redis is away."""

    def __init__(self, connection_pool: Any, now: Callable[[], float]) -> None:
        self._now = now
        self._local = MemoryStorage()
        self._shared: RedisStorage | None = None
        self._lost: tuple[type[BaseException], ...] = _LOST
        if connection_pool is not None:
            self._shared = RedisStorage(
                "async+redis://", implementation="redispy", key_prefix="piecework", connection_pool=connection_pool
            )
            errors = self._shared.base_exceptions
            self._lost = (*_LOST, *(errors if isinstance(errors, tuple) else (errors,)))
        self._away_until = 0.0

    async def ask(self, work: Callable[[_Storage], Awaitable[_Found]]) -> _Found:
        """Do `work` with the counters."""
        storage: _Storage = self._local
        if self._shared is not None and self._now() >= self._away_until:
            storage = self._shared
        try:
            return await work(storage)
        except self._lost as error:
            # Losing Redis loosens the limit to one per process; it never refuses a request.
            self._away_until = self._now() + _RETRY_SECONDS
            _log.warning("rate limits are counted per process: Redis is away", problem=str(error))
            return await work(self._local)


def limit_key(address: str) -> str:
    """Return what counts as one client: an IPv4 address, or the /64 network that one IPv6 customer has."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if parsed.version == 6:
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ip_network((parsed, 64), strict=False).network_address)
    return address
