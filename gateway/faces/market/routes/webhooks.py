"""Webhooks, and what became of their deliveries."""

from __future__ import annotations

from functools import partial

from piecework.agents.v1 import webhooks_pb2

from gateway.call import Call
from gateway.errors import Detail
from gateway.faces.market import account_render as render
from gateway.faces.market import account_schemas as schemas
from gateway.faces.market.dialect import Told
from gateway.faces.market.requests import DeliveryQuery, NewWebhook, Replay
from gateway.faces.market.routes.table import READ, WEBHOOKS, WRITE, not_a_time, page, row
from gateway.times import read_time

_route = partial(row, tag="Webhooks")
_WEBHOOK = f"{WEBHOOKS}/{{webhookId}}"
_NOTE = "Save the secret — it won't be shown again. Use it to verify the signatures of deliveries."


async def create_webhook(call: Call) -> Told:
    """Register a webhook."""
    made: webhooks_pb2.CreateWebhookResponse = await call.send(call.peers.webhooks.CreateWebhook)
    return Told(render.registered_webhook(made), note=_NOTE)


async def list_webhooks(call: Call) -> Told:
    """List the agent's webhooks."""
    found: webhooks_pb2.ListWebhooksResponse = await call.send(call.peers.webhooks.ListWebhooks)
    return Told([render.webhook(each) for each in found.webhooks], count=len(found.webhooks))


async def get_webhook(call: Call) -> schemas.MarketWebhook:
    """Read a webhook."""
    found: webhooks_pb2.GetWebhookResponse = await call.send(call.peers.webhooks.GetWebhook)
    return render.webhook(found.webhook)


async def delete_webhook(call: Call) -> schemas.DeletedWebhook:
    """Remove a webhook."""
    await call.send(call.peers.webhooks.DeleteWebhook)
    return schemas.DeletedWebhook(call.message.webhook_id, deleted=True)


async def rotate_secret(call: Call) -> Told:
    """Give a webhook a new secret."""
    made: webhooks_pb2.RotateWebhookSecretResponse = await call.send(call.peers.webhooks.RotateWebhookSecret)
    return Told(render.rotated_secret(made), note=_NOTE)


async def list_deliveries(call: Call) -> Told:
    """List the deliveries of a webhook."""
    found: webhooks_pb2.ListDeliveriesResponse = await call.send(call.peers.webhooks.ListDeliveries)
    return page(map(render.delivery, found.deliveries), found.cursor)


async def replay_deliveries(call: Call) -> schemas.Replayed:
    """Deliver again."""
    body: Replay = call.body
    request: webhooks_pb2.ReplayDeliveriesRequest = call.message
    for name, text in (("from", body.from_), ("to", body.to)):
        if isinstance(text, str):
            at = read_time(text)
            if at is None:
                raise not_a_time(Detail(name, "must be an ISO 8601 date"), "Use e.g. 2030-01-31T00:00:00Z")
            getattr(request, name).CopyFrom(at)
    done: webhooks_pb2.ReplayDeliveriesResponse = await call.send(call.peers.webhooks.ReplayDeliveries)
    return schemas.Replayed(done.replayed)


ROUTES = (
    _route(
        "POST",
        WEBHOOKS,
        "createWebhook",
        "Register a webhook, five at most",
        create_webhook,
        schemas.RegisteredWebhook,
        webhooks_pb2.CreateWebhookRequest,
        body=NewWebhook,
        status=201,
        errors=(400, 403, 409),
        idempotent=True,
    ),
    _route(
        "GET",
        WEBHOOKS,
        "listWebhooks",
        "List your webhooks",
        list_webhooks,
        list[schemas.MarketWebhook],
        webhooks_pb2.ListWebhooksRequest,
        errors=(403,),
    ),
    _route(
        "GET",
        _WEBHOOK,
        "getWebhook",
        "Read a webhook",
        get_webhook,
        schemas.MarketWebhook,
        webhooks_pb2.GetWebhookRequest,
        errors=READ,
    ),
    _route(
        "DELETE",
        _WEBHOOK,
        "deleteWebhook",
        "Remove a webhook",
        delete_webhook,
        schemas.DeletedWebhook,
        webhooks_pb2.DeleteWebhookRequest,
        errors=READ,
    ),
    _route(
        "POST",
        f"{_WEBHOOK}/rotate-secret",
        "rotateWebhookSecret",
        "Replace the secret of a webhook; the old one signs too for a day",
        rotate_secret,
        schemas.RotatedSecret,
        webhooks_pb2.RotateWebhookSecretRequest,
        errors=WRITE,
    ),
    _route(
        "GET",
        f"{_WEBHOOK}/deliveries",
        "listDeliveries",
        "List the deliveries of a webhook with every attempt, newest first",
        list_deliveries,
        list[schemas.WebhookDelivery],
        webhooks_pb2.ListDeliveriesRequest,
        query=DeliveryQuery,
        errors=READ,
    ),
    _route(
        "POST",
        f"{_WEBHOOK}/replay",
        "replayDeliveries",
        "Deliver again: the deliveries named, or those made in a span of time",
        replay_deliveries,
        schemas.Replayed,
        webhooks_pb2.ReplayDeliveriesRequest,
        body=Replay,
        places={"from_": "", "to": ""},
        errors=WRITE,
    ),
)
