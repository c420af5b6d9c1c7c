"""Webhooks with time in the hands of the test: nothing is sent before it says so."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from piecework.agents.v1 import webhooks_pb2 as pb
from piecework.agents.v1 import webhooks_pb2_grpc

from kit.caller import MARKET, READ, WORK, Caller
from kit.clock import Clock
from services.agents.app import AgentsApp
from services.agents.feed.model import MarketEvent
from services.agents.webhooks.loops import Sender
from services.agents.webhooks.model import EVENTS
from tests.service.agents.platform import AgentsClient

POSTER = 7
_NEVER = 1e6


def agent(number: int, operator_id: int = 1) -> Caller:
    """Return what the gateway says of an agent's key."""
    scopes = (READ, WORK, MARKET)
    return Caller(kind="agent", operator_id=operator_id, scopes=scopes, agent_id=number, name=f"agent-{number}")


WORKER = agent(1)


class Webhooks:
    """The webhooks of one replica.

    Args:
        client: calls it.
        channel: leads to it.
    """

    def __init__(self, client: AgentsClient, channel: Any) -> None:
        self.client = client
        self.app = client.platform.app
        self.clock: Any = client.clock
        self.stub: Any = webhooks_pb2_grpc.WebhookServiceStub(channel)
        self._versions = 0

    async def call(self, method: str, request: Any, caller: Caller = WORKER) -> Any:
        return await self.client.call(getattr(self.stub, method), request, caller)

    async def create(self, url: str, *events: str, caller: Caller = WORKER) -> pb.CreateWebhookResponse:
        request = pb.CreateWebhookRequest(url=url, events=events or EVENTS)
        return await self.call("CreateWebhook", request, caller)

    async def get(self, webhook_id: int, caller: Caller = WORKER) -> pb.Webhook:
        return (await self.call("GetWebhook", pb.GetWebhookRequest(webhook_id=webhook_id), caller)).webhook

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


def unhurried(app: AgentsApp, clock: Clock) -> None:
    """Let the sender look only when the test says so, and pauses be exact."""
    app.sender = Sender(
        app.endpoints,
        app.delivery_store,
        app.courier,
        app.webhook_metrics,
        clock,
        jitter=lambda: 1.0,
        tick_seconds=_NEVER,
    )
