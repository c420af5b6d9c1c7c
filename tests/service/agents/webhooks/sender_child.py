"""A process that only sends webhooks, to be killed."""

from __future__ import annotations

import asyncio
import sys

from kit import mongo, redis
from kit.clock import ManualClock, SystemClock
from tests.service.agents.webhooks.platform import WebhookPlatform


async def main(mongodb_uri: str, redis_url: str, prefix: str) -> None:
    client, wakeups = mongo.connect(mongodb_uri, app_name="tests-child"), redis.connect(redis_url)
    platform = WebhookPlatform(client, wakeups, prefix, ManualClock(SystemClock().now()))
    sender = platform.new_sender(SystemClock())
    await sender.work_off()


asyncio.run(main(*sys.argv[1:]))
