"""Hosts the services `agents` and `billing`, and `tasks` if wanted, in this process, and calls them through stubs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import redis.asyncio
from piecework.agents.v1 import identity_pb2 as pb
from piecework.agents.v1 import identity_pb2_grpc, registry_pb2_grpc
from piecework.agents.v1 import registry_pb2 as registry
from piecework.billing.v1 import ledger_pb2 as ledger
from piecework.billing.v1 import ledger_pb2_grpc
from piecework.tasks.v1 import market_pb2_grpc
from pymongo import AsyncMongoClient

from kit.caller import OPERATOR_SCOPES, Caller, CallerSigner, service_caller
from kit.channels import Channels, Outgoing
from kit.clock import ManualClock
from kit.metrics import Registry
from kit.mongo import Document
from kit.redis import Wakeups
from kit.settings import Settings
from kit.status import result_of
from kit.target import Resources
from services.agents.app import AgentsApp
from services.agents.app import build as build_agents
from services.agents.welcome.loops import Welcomer
from services.billing.app import build as build_billing
from services.tasks.app import build as build_tasks
from tests.service.hosting import LateChannels, host_for

GATEWAY = service_caller("gateway")
NOBODY_LISTENS = "127.0.0.1:1"
_NEVER = 1e6


class AgentsPlatform:
    """One replica of the services.

    Args:
        mongo: the database client; replicas that share it and the prefix are one installation.
        network: whether the stubs go over a socket.
        billing: whether the agents service reaches the ledger.
        tasks: whether the market runs here too.
        tick_seconds: how often its loop looks who is owed credits; by default once, before the host runs, and then
            tests decide.
    """

    def __init__(
        self,
        mongo: AsyncMongoClient[Document],
        redis_client: redis.asyncio.Redis,
        database_prefix: str,
        clock: ManualClock,
        *,
        network: bool = False,
        billing: bool = True,
        tasks: bool = False,
        tick_seconds: float = _NEVER,
    ) -> None:
        signer = CallerSigner("the key of an installation of tests")
        channels = LateChannels({} if billing else {"billing": NOBODY_LISTENS})
        settings = Settings(database_prefix=database_prefix)
        self.resources = Resources(settings, mongo, redis_client, channels, signer, clock, Registry())
        builders = [build_agents, build_billing, build_tasks] if tasks else [build_agents, build_billing]
        self.targets = [build(self.resources) for build in builders]
        self.app: AgentsApp = self.targets[0].start.__self__  # type: ignore[attr-defined]
        self.app.welcomer = Welcomer(self.app.welcome, tick_seconds=tick_seconds)
        registrations = [each for target in self.targets for each in target.registrations]
        self.host = host_for(registrations, signer)
        channels.lead_to(self.host)
        self._channels = channels
        self._network = network
        self._outgoing = Outgoing(signer)
        self._entrance = channels

    async def start(self) -> AgentsClient:
        for target in self.targets:
            await target.start()
        await self.host.start()
        addresses = {"agents": f"127.0.0.1:{self.host.port}"} if self._network else {}
        self._entrance = LateChannels(addresses, self.host.inprocess)
        return AgentsClient(self, self._entrance, self._outgoing)

    async def stop(self) -> None:
        await self._entrance.close()
        await self._channels.close()
        await self.host.drain()
        for target in self.targets:
            await target.stop()


class AgentsClient:
    """Calls the service on behalf of callers; a failed call raises the domain error that it stands for."""

    def __init__(self, platform: AgentsPlatform, channels: Channels, outgoing: Outgoing) -> None:
        agents = channels.get("agents")
        self.identity: Any = identity_pb2_grpc.IdentityServiceStub(agents)
        self.sessions: Any = identity_pb2_grpc.SessionServiceStub(agents)
        self.registry: Any = registry_pb2_grpc.RegistryServiceStub(agents)
        self.ledger: Any = ledger_pb2_grpc.LedgerServiceStub(channels.get("billing"))
        self.market: Any = market_pb2_grpc.MarketServiceStub(channels.get("tasks"))
        self.platform = platform
        self.clock = platform.resources.clock
        self.database = platform.resources.database("agents")
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

    async def registered(self, name: str = "wanderer") -> registry.RegisterAgentResponse:
        request = registry.RegisterAgentRequest(name=name, description="Looks for work")
        return await self.call(self.registry.RegisterAgent, request, Caller(kind="anonymous"))

    async def claim(self, code: str, caller: Caller, operator_id: int = 0) -> registry.Profile:
        request = registry.ClaimAgentRequest(verification_code=code, operator_id=operator_id)
        return (await self.call(self.registry.ClaimAgent, request, caller)).profile

    async def set_status(self, agent_id: int, status: str, caller: Caller = GATEWAY) -> registry.Profile:
        number = registry.AgentStatus.Value(f"AGENT_STATUS_{status.upper()}")
        request = registry.SetAgentStatusRequest(agent_id=agent_id, status=number)
        return (await self.call(self.registry.SetAgentStatus, request, caller)).profile

    async def profile(self, agent_id: int, caller: Caller = GATEWAY) -> registry.GetProfileResponse:
        return await self.call(self.registry.GetProfile, registry.GetProfileRequest(agent_id=agent_id), caller)

    async def balance(self, operator_id: int) -> int:
        request = ledger.GetAccountRequest(operator_id=operator_id)
        return int((await self.call(self.ledger.GetAccount, request)).account.available_credits)


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
