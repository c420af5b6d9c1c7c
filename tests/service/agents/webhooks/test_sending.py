"""Deliveries on their way to receivers that fail, hang, redirect and hang up."""

from __future__ import annotations

import hashlib
import hmac
from datetime import timedelta

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from piecework.agents.v1 import webhooks_pb2 as pb
from standardwebhooks.webhooks import Webhook as StandardWebhook
from standardwebhooks.webhooks import WebhookVerificationError

from services.agents.webhooks.courier import TIMEOUT_SECONDS, Courier
from services.agents.webhooks.loops import Sender
from services.agents.webhooks.model import RETRIES
from tests.service.agents.webhooks.platform import WebhookPlatform
from tests.service.agents.webhooks.receiver import Answer, Receiver, endless, hang, hang_up, status

CLAIM = {"claim_id": 3, "agent_id": 1}
PENDING, DELIVERED, DEAD = pb.DELIVERY_STATE_PENDING, pb.DELIVERY_STATE_DELIVERED, pb.DELIVERY_STATE_DEAD


def signed(call_body: bytes, secret: str) -> str:
    return hmac.new(secret.encode(), call_body, hashlib.sha256).hexdigest()


async def test_all_three_signatures(hooks: WebhookPlatform, receiver: Receiver) -> None:
    made = await hooks.create(receiver.answering(204))
    await hooks.happens("claim.rejected", **CLAIM)
    await hooks.send()
    (call,) = receiver.calls
    assert call.verified(made.secret)["data"]["claim_id"] == 3
    expected = signed(call.body, made.secret)
    now = str(int(hooks.clock.now().timestamp()))
    assert call.headers["X-TaskHive-Signature"] == f"sha256={expected}"
    assert call.headers["X-AITasker-Signature"] == expected
    assert call.headers["webhook-timestamp"] == call.headers["X-AITasker-Timestamp"] == now
    assert call.headers["X-TaskHive-Timestamp"] == now
    assert call.id == call.headers["X-TaskHive-Delivery"] == call.headers["X-AITasker-Delivery-Id"]
    assert call.headers["Content-Type"] == "application/json"
    with pytest.raises(WebhookVerificationError):
        StandardWebhook("whsec_" + "0" * 48).verify(call.body, dict(call.headers))


async def test_the_receiver_can_go_on_with_the_trace(hooks: WebhookPlatform, receiver: Receiver) -> None:
    app, spans = hooks.app, InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    traced = Courier(app.outbound, app.ring, provider.get_tracer("test"), hooks.clock)
    await hooks.create(receiver.answering(500, 200))
    await hooks.happens("claim.rejected", **CLAIM)
    for courier in (traced, app.courier):
        await Sender(app.endpoints, app.delivery_store, courier, app.webhook_metrics, hooks.clock).work_off()
        hooks.clock.set(hooks.clock.now() + timedelta(seconds=10))
    first, second = receiver.calls
    (span,) = spans.get_finished_spans()
    assert span.name == "webhook claim.rejected"
    assert (span.attributes or {})["http.response.status_code"] == 500
    assert first.headers["traceparent"].split("-")[1:3] == [
        f"{span.context.trace_id:032x}",
        f"{span.context.span_id:016x}",
    ]
    assert "traceparent" not in second.headers


async def test_for_a_day_after_a_rotation_the_old_secret_signs_too(hooks: WebhookPlatform, receiver: Receiver) -> None:
    made = await hooks.create(receiver.answering(200))
    rotated = await hooks.rotate(made.webhook.id)
    assert rotated.secret != made.secret
    assert rotated.webhook.secret_prefix == rotated.secret[:8]
    until = rotated.old_secret_valid_until.ToDatetime(hooks.clock.now().tzinfo)
    assert until == hooks.clock.now() + timedelta(hours=24)
    await hooks.happens("claim.rejected", **CLAIM)
    await hooks.send()
    (call,) = receiver.calls
    assert call.verified(made.secret) == call.verified(rotated.secret)
    assert len(call.headers["webhook-signature"].split(" ")) == 2
    assert call.headers["X-AITasker-Signature"] == signed(call.body, rotated.secret)
    await hooks.pass_time(hours=24)
    await hooks.happens("claim.rejected", **CLAIM)
    await hooks.send()
    assert len(receiver.calls[1].headers["webhook-signature"].split(" ")) == 1


@pytest.mark.parametrize(
    ("answer", "status_code", "error"),
    [
        (status(500), 500, "The receiver answered 500"),
        (status(302, {"Location": "/secret"}), 302, "The receiver answered 302"),
        (status(304), 304, "The receiver answered 304"),
        (status(404), 404, "The receiver answered 404"),
        (hang_up, 0, "The connection was lost"),
    ],
)
async def test_what_fails_is_tried_again_with_the_same_id(
    hooks: WebhookPlatform, receiver: Receiver, answer: Answer, status_code: int, error: str
) -> None:
    made = await hooks.create(receiver.answering(answer, 200))
    await hooks.happens("claim.rejected", **CLAIM)
    await hooks.send()
    (delivery,) = await hooks.deliveries(made.webhook.id)
    assert delivery.state == PENDING
    assert [(each.status_code, each.error) for each in delivery.attempts] == [(status_code, error)]
    assert (await hooks.get(made.webhook.id)).failure_count == 1
    await hooks.pass_time(seconds=4.9)
    assert len(receiver.calls) == 1
    await hooks.pass_time(seconds=0.1)
    first, second = receiver.calls
    assert first.id == second.id == delivery.id
    assert first.body == second.body
    assert (first.path, second.path) == ("/hook", "/hook")
    (delivery,) = await hooks.deliveries(made.webhook.id)
    assert delivery.state == DELIVERED
    assert not delivery.HasField("next_attempt_at")
    webhook = await hooks.get(made.webhook.id)
    assert webhook.failure_count == 0
    assert webhook.last_triggered_at.ToDatetime(hooks.clock.now().tzinfo) == hooks.clock.now()


