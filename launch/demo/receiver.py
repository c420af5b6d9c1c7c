"""Receives webhooks, and believes only those that are signed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from standardwebhooks import Webhook, WebhookVerificationError

from launch.errors import CommandFailed

_HOST = "127.0.0.1"
_WAIT_SECONDS = 30.0


class Receiver:
    """Keeps the events that came with a right signature.

    Attributes:
        url: where it listens.
        secret: of the webhook; told when that has been made.
    """

    def __init__(self) -> None:
        self.url = ""
        self.secret = ""
        self._arrived = asyncio.Condition()
        self._events: dict[str, tuple[str, Any]] = {}

    async def take(self, request: web.Request) -> web.Response:
        """Take a delivery in; the same one may come twice and counts once."""
        try:
            content = Webhook(self.secret).verify(await request.read(), dict(request.headers))
        except WebhookVerificationError:
            return web.Response(status=401)
        async with self._arrived:
            self._events[content["event"]] = (request.headers["webhook-id"], content["data"])
            self._arrived.notify_all()
        return web.Response(status=204)

    async def wait(self, event: str) -> tuple[str, Any]:
        """Return the id and the data of an event, as soon as it has come.

        Raises:
            CommandFailed: it does not come.
        """
        try:
            async with asyncio.timeout(_WAIT_SECONDS), self._arrived:
                await self._arrived.wait_for(lambda: event in self._events)
        except TimeoutError:
            raise CommandFailed(f"no webhook told of {event} within {_WAIT_SECONDS:.0f} s") from None
        return self._events[event]


@asynccontextmanager
async def listening() -> AsyncIterator[Receiver]:
    """Run a receiver on this machine."""
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/hook", receiver.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, _HOST, 0).start()
        receiver.url = f"http://{_HOST}:{runner.addresses[0][1]}/hook"
        yield receiver
    finally:
        await runner.cleanup()
