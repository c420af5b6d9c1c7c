"""Who is served when many wait: one thing after the other to each endpoint, and no operator takes the place of all."""

from __future__ import annotations

import asyncio
import itertools
from datetime import timedelta

from aiohttp import web
from piecework.agents.v1 import webhooks_pb2 as pb

from tests.service.agents.webhooks.platform import WebhookPlatform, agent
from tests.service.agents.webhooks.receiver import Receiver, hang

CLAIM = {"claim_id": 3, "agent_id": 1}
DELIVERED = pb.DELIVERY_STATE_DELIVERED


async def test_one_after_the_other_to_one_endpoint_and_many_endpoints_at_once(
    hooks: WebhookPlatform, receiver: Receiver
) -> None:
    slow = await hooks.create(receiver.answering(hang, path="slow"))
    for number in range(2, 12):
        await hooks.create(receiver.answering(200, path=str(number)), caller=agent(number))
    for _ in range(5):
        await hooks.happens("task.created")
    sending = asyncio.create_task(hooks.send())
    # The others get all of theirs while the slow one still holds its first.
    for number in range(2, 12):
        assert len({call.id for call in await receiver.has(5, str(number))}) == 5
    assert len(receiver.at("slow")) == 1
    await hooks.happens("task.created")
    again = asyncio.create_task(hooks.send())
    await receiver.has(6, "2")
    assert len(receiver.at("slow")) == 1
    receiver.released.set()
    await asyncio.gather(sending, again)
    assert len(receiver.at("slow")) == 6
    assert len(await hooks.deliveries(slow.webhook.id, state=DELIVERED)) == 6


async def test_an_operator_whose_endpoints_all_hang_delays_no_other(hooks: WebhookPlatform, receiver: Receiver) -> None:
    for number in range(1, 6):
        await hooks.create(receiver.answering(hang, path=f"slow-{number}"), caller=agent(number, operator_id=1))
    await hooks.happens("task.created")
    sender = hooks.new_sender(hooks.clock, concurrency=4, share=3)
    sending = asyncio.create_task(sender.work_off())
    for number in range(1, 3):
        await receiver.has(1, f"slow-{number}")
    await hooks.create(receiver.answering(200, path="quick"), caller=agent(9, operator_id=2))
    await hooks.happens("task.created")
    sender.wake()
    again = asyncio.create_task(sender.work_off())
    await receiver.has(1, "quick")
    assert [len(receiver.at(f"slow-{number}")) for number in range(1, 6)] == [1, 1, 0, 0, 0]
    receiver.released.set()
    await asyncio.gather(sending, again)
    assert [len(receiver.at(f"slow-{number}")) for number in range(1, 6)] == [2] * 5


async def test_operators_whose_endpoints_all_hang_leave_a_place_for_one_more(
    hooks: WebhookPlatform, receiver: Receiver
) -> None:
    numbers = itertools.count(1)
    for operator_id in range(1, 5):
        for number in itertools.islice(numbers, 4):
            url = receiver.answering(hang, path=f"slow-{number}")
            await hooks.create(url, caller=agent(number, operator_id=operator_id))
    await hooks.happens("task.created")
    sender = hooks.new_sender(hooks.clock, concurrency=16, share=4)
    sending = asyncio.create_task(sender.work_off())
    await receiver.has(14)
    await hooks.create(receiver.answering(200, path="quick"), caller=agent(99, operator_id=5))
    await hooks.happens("task.created")
    again = asyncio.create_task(sender.work_off())
    await receiver.has(1, "quick")
    assert receiver.busy == 14
    receiver.released.set()
    await asyncio.gather(sending, again)
    assert len(receiver.calls) == 2 * 16 + 1


async def test_a_receiver_that_is_slow_gives_its_place_back_after_a_turn(
    hooks: WebhookPlatform, receiver: Receiver
) -> None:
    async def slow(_: Receiver, __: web.Request) -> web.StreamResponse:
        hooks.clock.set(hooks.clock.now() + timedelta(seconds=9))
        return web.Response()

    await hooks.create(receiver.answering(slow, path="slow"), caller=agent(1, operator_id=1))
    await hooks.happens("task.created")
    await hooks.happens("task.created")
    hooks.clock.set(hooks.clock.now() + timedelta(seconds=1))
    await hooks.create(receiver.answering(200, path="quick"), caller=agent(2, operator_id=2))
    await hooks.happens("task.created")
    await hooks.new_sender(hooks.clock, concurrency=1).work_off()
    assert [call.path for call in receiver.calls] == ["/slow", "/quick", "/slow", "/slow"]


async def test_one_endpoint_is_never_asked_twice_at_once(hooks: WebhookPlatform, receiver: Receiver) -> None:
    senders = [hooks.new_sender(hooks.clock) for _ in range(6)]
    made = await hooks.create(receiver.answering(200))
    for _ in range(60):
        await hooks.happens("claim.rejected", **CLAIM)
    await asyncio.gather(*(sender.work_off() for sender in senders))
    await hooks.send()
    assert receiver.most_busy == 1
    assert len(receiver.calls) == len({call.id for call in receiver.calls}) == 60
    assert len(await hooks.deliveries(made.webhook.id, state=DELIVERED, limit=100)) == 60
