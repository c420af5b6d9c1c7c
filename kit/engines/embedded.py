"""The engines of one installation: those that are configured, and our own for the rest."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import TracebackType

from kit.engines.errors import EngineError
from kit.engines.mongod import MongodEngine
from kit.engines.supervisor import Supervisor
from kit.engines.valkey import ValkeyEngine


class EmbeddedEngines:
    """Starts what is missing, keeps it running, and ends it. Use as an async context manager.

    The caller holds the lock of the data directory.

    Args:
        data_dir: where the engines keep their files, each in a directory of its own.
        mongodb_uri: a MongoDB that exists already; empty: run one.
        redis_url: a Redis or Valkey that exists already; empty: run one.
        cache_gb: the cache of an embedded MongoDB in gigabytes.
        oplog_mb: how much of its log an embedded MongoDB keeps, in megabytes.
        ttl_sleep_seconds: how often an embedded MongoDB removes expired documents; None: every minute.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        mongodb_uri: str = "",
        redis_url: str = "",
        cache_gb: float = 0.25,
        oplog_mb: int = 512,
        ttl_sleep_seconds: int | None = None,
    ) -> None:
        self._mongodb_uri = mongodb_uri
        self._redis_url = redis_url
        self.mongod: MongodEngine | None = None
        self.valkey: ValkeyEngine | None = None
        if not mongodb_uri:
            self.mongod = MongodEngine(
                data_dir / "mongodb", cache_gb=cache_gb, oplog_mb=oplog_mb, ttl_sleep_seconds=ttl_sleep_seconds
            )
        if not redis_url:
            self.valkey = ValkeyEngine(data_dir / "valkey")
        self._supervisors: list[Supervisor] = []
        self._failed: asyncio.Future[EngineError] | None = None

    @property
    def mongodb_uri(self) -> str:
        """The connection string of MongoDB, known once the engines run. It may hold a password."""
        return self.mongod.uri if self.mongod is not None else self._mongodb_uri

    @property
    def redis_url(self) -> str:
        """The address of Redis, known once the engines run. It may hold a password."""
        return self.valkey.url if self.valkey is not None else self._redis_url

    @property
    def failed(self) -> asyncio.Future[EngineError]:
        """Gets the reason when an engine is lost for good; until then it waits."""
        if self._failed is None:
            self._failed = asyncio.get_running_loop().create_future()
        return self._failed

    async def start(self) -> None:
        """Start all engines side by side, and begin to watch them.

        Raises:
            EngineError: one did not come up; none runs then.
        """
        engines = self._engines()
        try:
            outcomes = await asyncio.gather(*(engine.start() for engine in engines), return_exceptions=True)
            for outcome in outcomes:
                if isinstance(outcome, BaseException):
                    raise outcome
        except BaseException:
            await self.stop()
            raise
        self._supervisors = [Supervisor(engine, self._fail) for engine in engines]
        for supervisor in self._supervisors:
            supervisor.start()

    async def stop(self) -> None:
        """End all engines that this object started."""
        await self._stop_watching()
        await asyncio.gather(*(engine.stop() for engine in self._engines()))

    async def kill(self) -> None:
        """End them at once, as a crash would: for data that nobody will read again, or when nobody wants to wait."""
        await self._stop_watching()
        await asyncio.gather(*(engine.kill() for engine in self._engines()))

    async def __aenter__(self) -> EmbeddedEngines:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def _stop_watching(self) -> None:
        for supervisor in self._supervisors:
            await supervisor.stop()
        self._supervisors = []

    def _engines(self) -> list[MongodEngine | ValkeyEngine]:
        return [engine for engine in (self.mongod, self.valkey) if engine is not None]

    def _fail(self, error: EngineError) -> None:
        if not self.failed.done():
            self.failed.set_result(error)
