"""The receiver of an agent: a real HTTP server that does what a test wants."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
from aiohttp import web
from standardwebhooks.webhooks import Webhook as StandardWebhook

Answer = Callable[["Receiver", web.Request], Awaitable[web.StreamResponse]]


class Call(msgspec.Struct, frozen=True):
    """One request as it came."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def payload(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found

    def verified(self, secret: str) -> dict[str, Any]:
        """Return the payload, after the library of Standard Webhooks has accepted it."""
        found: dict[str, Any] = StandardWebhook(secret).verify(self.body, dict(self.headers))
        return found


class Receiver:
    """Listens on this machine. The answers are given in order, and the last one for ever."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.busy = 0
        self.most_busy = 0
        self.answers: dict[str, list[Answer]] = {}
        self.released = asyncio.Event()
        self._news = asyncio.Event()
        self._runner: web.AppRunner | None = None
        self.url = ""

    async def start(self) -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._receive)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = site.name.replace("0.0.0.0", "127.0.0.1")

    async def stop(self) -> None:
        self.released.set()
        assert self._runner is not None
        await self._runner.cleanup()

    def answering(self, *answers: Answer | int, path: str = "hook") -> str:
        """Answer so at a path from now on, and return its URL."""
        self.answers[path] = [status(answer) if isinstance(answer, int) else answer for answer in answers]
        return f"{self.url}/{path}"

    async def has(self, count: int, path: str | None = None) -> list[Call]:
        """Wait until so many requests came."""
        async with asyncio.timeout(20):
            while len(found := self.at(path)) < count:
                self._news.clear()
                await self._news.wait()
        return found

    def at(self, path: str | None) -> list[Call]:
        return [call for call in self.calls if path is None or call.path == f"/{path}"]

    async def _receive(self, request: web.Request) -> web.StreamResponse:
        self.busy += 1
        self.most_busy = max(self.most_busy, self.busy)
        try:
            self.calls.append(Call(request.path, dict(request.headers), await request.read()))
            self._news.set()
            answers = self.answers.get(request.match_info["path"]) or [status(200)]
            answer = answers.pop(0) if len(answers) > 1 else answers[0]
            return await answer(self, request)
        finally:
            self.busy -= 1


def status(code: int, headers: Mapping[str, str] | None = None) -> Answer:
    """Answer with a status."""

    async def answer(_: Receiver, __: web.Request) -> web.StreamResponse:
        return web.Response(status=code, headers=headers)

    return answer


async def hang(receiver: Receiver, _: web.Request) -> web.StreamResponse:
    """Answer only when the receiver is released."""
    await receiver.released.wait()
    return web.Response()


async def hang_up(_: Receiver, request: web.Request) -> web.StreamResponse:
    """Break the connection off."""
    assert request.transport is not None
    request.transport.close()
    return web.Response()


async def endless(receiver: Receiver, request: web.Request) -> web.StreamResponse:
    """Say yes and never stop talking."""
    response = web.StreamResponse()
    await response.prepare(request)
    while not receiver.released.is_set():
        await response.write(b"x" * 65_536)
    return response
