"""A provider that speaks the protocol of OpenAI on this machine, and misbehaves as told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from aiohttp import web

KEY = "sk-live-0123456789abcdefghijklmnop"
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


def event(text: str = "", finish: str | None = None, **more: Any) -> bytes:
    """Return an event of an answer."""
    choice = {"index": 0, "delta": {"content": text} if text else {}, "finish_reason": finish}
    return line({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice], **more})


def line(chunk: object) -> bytes:
    """Return an event of any content."""
    return b"data: " + (chunk if isinstance(chunk, bytes) else json.dumps(chunk).encode()) + b"\n\n"


def usage(tokens_in: object, tokens_out: object) -> bytes:
    """Return the last event, which counts."""
    counts = {"prompt_tokens": tokens_in, "completion_tokens": tokens_out, "total_tokens": 0}
    return line(
        {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [], "usage": counts}
    )


DONE = line(b"[DONE]")
HELLO = (event("Hel"), event("lo"), event(finish="stop"), usage(7, 2), DONE)


class Provider:
    """Answers calls one after the other with what `answers` says; the last of them for all that follow."""

    def __init__(self) -> None:
        self.answers: list[Answer] = [stream(*HELLO)]
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.under_way = self.most_at_once = 0
        self.released = asyncio.Event()
        self._runner: web.AppRunner | None = None
        self.url = ""

    def reset(self) -> None:
        """Forget what was asked, and answer well again."""
        self.answers = [stream(*HELLO)]
        self.requests.clear()
        self.headers.clear()
        self.most_at_once = self.under_way
        self.released = asyncio.Event()

    async def start(self) -> None:
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self._answer)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/v1"

    async def stop(self) -> None:
        self.released.set()
        assert self._runner is not None
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        number = len(self.requests)
        self.requests.append(await request.json())
        self.headers.append(dict(request.headers))
        self.under_way += 1
        self.most_at_once = max(self.most_at_once, self.under_way)
        try:
            return await self.answers[min(number, len(self.answers) - 1)](request)
        finally:
            self.under_way -= 1


def stream(*events: bytes, hold: asyncio.Event | None = None) -> Answer:
    """Return an answer of these events; with `hold` the last one waits for that."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        for number, each in enumerate(events):
            if hold is not None and number == len(events) - 1:
                await hold.wait()
            await response.write(each)
        await response.write_eof()
        return response

    return answer


def status(code: int, headers: dict[str, str] | None = None, body: str | None = None) -> Answer:
    """Return a refusal; its text repeats the key, as those of some providers do."""
    error = {"error": {"message": f"Incorrect API key provided: {KEY}", "type": "e", "code": "c"}}

    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(status=code, headers=headers, text=json.dumps(error) if body is None else body)

    return answer


def cut(*events: bytes) -> Answer:
    """Return an answer whose connection breaks after these events."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        for each in events:
            await response.write(each)
        assert request.transport is not None
        request.transport.abort()
        return response

    return answer


def silent(hold: asyncio.Event) -> Answer:
    """Return an answer that does not come."""

    async def answer(_: web.Request) -> web.StreamResponse:
        await hold.wait()
        return web.Response()

    return answer


def flood(parts: Sequence[bytes], headers: dict[str, str] | None = None) -> Answer:
    """Return an answer that repeats these bytes until nobody listens."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "text/event-stream", **(headers or {})})
        await response.prepare(request)
        while True:
            for part in parts:
                await response.write(part)

    return answer