async def test_the_pauses_between_attempts_and_the_end_of_them(hooks: WebhookPlatform, receiver: Receiver) -> None:
    made = await hooks.create(receiver.answering(500))
    await hooks.happens("claim.rejected", **CLAIM)
    await hooks.send()
    for number, pause in enumerate(RETRIES, 1):
        await hooks.pass_time(seconds=pause.total_seconds() - 1)
        assert len(receiver.calls) == number
        await hooks.pass_time(seconds=1)
        assert len(receiver.calls) == number + 1
    (delivery,) = await hooks.deliveries(made.webhook.id)
    assert delivery.state == DEAD
    assert len(delivery.attempts) == 7
    assert len({call.id for call in receiver.calls}) == 1
    await hooks.pass_time(days=365)
    assert len(receiver.calls) == 7
    assert len(await hooks.deliveries(made.webhook.id, state=DEAD)) == 1


async def test_a_receiver_that_hangs_is_given_ten_seconds(hooks: WebhookPlatform, receiver: Receiver) -> None:
    assert TIMEOUT_SECONDS == 10
    hooks.app.sender = hooks.new_sender(hooks.clock, timeout_seconds=0.3)
    made = await hooks.create(receiver.answering(hang, 200))
    await hooks.happens("claim.rejected", **CLAIM)
    await hooks.send()
    (delivery,) = await hooks.deliveries(made.webhook.id)
    assert [(each.status_code, each.error) for each in delivery.attempts] == [(0, "No answer within 0.3 seconds")]
    assert delivery.attempts[0].duration_ms >= 300
    await hooks.pass_time(seconds=5)
    assert len({call.id for call in receiver.calls}) == 1
    assert (await hooks.deliveries(made.webhook.id))[0].state == DELIVERED


async def test_a_receiver_that_never_stops_talking_has_said_yes(hooks: WebhookPlatform, receiver: Receiver) -> None:
    made = await hooks.create(receiver.answering(endless))
    await hooks.happens("claim.rejected", **CLAIM)
    await hooks.send()
    assert (await hooks.deliveries(made.webhook.id))[0].state == DELIVERED


async def test_410_switches_a_webhook_off(hooks: WebhookPlatform, receiver: Receiver) -> None:
    made = await hooks.create(receiver.answering(410, 200))
    await hooks.happens("claim.rejected", **CLAIM)
    await hooks.happens("claim.rejected", **CLAIM)
    await hooks.send()
    assert not (await hooks.get(made.webhook.id)).is_active
    states = [each.state for each in await hooks.deliveries(made.webhook.id)]
    assert sorted(states) == [PENDING, DEAD]
    await hooks.happens("claim.rejected", **CLAIM)
    await hooks.pass_time(days=1)
    assert len(receiver.calls) == 1
    assert len(await hooks.deliveries(made.webhook.id)) == 2
    # Who asks for a new secret is there again: what waited comes, and new events too.
    assert (await hooks.rotate(made.webhook.id)).webhook.is_active
    await hooks.send()
    await hooks.happens("claim.rejected", **CLAIM)
    await hooks.send()
    assert len(receiver.calls) == 3


async def test_ten_failures_in_a_row_switch_a_webhook_off(hooks: WebhookPlatform, receiver: Receiver) -> None:
    made = await hooks.create(receiver.answering(*[500] * 9, 200, *[500] * 10, 200))
    for _ in range(30):
        await hooks.happens("claim.rejected", **CLAIM)
    began = hooks.clock.now()
    await hooks.send()
    # Thirty events wait, yet one failure a time: a receiver that is away for a moment is not given up.
    assert len(receiver.calls) == 1
    while len(receiver.calls) < 10:
        await hooks.pass_time(seconds=1)
    assert hooks.clock.now() - began > timedelta(minutes=3)
    webhook = await hooks.get(made.webhook.id)
    assert (webhook.is_active, webhook.failure_count) == (True, 1)
    for _ in range(1000):
        await hooks.pass_time(seconds=1)
        if not (webhook := await hooks.get(made.webhook.id)).is_active:
            break
    assert (webhook.is_active, webhook.failure_count) == (False, 10)
    assert len(receiver.calls) == 20
    await hooks.pass_time(days=1)
    assert len(receiver.calls) == 20
    rotated = await hooks.rotate(made.webhook.id)
    assert (rotated.webhook.is_active, rotated.webhook.failure_count) == (True, 0)
    await hooks.send()
    assert len({call.id for call in receiver.calls}) == 30
