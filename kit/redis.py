"""Redis: shared limits, caches and wake-ups. It is never the truth: losing it slows things down and breaks nothing."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

import redis.asyncio
import structlog
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff
from redis.exceptions import RedisError

from kit.background import end

REVOKED_CHANNEL = "piecework:revoked"
"""Where the ids of credentials that have ended are announced, from the service that keeps them to every gateway."""

_log = structlog.get_logger(__name__)
_SEPARATOR = "\n"
_MAX_PENDING = 10_000
_FIRST_START_SECONDS = 1.0
_SILENCE_SECONDS = 10.0
_BACKOFF_SECONDS = (0.1, 0.2, 0.5, 1.0, 2.0)
_FAILURES = (RedisError, OSError, TimeoutError)


def connect(url: str) -> redis.asyncio.Redis:
    """Return a client of the Redis or Valkey at `url`; answers are bytes. Close it with `aclose()`.

    It gives up within about two seconds, so that a Redis that hangs cannot hang a request for long.
    """
    pool = redis.asyncio.BlockingConnectionPool.from_url(
        url,
        max_connections=16,
        timeout=1,
        socket_connect_timeout=1,
        socket_timeout=1,
        health_check_interval=15,
        retry=Retry(ExponentialWithJitterBackoff(base=0.02, cap=0.2), 1),
    )
    return redis.asyncio.Redis.from_pool(pool)


class Wakeups:
    """Short strings that every process which listens on a channel gets soon, or never: hints, not messages.

    A name published here reaches the callbacks of this process in the next turn of the loop, without Redis, and those
    of other processes through Redis. Names published in one turn travel together, and a name that waits already is not
    added again. While Redis is down nothing is raised: names wait (up to 10,000), and go out when it is back. Who
    relies on wake-ups must therefore look by itself now and then, and whenever `on_resume` calls.

    Args:
        client: a client made by `connect`; None keeps everything inside this process. It stays the caller's to close.
        channel: the name of the channel, the same in all processes that belong together.
    """

    def __init__(self, client: redis.asyncio.Redis | None, channel: str) -> None:
        self._client = client
        self._channel = channel
        self._origin = secrets.token_hex(8)
        self._listeners: list[Callable[[str], None]] = []
        self._resumed: list[Callable[[], None]] = []
        self._local: dict[str, None] = {}
        self._remote: dict[str, None] = {}
        self._alone = False
        self._to_send = asyncio.Event()
        self._subscribed = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def subscribed(self) -> asyncio.Event:
        """Set while the subscription stands."""
        return self._subscribed

    def on_message(self, callback: Callable[[str], None]) -> None:
        """Call `callback` with every name published by this process or another one; it must be quick and not raise."""
        self._listeners.append(callback)

    def on_resume(self, callback: Callable[[], None]) -> None:
        """Call `callback` when names may have been missed until now.

        That is when the subscription stands, for the first time or after an outage, and when another process says that
        it may have believed to be alone.
        """
        self._resumed.append(callback)

    def publish(self, name: str) -> None:
        """Tell everybody `name` soon. Never waits and never raises."""
        if not self._local:
            asyncio.get_running_loop().call_soon(self._deliver_local)
        self._local[name] = None
        if self._client is not None and not self._alone:
            self._remote[name] = None
            if len(self._remote) > _MAX_PENDING:
                del self._remote[next(iter(self._remote))]
            self._to_send.set()

    async def start(self) -> None:
        """Begin to listen and to send; waits a second at most for the subscription, and goes on without it."""
        if self._client is None:
            return
        self._tasks = [
            asyncio.create_task(self._receive(self._client), name=f"wakeups of {self._channel}: receive"),
            asyncio.create_task(self._send(self._client), name=f"wakeups of {self._channel}: send"),
        ]
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._subscribed.wait(), _FIRST_START_SECONDS)

    async def close(self) -> None:
        """Stop listening and sending."""
        await end(self._tasks)
        self._tasks = []

    def _deliver_local(self) -> None:
        names, self._local = self._local, {}
        self._deliver(names)

    def _deliver(self, names: Iterable[str]) -> None:
        for name in names:
            for listener in self._listeners:
                try:
                    listener(name)
                except Exception:  # noqa: BLE001 - one listener must not cost the others their wake-up
                    _log.exception("a listener of wake-ups failed", channel=self._channel)

    async def _send(self, client: redis.asyncio.Redis) -> None:
        outage = _Outage("wake-ups for other processes wait: Redis is lost", self._channel)
        while True:
            await self._to_send.wait()
            self._to_send.clear()
            names, self._remote = self._remote, {}
            try:
                await client.publish(self._channel, _SEPARATOR.join([self._origin, *names]))
                outage.end()
            except _FAILURES as error:
                self._remote = {**names, **self._remote}
                self._to_send.set()
                await asyncio.sleep(outage.note(error))

    async def _receive(self, client: redis.asyncio.Redis) -> None:
        outage = _Outage("wake-ups from other processes are missed: Redis is lost", self._channel)
        while True:
            try:
                async with client.pubsub() as subscription:
                    await subscription.subscribe(self._channel)
                    async for message in _messages(subscription):
                        if message["type"] == "message":
                            await self._receive_names(client, message["data"])
                        elif message["type"] == "subscribe":
                            # Also sent when the client library has connected again by itself.
                            outage.end()
                            await self._greet(client)
                            self._subscribed.set()
                            self._resume()
            except _FAILURES as error:
                self._alone = False
                self._subscribed.clear()
                await asyncio.sleep(outage.note(error))

    async def _greet(self, client: redis.asyncio.Redis) -> None:
        """Find out whether anybody else listens, and let everybody know that somebody more does now.

        A process that is alone on its channel, as on a laptop, then sends nothing at all.
        """
        ((_, listeners),) = await client.pubsub_numsub(self._channel)
        self._alone = listeners <= 1
        await client.publish(self._channel, self._origin)

    async def _receive_names(self, client: redis.asyncio.Redis, data: bytes) -> None:
        origin, *names = data.decode(errors="replace").split(_SEPARATOR)
        if origin == self._origin:
            return
        was_alone, self._alone = self._alone, False
        self._deliver(names)
        if was_alone:
            # The other one listened before this one heard of it, and missed what was told here only meanwhile.
            await client.publish(self._channel, self._origin)
        if not names:
            self._resume()

    def _resume(self) -> None:
        for callback in self._resumed:
            callback()


async def _messages(subscription: PubSub) -> AsyncIterator[dict[str, Any]]:
    """Yield what arrives; raises ConnectionError when the server does not even answer a ping."""
    pinged = False
    while True:
        message = await subscription.get_message(timeout=_SILENCE_SECONDS)
        if message is not None:
            pinged = False
            yield message
        elif pinged:
            raise ConnectionError("the subscription is silent")
        else:
            await subscription.ping()
            pinged = True


class _Outage:
    """Tells the log once when something is lost and once when it is back, and how long to wait between attempts."""

    def __init__(self, text: str, channel: str) -> None:
        self._text = text
        self._channel = channel
        self._failures = 0

    def note(self, error: BaseException) -> float:
        """Count a failure and return the seconds to wait before the next attempt."""
        if self._failures == 0:
            _log.warning(self._text, channel=self._channel, problem=str(error))
        pause = _BACKOFF_SECONDS[min(self._failures, len(_BACKOFF_SECONDS) - 1)]
        self._failures += 1
        return pause

    def end(self) -> None:
        """Note a success."""
        if self._failures:
            _log.info("Redis is back", channel=self._channel, failures=self._failures)
        self._failures = 0
