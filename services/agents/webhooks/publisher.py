"""Makes deliveries of the events of the market."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import TYPE_CHECKING

from services.agents.webhooks.model import PENDING, Delivery, delivery_id
from services.agents.webhooks.notices import Notice, notice_of

if TYPE_CHECKING:
    from kit.clock import Clock
    from services.agents.feed.model import MarketEvent
    from services.agents.webhooks.store.deliveries import DeliveryStore
    from services.agents.webhooks.store.endpoints import EndpointStore
    from services.agents.webhooks.store.webhooks import WebhookStore


class Publisher:
    """Turns each event into deliveries to whoever wants it. The same event again makes no other ones.

    Args:
        webhooks: finds the recipients.
        endpoints: is told which have something to get.
        deliveries: keeps what is to be sent.
        wake: tells the sender of this process that there is something to send.
        clock: the time.
    """

    def __init__(
        self,
        webhooks: WebhookStore,
        endpoints: EndpointStore,
        deliveries: DeliveryStore,
        wake: Callable[[], None],
        clock: Clock,
    ) -> None:
        self._webhooks = webhooks
        self._endpoints = endpoints
        self._deliveries = deliveries
        self._wake = wake
        self._clock = clock

    async def publish(self, event: MarketEvent) -> None:
        """Make the deliveries of an event.

        Raises:
            Unavailable: MongoDB cannot be reached; some may have been made.
        """
        notice = notice_of(event)
        if notice is None:
            return
        async for webhook_ids in self._recipients(notice):
            if webhook_ids:
                await self._deliver(event, notice, webhook_ids)
                self._wake()

    async def _deliver(self, event: MarketEvent, notice: Notice, webhook_ids: Sequence[int]) -> None:
        now = self._clock.now()
        await self._deliveries.insert(
            [
                Delivery(
                    id=delivery_id(event.id, event.at, notice.event, webhook_id),
                    webhook_id=webhook_id,
                    event=notice.event,
                    state=PENDING,
                    tries=0,
                    attempts=(),
                    next_attempt_at=now,
                    created_at=now,
                    body=notice.body,
                )
                for webhook_id in webhook_ids
            ]
        )
        # After the deliveries, and also for those that an earlier run has stored: it may have died before this.
        await self._endpoints.ring(webhook_ids, now)

    async def _recipients(self, notice: Notice) -> AsyncIterator[list[int]]:
        if notice.agent_id is not None:
            yield await self._webhooks.wanting(notice.agent_id, notice.event)
            return
        async for webhook_ids in self._webhooks.all_wanting(notice.event, notice.category_id):
            yield webhook_ids
