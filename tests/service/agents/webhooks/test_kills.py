"""Senders that die while they send, and several at once."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest
from piecework.agents.v1 import webhooks_pb2 as pb

from services.agents.webhooks.store.endpoints import HOLD
from tests.service.agents.webhooks.conftest import MakePlatform
from tests.service.agents.webhooks.platform import WebhookPlatform
from tests.service.agents.webhooks.receiver import Receiver, hang

ROOT = Path(__file__).parents[4]
CHILD = "tests.service.agents.webhooks.sender_child"
CLAIM = {"claim_id": 3, "agent_id": 1}
DELIVERED = pb.DELIVERY_STATE_DELIVERED


async def test_a_process_killed_while_it_sends_leaves_its_delivery_to_another(
    hooks: WebhookPlatform, receiver: Receiver, mongodb_uri: str, redis_url: str, database_prefix: str
) -> None:
    made = await hooks.create(receiver.answering(hang, 200))
    await hooks.happens("claim.rejected", **CLAIM)
    await hooks.happens("claim.rejected", **CLAIM)
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        CHILD,
        mongodb_uri,
        redis_url,
        database_prefix,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'gen'}"},
    )
    try:
        (first,) = await receiver.has(1)
    finally:
        child.kill()
        await child.wait()
    # The endpoint is still held in its name.
    await hooks.pass_time(seconds=HOLD.total_seconds() / 2)
    assert len(receiver.calls) == 1
    await hooks.pass_time(seconds=HOLD.total_seconds())
    assert len(receiver.calls) == 3
    deliveries = await hooks.deliveries(made.webhook.id, state=DELIVERED)
    assert {each.id for each in deliveries} == {call.id for call in receiver.calls}
    # The one that was under way came again: the same thing under the same id.
    (again,) = [call for call in receiver.calls[1:] if call.id == first.id]
    assert again.body == first.body
    assert again.verified(made.secret)["event"] == "claim.rejected"


async def test_a_sender_that_is_stopped_hands_over_at_once(hooks: WebhookPlatform, receiver: Receiver) -> None:
    made = await hooks.create(receiver.answering(hang, 200))
    await hooks.happens("claim.rejected", **CLAIM)
    sending = asyncio.create_task(hooks.new_sender(hooks.clock).run())
    (first,) = await receiver.has(1)
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
    await hooks.send()
    assert [call.id for call in receiver.calls] == [first.id] * 2
    (delivery,) = await hooks.deliveries(made.webhook.id)
    assert (delivery.state, len(delivery.attempts)) == (DELIVERED, 1)


@pytest.mark.parametrize("replicas", [4])
async def test_replicas_share_the_work(make_platform: MakePlatform, receiver: Receiver, replicas: int) -> None:
    all_of_them = [await make_platform(patient=False) for _ in range(replicas)]
    first = all_of_them[0]
    made = [await first.create(receiver.answering(200, path=str(number)), "task.new_match") for number in range(5)]
    for number in range(40):
        await all_of_them[number % replicas].app.publisher.publish(first.event("task.created"))
    for number in range(5):
        await receiver.has(40, str(number))
    ids = [call.id for call in receiver.calls]
    assert len(ids) == len(set(ids)) == 200
    # Whoever still holds an endpoint lets go of it when it has written down what it did.
    await asyncio.gather(*(each.app.sender.work_off() for each in all_of_them))
    for webhook in made:
        assert len(await first.deliveries(webhook.webhook.id, state=DELIVERED, limit=100)) == 40


async def test_a_secret_that_cannot_be_opened_leaves_the_deliveries_alone(
    make_platform: MakePlatform, hooks: WebhookPlatform, receiver: Receiver
) -> None:
    made = await hooks.create(receiver.answering(200))
    await hooks.happens("claim.rejected", **CLAIM)
    stranger = await make_platform(keys=(("other", "cd" * 32),))
    await stranger.send()
    (delivery,) = await hooks.deliveries(made.webhook.id)
    assert (delivery.state, len(delivery.attempts)) == (pb.DELIVERY_STATE_PENDING, 0)
    assert (await hooks.get(made.webhook.id)).failure_count == 0
    await hooks.pass_time(minutes=2)
    assert len(receiver.calls) == 1


async def test_what_comes_while_the_last_one_is_sent_is_sent_too(hooks: WebhookPlatform, receiver: Receiver) -> None:
    await hooks.create(receiver.answering(hang, 200))
    await hooks.happens("claim.rejected", **CLAIM)
    sending = asyncio.create_task(hooks.send())
    await receiver.has(1)
    await hooks.happens("claim.rejected", **CLAIM)
    receiver.released.set()
    await sending
    assert len({call.id for call in receiver.calls}) == 2


async def test_a_webhook_deleted_while_it_is_sent_to_gets_nothing_more(
    hooks: WebhookPlatform, receiver: Receiver
) -> None:
    made = await hooks.create(receiver.answering(hang, 200))
    for _ in range(20):
        await hooks.happens("claim.rejected", **CLAIM)
    sending = asyncio.create_task(hooks.send())
    await receiver.has(1)
    await hooks.delete(made.webhook.id)
    receiver.released.set()
    await sending
    assert len(receiver.calls) == 1
    assert await hooks.database["webhook_deliveries"].count_documents({}) == 0


async def test_the_sender_finds_out_by_itself_when_something_is_due(
    make_platform: MakePlatform, receiver: Receiver
) -> None:
    hooks = await make_platform(patient=False)
    await hooks.create(receiver.answering(500, 200))
    await hooks.happens("claim.rejected", **CLAIM)
    await receiver.has(1)
    await hooks.send()  # until it is written down that this failed
    hooks.clock.set(hooks.clock.now() + 2 * HOLD)
    await receiver.has(2)
