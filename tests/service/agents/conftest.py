"""The service `agents` as other processes see it: through stubs, with every interceptor, on real engines."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc.aio
import pytest
import redis.asyncio
from piecework.agents.v1 import identity_pb2 as pb
from piecework.agents.v1 import identity_pb2_grpc
from prometheus_client import CollectorRegistry
from pymongo import AsyncMongoClient

from kit.caller import OPERATOR_SCOPES, Caller, CallerSigner, service_caller
from kit.channels import Channels, Outgoing
from kit.clock import ManualClock, SystemClock
from kit.host import GrpcHost
from kit.interceptors.access import AccessInterceptor, RpcMetrics
from kit.interceptors.caller import CallerInterceptor
from kit.interceptors.errors import ErrorsInterceptor
from kit.interceptors.validation import ValidationInterceptor
from kit.metrics import Registry
from kit.mongo import Document
from kit.redis import REVOKED_CHANNEL, Wakeups
from kit.settings import Settings
from kit.status import result_of
from kit.target import Resources
from services.agents.app import build

GATEWAY = service_caller("gateway")


class AgentsClient:
    """Calls the service on behalf of callers; a failed call raises the domain error that it stands for."""

    def __init__(self, channel: grpc.aio.Channel, outgoing: Outgoing, clock: ManualClock, database: Any) -> None:
        self.identity: Any = identity_pb2_grpc.IdentityServiceStub(channel)
        self.sessions: Any = identity_pb2_grpc.SessionServiceStub(channel)
        self.clock = clock
        self.database = database
        self._outgoing = outgoing

    async def call(self, method: Callable[..., Awaitable[Any]], request: Any, caller: Caller = GATEWAY) -> Any:
        return await result_of(method(request, **self._outgoing(caller)))

    async def identify(self, secret: str) -> pb.AuthenticateResponse:
        return await self.call(self.identity.Authenticate, pb.AuthenticateRequest(secret=secret))

    async def caller_of(self, secret: str) -> Caller:
        """Return the caller that the gateway would sign for `secret`."""
        found = await self.identify(secret)
        return Caller(
            kind=found.kind,
            operator_id=found.operator_id,
            scopes=tuple(found.scopes),
            agent_id=found.agent_id,
            name=found.name,
            project_id=found.project_id,
            session_id=found.session_id,
        )

    async def new_operator(self, name: str) -> Caller:
        created = await self.call(self.identity.CreateOperator, pb.CreateOperatorRequest(name=name))
        return Caller(kind="operator", operator_id=created.operator.id, scopes=OPERATOR_SCOPES)

    async def new_key(
        self, operator_id: int, *scopes: str, test: bool = False, caller: Caller = GATEWAY
    ) -> pb.CreateOperatorKeyResponse:
        request = pb.CreateOperatorKeyRequest(operator_id=operator_id, scopes=scopes, test=test)
        return await self.call(self.identity.CreateOperatorKey, request, caller)

    async def new_agent(self, operator_id: int, name: str, caller: Caller = GATEWAY) -> pb.CreateAgentResponse:
        return await self.call(
            self.identity.CreateAgent, pb.CreateAgentRequest(operator_id=operator_id, name=name), caller
        )

    async def open(self, project_id: str, agent_name: str = "worker-1", **options: Any) -> pb.OpenSessionResponse:
        caller = options.pop("caller", GATEWAY)
        request = pb.OpenSessionRequest(
            operator_id=options.pop("operator_id", 1), project_id=project_id, agent_name=agent_name, **options
        )
        return await self.call(self.sessions.OpenSession, request, caller)


class RevocationListener:
    """What another process hears of credentials that end."""

    def __init__(self, wakeups: Wakeups) -> None:
        self._heard: set[str] = set()
        self._news = asyncio.Event()
        wakeups.on_message(self._add)

    async def hears(self, *credential_ids: str) -> None:
        """Wait until all these were announced."""
        async with asyncio.timeout(10):
            while not self._heard.issuperset(credential_ids):
                self._news.clear()
                await self._news.wait()

    def has_heard(self, credential_id: str) -> bool:
        return credential_id in self._heard

    def _add(self, credential_id: str) -> None:
        self._heard.add(credential_id)
        self._news.set()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(SystemClock().now())


@pytest.fixture(params=["in-process", "network"])
async def agents(
    request: pytest.FixtureRequest,
    mongo_client: AsyncMongoClient[Document],
    redis_client: redis.asyncio.Redis,
    database_prefix: str,
    clock: ManualClock,
) -> AsyncIterator[AgentsClient]:
    signer = CallerSigner("the key of an installation of tests")
    settings = Settings(database_prefix=database_prefix)
    resources = Resources(settings, mongo_client, redis_client, Channels({}), signer, clock, Registry())
    target = build(resources)
    interceptors = [
        AccessInterceptor(RpcMetrics(CollectorRegistry())),
        ErrorsInterceptor(),
        CallerInterceptor(signer),
        ValidationInterceptor(),
    ]
    host = GrpcHost(target.registrations, "127.0.0.1:0", interceptors, drain_seconds=5)
    await target.start()
    await host.start()
    addresses = {"agents": f"127.0.0.1:{host.port}"} if request.param == "network" else {}
    channels = Channels(addresses, host.inprocess)
    yield AgentsClient(channels.get("agents"), Outgoing(signer), clock, resources.database("agents"))
    await channels.close()
    await host.drain()
    await target.stop()


@pytest.fixture
async def revocations(redis_client: redis.asyncio.Redis) -> AsyncIterator[RevocationListener]:
    wakeups = Wakeups(redis_client, REVOKED_CHANNEL)
    listener = RevocationListener(wakeups)
    await wakeups.start()
    await wakeups.subscribed.wait()
    yield listener
    await wakeups.close()
