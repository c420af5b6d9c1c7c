"""A provider that charges for what it was asked, so that a test can say what was really spent."""

from __future__ import annotations

import asyncio
import contextlib
import random
from typing import Any

from aiohttp import web

from services.orchestrator.models.model import ModelSpec
from tests.service.orchestrator.models.provider import DONE, event, status, usage

_WORD = "word "
_TURNED_AWAY, _BROKEN_OFF = 0.1, 0.1
_PATIENCE_SECONDS = 8.0
# In what agents are told, of whom there are many at once; before them the prompt is taken apart by one.
_OF_AGENTS = "of a team."


class Till:
    """Answers with some words, and writes down what each call cost; now and then it fails, or breaks off.

    Args:
        spec: the prices.
        seed: what it does.
        crowd: the first answers to agents wait until so many calls are under way, or some seconds have passed.

    Attributes:
        charged: what each call cost that it answered, wholly or not.
        most_at_once: how many calls were under way at the same time.
    """

    def __init__(self, spec: ModelSpec, seed: int, crowd: int = 1) -> None:
        self.charged: list[int] = []
        self.turned_away = self.broken_off = 0
        self.under_way = self.most_at_once = 0
        self._spec = spec
        self._dice = random.Random(seed)
        self._crowd = crowd
        self._is_crowded = asyncio.Event()

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        self.under_way += 1
        self.most_at_once = max(self.most_at_once, self.under_way)
        if self.under_way >= self._crowd:
            self._is_crowded.set()
        try:
            return await self._answer(request, await request.json())
        finally:
            self.under_way -= 1

    async def _gather(self) -> None:
        """Wait for a crowd; those who come when it has gone do not."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE_SECONDS):
                await self._is_crowded.wait()
        self._is_crowded.set()

    async def _answer(self, request: web.Request, asked: Any) -> web.StreamResponse:
        if _OF_AGENTS in asked["messages"][0]["content"]:
            await self._gather()
        fate = self._dice.random()
        if fate < _TURNED_AWAY:
            self.turned_away += 1
            return await status(503)(request)
        tokens_in = sum(len(message["content"]) for message in asked["messages"]) // 4
        words = self._dice.randint(1, asked["max_tokens"])
        self.charged.append(self._spec.price(tokens_in, words))
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        await response.write(event(_WORD * words))
        if fate < _TURNED_AWAY + _BROKEN_OFF:
            # What was written arrives, and then nothing more.
            self.broken_off += 1
            assert request.transport is not None
            request.transport.close()
            return response
        for part in (event(finish="stop"), usage(tokens_in, words), DONE):
            await response.write(part)
        await response.write_eof()
        return response
