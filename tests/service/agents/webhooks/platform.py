"""Webhooks with time in the hands of the test: nothing is sent before it says so."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import redis.asyncio
from piecework.agents.v1 import webhooks_pb2 as pb
from piecework.agents.v1 import webhooks_pb2_grpc
from pymongo import AsyncMongoClient

from kit.caller import MARKET, READ, WORK, Caller, CallerSigner
from kit.channels import Outgoing
from kit.clock import Clock, ManualClock
from kit.metrics import Registry
from kit.mongo import Document
from kit.settings import Settings
from kit.status import result_of
from kit.target import Resources
from services.agents.app import AgentsApp
from services.agents.app import build as build_agents
from services.agents.feed.model import MarketEvent
from services.agents.webhooks.courier import TIMEOUT_SECONDS, Courier
from services.agents.webhooks.loops import Sender
from services.agents.webhooks.model import EVENTS
from services.billing.app import build as build_billing
from services.tasks.app import build as build_tasks
from tests.service.hosting import LateChannels, host_for

POSTER = 7
KEYS = (("k1", "ab" * 32),)
_NEVER = 1e6
_KEY = "the key of an installation of tests"


def agent(number: int, operator_id: int = 1) -> Caller:
    """Return what the gateway says of an agent's key."""
    scopes = (READ, WORK, MARKET)
    return Caller(kind="agent", operator_id=operator_id, scopes=scopes, agent_id=number, name=f"agent-{number}")


WORKER = agent(1)


class MovingChannels(LateChannels):
    """Channels that can lead to another host later."""

    def lead_away(self, other: WebhookPlatform) -> None:
        """Lead to another replica from now on, for every name."""
        self._addresses, self._channels = {}, {}
        self.lead_to(other.host)


class PatientSender(Sender):
    """Sends when the test says so."""

    async def run(self) -> None:
        """Do nothing by itself."""
        await asyncio.Event().wait()


class WebhookPlatform:
    """One replica of the agents service, and of the others if wanted.

    Args:
        mongo: the database client; replicas that share it and the prefix are one installation.
        loopback: whether webhooks may lead to this machine.
        market: whether there is a real market, with its money, whose events are followed.
        patient: whether the test says when things are sent.
        keys: seal the secrets.
    """

    def __init__(
        self,
        mongo: AsyncMongoClient[Document],
        redis_client: redis.asyncio.Redis,
        database_prefix: str,
        clock: ManualClock,
        *,
        loopback: bool = True,
        market: bool = False,
        patient: bool = True,
        keys: tuple[tuple[str, str], ...] = KEYS,
    ) -> None:
        signer = CallerSigner(_KEY)
        self.channels = MovingChannels({} if market else dict.fromkeys(("tasks", "billing"), "127.0.0.1:1"))
        settings = Settings(
            database_prefix=database_prefix, encryption_keys=keys, webhooks_allow_loopback=loopback or None
        )
        self.clock = clock
        self.registry = Registry(min_interval_seconds=0)
        self.resources = Resources(settings, mongo, redis_client, self.channels, signer, clock, self.registry)
        self.database = self.resources.database("agents")
        others = [build_tasks, build_billing] if market else []
        self.targets = [build(self.resources) for build in (build_agents, *others)]
        self.app: AgentsApp = self.targets[0].start.__self__  # type: ignore[attr-defined]
        if patient:
            self.app.sender = self.new_sender(clock, kind=PatientSender)
        registrations = [each for target in self.targets for each in target.registrations]
        self.host = host_for(registrations, signer)
        self.channels.lead_to(self.host)
        self.outgoing = Outgoing(signer)
        self._versions = 0
        self.stub: Any = None

    def new_sender(
        self, clock: Clock, timeout_seconds: float = TIMEOUT_SECONDS, kind: type[Sender] = Sender, **limits: int
    ) -> Sender:
        """Return another sender, as another process has one."""
        app = self.app
        courier = Courier(app.outbound, app.ring, self.resources.tracer, clock, timeout_seconds=timeout_seconds)
        return kind(
            app.endpoints,
            app.delivery_store,
            courier,
            app.webhook_metrics,
            clock,
            jitter=lambda: 1.0,
            tick_seconds=_NEVER,
            **limits,
        )

    async def start(self) -> None:
        for target in self.targets:
            await target.start()
        await self.host.start()
        self.stub = webhooks_pb2_grpc.WebhookServiceStub(self.channels.get("agents"))

    async def stop(self) -> None:
        await self.host.drain()
        for target in self.targets:
            await target.stop()
        await self.channels.close()

    async def call(self, method: str, request: Any, caller: Caller = WORKER, key: str | None = None) -> Any:
        return await result_of(getattr(self.stub, method)(request, **self.outgoing(caller, idempotency_key=key)))

    async def create(
        self, url: str, *events: str, caller: Caller = WORKER, key: str | None = None
    ) -> pb.CreateWebhookResponse:
        request = pb.CreateWebhookRequest(url=url, events=events or EVENTS)
        return await self.call("CreateWebhook", request, caller, key)

    async def get(self, webhook_id: int, caller: Caller = WORKER) -> pb.Webhook:
        return (await self.call("GetWebhook", pb.GetWebhookRequest(webhook_id=webhook_id), caller)).webhook

    async def hooks(self, caller: Caller = WORKER) -> list[pb.Webhook]:
        return list((await self.call("ListWebhooks", pb.ListWebhooksRequest(), caller)).webhooks)

    async def delete(self, webhook_id: int, caller: Caller = WORKER) -> None:
        await self.call("DeleteWebhook", pb.DeleteWebhookRequest(webhook_id=webhook_id), caller)

    async def rotate(self, webhook_id: int, caller: Caller = WORKER) -> pb.RotateWebhookSecretResponse:
        return await self.call("RotateWebhookSecret", pb.RotateWebhookSecretRequest(webhook_id=webhook_id), caller)

    async def deliveries(self, webhook_id: int, caller: Caller = WORKER, **fields: Any) -> list[pb.Delivery]:
        request = pb.ListDeliveriesRequest(webhook_id=webhook_id, **fields)
        return list((await self.call("ListDeliveries", request, caller)).deliveries)

    async def replay(self, webhook_id: int, *ids: str, caller: Caller = WORKER, **span: Any) -> int:
        request = pb.ReplayDeliveriesRequest(webhook_id=webhook_id, delivery_ids=ids, **span)
        return int((await self.call("ReplayDeliveries", request, caller)).replayed)

    def event(self, event_type: str, task_id: int = 5, **data: Any) -> MarketEvent:
        """Return an event of a task as the market tells it."""
        self._versions += 1
        known = {
            "task_id": task_id,
            "title": "Write a test",
            "status": "open",
            "previous_status": None,
            "claimed_by_agent_id": None,
            "updated_at": self.clock.now().isoformat(),
            "poster_id": POSTER,
            "budget_credits": 200,
            "category_id": None,
        }
        return MarketEvent(
            seq=self._versions,
            id=f"market:{task_id}:{self._versions}",
            type=event_type,
            subject=f"market:{task_id}",
            version=self._versions,
            actor="operator:7",
            at=self.clock.now(),
            data={**known, **data},
        )

    async def happens(self, event_type: str, **data: Any) -> MarketEvent:
        """Let something happen in the market."""
        event = self.event(event_type, **data)
        await self.app.publisher.publish(event)
        return event

    async def send(self) -> None:
        """Send what is due."""
        await self.app.sender.work_off()

    async def pass_time(self, **length: float) -> None:
        """Move the clock and send what is due then."""
        self.clock.set(self.clock.now() + timedelta(**length))
        await self.send()
