"""What operators see of webhooks."""

from __future__ import annotations

from datetime import timedelta

from tests.service.agents.webhooks.platform import WebhookPlatform
from tests.service.agents.webhooks.receiver import Receiver

CLAIM = {"claim_id": 3, "agent_id": 1}


async def test_outcomes_and_what_waits(hooks: WebhookPlatform, receiver: Receiver) -> None:
    await hooks.create(receiver.answering(500, 200, 410))
    await hooks.happens("claim.rejected", **CLAIM)
    await hooks.pass_time(seconds=0)
    await hooks.happens("claim.rejected", **CLAIM)
    hooks.clock.set(hooks.clock.now().replace(microsecond=0))

    def value(name: str, **labels: str) -> float:
        return hooks.registry.get_sample_value(f"piecework_webhook_{name}", labels) or 0

    await hooks.registry.refresh()
    assert value("waiting") == 2
    assert value("deliveries_total", outcome="retry") == 1
    await hooks.pass_time(seconds=60)
    await hooks.registry.refresh()
    assert value("deliveries_total", outcome="delivered") == 1
    assert value("deliveries_total", outcome="dead") == 1
    assert value("disabled_total") == 1
    assert value("waiting") == 0
    assert value("oldest_waiting_seconds") == 0
    assert value("attempt_seconds_count") == 3


async def test_how_late_the_sender_is(hooks: WebhookPlatform, receiver: Receiver) -> None:
    await hooks.create(receiver.answering(500))
    await hooks.happens("claim.rejected", **CLAIM)

    async def late() -> float | None:
        await hooks.registry.refresh()
        return hooks.registry.get_sample_value("piecework_webhook_oldest_waiting_seconds")

    hooks.clock.set(hooks.clock.now() + timedelta(minutes=10))
    assert await late() == 600
    await hooks.send()
    assert await late() == 0
    hooks.clock.set(hooks.clock.now() + timedelta(seconds=65))
    assert await late() == 60
