"""What was delivered, is waiting or dead: in pages, and once more."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from piecework.agents.v1 import webhooks_pb2 as pb

from kit.errors import InvalidInput, NotFound
from kit.timestamps import to_timestamp
from tests.service.agents.webhooks.platform import WORKER, WebhookPlatform, agent
from tests.service.agents.webhooks.receiver import Receiver
from tests.service.hosting import refused

CLAIM = {"claim_id": 3, "agent_id": 1}
PENDING, DELIVERED, DEAD = pb.DELIVERY_STATE_PENDING, pb.DELIVERY_STATE_DELIVERED, pb.DELIVERY_STATE_DEAD


async def test_pages_hold_everything_once_newest_first(hooks: WebhookPlatform, receiver: Receiver) -> None:
    webhook_id = (await hooks.create(receiver.answering(200))).webhook.id
    other = (await hooks.create(receiver.answering(200))).webhook.id
    for number in range(25):
        await hooks.happens("claim.rejected", **CLAIM)
        if number % 3 == 0:
            await hooks.pass_time(seconds=1)
    found: list[pb.Delivery] = []
    cursor = ""
    while True:
        request = pb.ListDeliveriesRequest(webhook_id=webhook_id, limit=4, cursor=cursor)
        page = await hooks.call("ListDeliveries", request)
        found += page.deliveries
        cursor = page.cursor
        if not cursor:
            break
        assert len(page.deliveries) == 4
    assert len({each.id for each in found}) == 25
    times = [each.created_at.ToMilliseconds() for each in found]
    assert times == sorted(times, reverse=True)
    assert len(await hooks.deliveries(webhook_id)) == 20
    waiting = await hooks.deliveries(webhook_id, state=PENDING, limit=100)
    arrived = await hooks.deliveries(webhook_id, state=DELIVERED, limit=100)
    assert len(waiting) + len(arrived) == 25
    assert len(await hooks.deliveries(other, limit=100)) == 25


async def test_a_cursor_belongs_to_one_list(hooks: WebhookPlatform, receiver: Receiver) -> None:
    webhook_id = (await hooks.create(receiver.answering(200))).webhook.id
    other = (await hooks.create(receiver.answering(200))).webhook.id
    for _ in range(3):
        await hooks.happens("claim.rejected", **CLAIM)
    page = await hooks.call("ListDeliveries", pb.ListDeliveriesRequest(webhook_id=webhook_id, limit=1))
    for others in (
        pb.ListDeliveriesRequest(cursor=page.cursor, webhook_id=other),
        pb.ListDeliveriesRequest(cursor=page.cursor, webhook_id=webhook_id, state=DEAD),
    ):
        with refused("CURSOR_INVALID", InvalidInput):
            await hooks.call("ListDeliveries", others)
    with refused("CURSOR_INVALID", InvalidInput):
        await hooks.deliveries(webhook_id, cursor="x")


async def test_a_dead_letter_is_delivered_again_with_its_id(hooks: WebhookPlatform, receiver: Receiver) -> None:
    webhook_id = (await hooks.create(receiver.answering(*[500] * 7, 500, 200))).webhook.id
    await hooks.happens("claim.rejected", **CLAIM)
    for hours in (0, 1, 1, 1, 3, 6, 11):
        await hooks.pass_time(hours=hours)
    (dead,) = await hooks.deliveries(webhook_id)
    assert (dead.state, len(dead.attempts)) == (DEAD, 7)
    assert await hooks.replay(webhook_id, dead.id) == 1
    await hooks.send()
    await hooks.pass_time(seconds=5)
    (delivery,) = await hooks.deliveries(webhook_id)
    assert (delivery.id, delivery.state, len(delivery.attempts)) == (dead.id, DELIVERED, 9)
    assert {call.id for call in receiver.calls} == {dead.id}


async def test_a_span_of_time_is_delivered_again(hooks: WebhookPlatform, receiver: Receiver) -> None:
    webhook_id = (await hooks.create(receiver.answering(200))).webhook.id
    other = (await hooks.create(receiver.answering(200, path="other"))).webhook.id
    began = hooks.clock.now()
    for _ in range(6):
        await hooks.happens("claim.rejected", **CLAIM)
        await hooks.pass_time(minutes=1)
    receiver.calls.clear()
    ids = [each.id for each in reversed(await hooks.deliveries(webhook_id))]
    span: dict[str, Any] = {
        "from": to_timestamp(began + timedelta(minutes=2)),
        "to": to_timestamp(began + timedelta(minutes=4)),
    }
    assert await hooks.replay(webhook_id, **span) == 2
    await hooks.send()
    assert [call.id for call in receiver.calls] == ids[2:4]
    receiver.calls.clear()
    assert await hooks.replay(webhook_id, to=span["from"]) == 2
    later: dict[str, Any] = {"from": span["to"]}
    assert await hooks.replay(webhook_id, **later) == 2
    await hooks.send()
    assert {call.id for call in receiver.calls} == {*ids[:2], *ids[4:]}
    assert len(await hooks.deliveries(other, state=DELIVERED)) == 6


async def test_a_replay_switches_a_webhook_on(hooks: WebhookPlatform, receiver: Receiver) -> None:
    webhook_id = (await hooks.create(receiver.answering(410, 200))).webhook.id
    await hooks.happens("claim.rejected", **CLAIM)
    await hooks.send()
    assert not (await hooks.get(webhook_id)).is_active
    (gone,) = await hooks.deliveries(webhook_id)
    await hooks.replay(webhook_id, gone.id)
    assert (await hooks.get(webhook_id)).is_active
    await hooks.send()
    assert [call.id for call in receiver.calls] == [gone.id] * 2


async def test_what_cannot_be_replayed(hooks: WebhookPlatform, receiver: Receiver) -> None:
    webhook_id = (await hooks.create(receiver.answering(200))).webhook.id
    foreign = (await hooks.create(receiver.answering(200), caller=agent(2))).webhook.id
    await hooks.happens("task.created")
    await hooks.send()
    receiver.calls.clear()
    (mine,) = await hooks.deliveries(webhook_id)
    (theirs,) = await hooks.deliveries(foreign, agent(2))
    for ids in (["whd_0"], [mine.id, theirs.id], [mine.id, "whd_0"]):
        with refused("DELIVERY_NOT_FOUND", NotFound):
            await hooks.replay(webhook_id, *ids)
    with refused("VALIDATION_FAILED", InvalidInput):
        await hooks.replay(webhook_id)
    await hooks.send()
    assert receiver.calls == []
    assert await hooks.replay(webhook_id, to=to_timestamp(hooks.clock.now() - timedelta(days=1))) == 0


@pytest.mark.parametrize("arrived", [True, False])
async def test_only_what_arrived_is_removed_one_day(hooks: WebhookPlatform, receiver: Receiver, arrived: bool) -> None:
    webhook_id = (await hooks.create(receiver.answering(200 if arrived else 500), caller=WORKER)).webhook.id
    await hooks.happens("claim.rejected", **CLAIM)
    await hooks.send()
    stored = hooks.database["webhook_deliveries"]
    expected = hooks.clock.now() + timedelta(days=30)
    assert ((await stored.find_one({})) or {}).get("expires_at") == (expected if arrived else None)
    (delivery,) = await hooks.deliveries(webhook_id)
    await hooks.replay(webhook_id, delivery.id)
    assert "expires_at" not in ((await stored.find_one({})) or {})
