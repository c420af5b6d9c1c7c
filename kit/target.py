"""What a service is to the process that hosts it.

A target is one of the parts that `piecework serve` can run: `tasks`, `agents`, `billing`, `orchestrator`. Its `app.py`
has one function, `build(resources) -> Target`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from opentelemetry.trace import NoOpTracer, Tracer

if TYPE_CHECKING:
    from pymongo.asynchronous.database import AsyncDatabase
    from pymongo.asynchronous.mongo_client import AsyncMongoClient
    from redis.asyncio import Redis

    from kit.caller import CallerSigner
    from kit.channels import Channels
    from kit.clock import Clock
    from kit.host import Registration
    from kit.metrics import Registry
    from kit.settings import Settings


@dataclass(frozen=True)
class Resources:
    """What a process shares among its targets.

    Attributes:
        settings: the configuration.
        mongo: the client of the one truth.
        redis: the client of what may be lost.
        channels: the way to the other services.
        signer: signs and verifies callers.
        clock: the time.
        registry: the metrics of the process.
        tracer: makes spans for what begins here; they cost nothing when nothing is traced.
    """

    settings: Settings
    mongo: AsyncMongoClient[dict[str, Any]]
    redis: Redis
    channels: Channels
    signer: CallerSigner
    clock: Clock
    registry: Registry
    tracer: Tracer = field(default_factory=NoOpTracer)

    def database(self, service: str) -> AsyncDatabase[dict[str, Any]]:
        """Return the database of `service`; no other service opens it."""
        return self.mongo[f"{self.settings.database_prefix}_{service}"]


@dataclass(frozen=True)
class Target:
    """A service, ready to be hosted.

    Attributes:
        name: for example `tasks`.
        registrations: its gRPC services.
        idempotent_methods: full names of the methods that take an idempotency key, `/package.Service/Method`.
        start: prepares indexes and starts the background loops; called once, before traffic.
        stop: ends the background loops; called once, after the last call has ended.
        lay_down: gives back what it has taken from other services; called once, before the last call has ended, while
            those that live in the same process still answer.
    """

    name: str
    registrations: Sequence[Registration]
    idempotent_methods: frozenset[str]
    start: Callable[[], Awaitable[None]]
    stop: Callable[[], Awaitable[None]]
    lay_down: Callable[[], Awaitable[None]] | None = None
