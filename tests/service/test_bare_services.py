"""Services without features run and are healthy."""

from __future__ import annotations

from types import ModuleType

import pytest
import redis.asyncio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from pymongo import AsyncMongoClient

from kit.caller import CallerSigner
from kit.channels import Channels
from kit.clock import SystemClock
from kit.host import GrpcHost
from kit.metrics import Registry
from kit.mongo import Document
from kit.settings import Settings
from kit.target import Resources
from services.billing import app as billing
from services.orchestrator import app as orchestrator


@pytest.mark.parametrize(("service", "name"), [(billing, "billing"), (orchestrator, "orchestrator")])
async def test_it_runs_and_is_healthy(
    service: ModuleType, name: str, mongo_client: AsyncMongoClient[Document], redis_client: redis.asyncio.Redis
) -> None:
    signer = CallerSigner("the key of an installation of tests")
    target = service.build(
        Resources(Settings(), mongo_client, redis_client, Channels({}), signer, SystemClock(), Registry())
    )
    host = GrpcHost(target.registrations, "127.0.0.1:0")
    await target.start()
    await host.start()
    channels = Channels({name: f"127.0.0.1:{host.port}"})
    health = health_pb2_grpc.HealthStub(channels.get(target.name))
    answer = await health.Check(health_pb2.HealthCheckRequest(service=f"piecework.{name}"))
    assert answer.status == health_pb2.HealthCheckResponse.SERVING
    await channels.close()
    await host.drain()
    await target.stop()
