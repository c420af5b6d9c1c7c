"""Hosts models, threads, files and uploads, each from its own parts, and calls them through their stubs."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis.asyncio
from piecework.orchestrator.v1 import files_pb2_grpc, models_pb2_grpc, threads_pb2_grpc, uploads_pb2_grpc
from pymongo import AsyncMongoClient

from kit.caller import MARKET, OPERATOR_SCOPES, Caller, CallerSigner, service_caller
from kit.channels import CallOptions, Outgoing
from kit.clock import ManualClock
from kit.host import Registration
from kit.idempotency import IdempotencyStore
from kit.interceptors.idempotency import IdempotencyInterceptor
from kit.metrics import Registry
from kit.mongo import Document
from kit.settings import Settings
from kit.status import result_of
from kit.target import Resources
from services.orchestrator.files.handlers import FileHandlers
from services.orchestrator.files.parts import FileParts
from services.orchestrator.models.handlers import ModelHandlers
from services.orchestrator.models.parts import ModelParts
from services.orchestrator.threads.handlers import ThreadHandlers
from services.orchestrator.threads.parts import IDEMPOTENT, ThreadParts
from services.orchestrator.uploads.handlers import UploadHandlers
from services.orchestrator.uploads.parts import UploadParts
from tests.service.hosting import LateChannels, host_for

OWNER = Caller(kind="operator", operator_id=1, scopes=OPERATOR_SCOPES)
STRANGER = Caller(kind="operator", operator_id=2, scopes=OPERATOR_SCOPES)
AGENT = Caller(kind="agent", operator_id=1, scopes=(MARKET,), agent_id=5, name="an-agent")
SESSION = Caller(kind="session", operator_id=1, scopes=OPERATOR_SCOPES, name="a-worker")
SERVICE = service_caller("gateway")
QUOTA = 30 * 1024 * 1024
_KEY = "the key of an installation of tests"


class Features:
    """One replica of the four features."""

    def __init__(
        self,
        mongo: AsyncMongoClient[Document],
        redis_client: redis.asyncio.Redis,
        settings: Settings,
        clock: ManualClock,
    ) -> None:
        self.clock = clock
        self._channels = LateChannels()
        signer = CallerSigner(_KEY)
        self._outgoing = Outgoing(signer)
        resources = Resources(settings, mongo, redis_client, self._channels, signer, clock, Registry())
        self.resources = resources
        self.database = resources.database("orchestrator")
        self.model_parts, self.thread_parts = ModelParts(resources), ThreadParts(resources)
        self.file_parts = FileParts(resources)
        self.upload_parts = UploadParts(resources, self.file_parts.store)
        methods = frozenset(f"/piecework.orchestrator.v1.ThreadService/{method}" for method in IDEMPOTENT)
        idempotency = IdempotencyInterceptor(IdempotencyStore(self.database, clock), methods)
        self.host = host_for([Registration(self._register, [])], signer, idempotency)
        self._channels.lead_to(self.host)
        channel = self._channels.get("orchestrator")
        self.models: Any = models_pb2_grpc.ModelServiceStub(channel)
        self.threads: Any = threads_pb2_grpc.ThreadServiceStub(channel)
        self.files: Any = files_pb2_grpc.FileServiceStub(channel)
        self.uploads: Any = uploads_pb2_grpc.UploadServiceStub(channel)

    def _register(self, server: Any) -> None:
        models_pb2_grpc.add_ModelServiceServicer_to_server(ModelHandlers(self.model_parts.service), server)
        threads_pb2_grpc.add_ThreadServiceServicer_to_server(ThreadHandlers(self.thread_parts.service), server)
        files_pb2_grpc.add_FileServiceServicer_to_server(FileHandlers(self.file_parts.service), server)
        uploads_pb2_grpc.add_UploadServiceServicer_to_server(UploadHandlers(self.upload_parts.service), server)

    async def start(self) -> None:
        for parts in (self.model_parts, self.thread_parts, self.file_parts, self.upload_parts):
            await parts.prepare()
        await IdempotencyStore(self.database, self.clock).prepare()
        await self.host.start()

    async def stop(self) -> None:
        await self._channels.close()
        await self.host.drain()
        await self.model_parts.close()

    def pass_time(self, **length: float) -> None:
        """Move the clock: `pass_time(minutes=10)`."""
        self.clock.set(self.clock.now() + timedelta(**length))

    def metadata(self, caller: Caller = OWNER, **more: Any) -> CallOptions:
        return self._outgoing(caller, timeout=60, **more)

    async def call(
        self, method: Callable[..., Awaitable[Any]], request: Any, caller: Caller = OWNER, **more: Any
    ) -> Any:
        return await result_of(method(request, **self.metadata(caller, **more)))


@contextlib.asynccontextmanager
async def running(features: Features) -> AsyncIterator[Features]:
    """Start, and stop at the end."""
    await features.start()
    yield features
    await features.stop()


@pytest.fixture
async def features(
    mongo_client: AsyncMongoClient[Document], redis_client: redis.asyncio.Redis, database_prefix: str
) -> AsyncIterator[Features]:
    """Models, threads and files of one test."""
    settings = Settings(database_prefix=database_prefix, storage_quota_bytes=QUOTA)
    clock = ManualClock(datetime(2026, 11, 22, 12, 0, tzinfo=UTC))
    async with running(Features(mongo_client, redis_client, settings, clock)) as started:
        yield started
