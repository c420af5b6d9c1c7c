"""The gRPC face of webhooks: unpack, call, pack."""

from __future__ import annotations

from typing import Any

from piecework.agents.v1 import webhooks_pb2 as pb
from piecework.agents.v1 import webhooks_pb2_grpc

from kit.idempotency_key import METADATA_KEY, REPLAYED_METADATA_KEY
from kit.interceptors.caller import current_caller
from kit.timestamps import from_timestamp, to_timestamp
from services.agents.webhooks.convert import delivery_to_proto, state_of, webhook_to_proto
from services.agents.webhooks.service import WebhookService

Context = Any  # grpc.aio.ServicerContext


class WebhookHandlers(webhooks_pb2_grpc.WebhookServiceServicer):
    """Serves `piecework.agents.v1.WebhookService`."""

    def __init__(self, service: WebhookService) -> None:
        self._service = service

    async def CreateWebhook(self, request: pb.CreateWebhookRequest, context: Context) -> pb.CreateWebhookResponse:
        """Make a webhook.

        Its answer holds a secret, so it is not kept for a retry as others are: the webhook itself carries the key.
        """
        created = await self._service.create(current_caller(), request.url, request.events, _key_of(context))
        if created.replayed:
            context.set_trailing_metadata(((REPLAYED_METADATA_KEY, "true"),))
        return pb.CreateWebhookResponse(webhook=webhook_to_proto(created.webhook), secret=created.secret)

    async def ListWebhooks(self, request: pb.ListWebhooksRequest, _: Context) -> pb.ListWebhooksResponse:
        """List the caller's webhooks."""
        found = await self._service.list_webhooks(current_caller())
        return pb.ListWebhooksResponse(webhooks=[webhook_to_proto(webhook) for webhook in found])

    async def GetWebhook(self, request: pb.GetWebhookRequest, _: Context) -> pb.GetWebhookResponse:
        """Read one of the caller's webhooks."""
        found = await self._service.get(current_caller(), request.webhook_id)
        return pb.GetWebhookResponse(webhook=webhook_to_proto(found))

    async def DeleteWebhook(self, request: pb.DeleteWebhookRequest, _: Context) -> pb.DeleteWebhookResponse:
        """Remove one of the caller's webhooks."""
        await self._service.delete(current_caller(), request.webhook_id)
        return pb.DeleteWebhookResponse()

    async def RotateWebhookSecret(
        self, request: pb.RotateWebhookSecretRequest, _: Context
    ) -> pb.RotateWebhookSecretResponse:
        """Give one of the caller's webhooks a new secret."""
        webhook, secret, until = await self._service.rotate(current_caller(), request.webhook_id)
        return pb.RotateWebhookSecretResponse(
            webhook=webhook_to_proto(webhook), secret=secret, old_secret_valid_until=to_timestamp(until)
        )

    async def ListDeliveries(self, request: pb.ListDeliveriesRequest, _: Context) -> pb.ListDeliveriesResponse:
        """List what was and is to be sent."""
        found, cursor = await self._service.list_deliveries(
            current_caller(),
            request.webhook_id,
            limit=request.limit,
            cursor=request.cursor,
            state=state_of(request.state),
        )
        return pb.ListDeliveriesResponse(deliveries=[delivery_to_proto(delivery) for delivery in found], cursor=cursor)

    async def ReplayDeliveries(self, request: pb.ReplayDeliveriesRequest, _: Context) -> pb.ReplayDeliveriesResponse:
        """Deliver again."""
        replayed = await self._service.replay(
            current_caller(),
            request.webhook_id,
            request.delivery_ids,
            from_timestamp(getattr(request, "from")) if request.HasField("from") else None,
            from_timestamp(request.to) if request.HasField("to") else None,
        )
        return pb.ReplayDeliveriesResponse(replayed=replayed)


def _key_of(context: Context) -> str | None:
    for name, value in context.invocation_metadata() or ():
        if name == METADATA_KEY:
            return value if isinstance(value, str) else value.decode("latin-1")
    return None
