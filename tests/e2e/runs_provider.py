"""A provider of models on this machine that writes down every call."""

from __future__ import annotations

import asyncio
import json
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web

MODEL = "test/counted"
KEY_VARIABLE = "TEST_COUNTED_KEY"
_SECONDS = 0.15
_RUN = re.compile(r"Counted run (\d+)\.")
# How each kind of step begins to talk to its model.
_KINDS = {
    "You take a prompt apart": "decompose",
    "You are the ": "agent",
    "You join the answers": "synthesis",
    "You check an answer": "validation",
}
_ROLE = re.compile(r"You are the (\w+) of a team")


@dataclass
class Asked:
    """One call.

    Attributes:
        run: the number of the run.
        kind: of the step; `role` for those of agents.
        began_at: in seconds since the epoch.
        text: what it was answered, which no other call is.
    """

    run: int
    kind: str
    role: str
    began_at: float
    text: str


class CountingProvider:
    """Speaks the protocol of OpenAI, and answers each call with a text of its own."""

    def __init__(self) -> None:
        self.calls: list[Asked] = []
        self.url = ""
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen."""
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self._answer)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/v1"

    async def stop(self) -> None:
        """End."""
        if self._runner is not None:
            await self._runner.cleanup()

    def catalogue(self, directory: Path) -> dict[str, str]:
        """Write a catalogue with the model; returns the environment of processes that are to know it."""
        model = {
            "id": MODEL,
            "provider": "openai",
            "base_url": self.url,
            "key_variable": KEY_VARIABLE,
            "input_credits_per_1k": "0.1",
            "output_credits_per_1k": "0.2",
        }
        file = directory / "models.yaml"
        file.write_text(json.dumps({"models": [model]}))
        return {"PIECEWORK_MODELS_FILE": str(file), KEY_VARIABLE: "a key"}

    def of(self, run: int, kind: str, role: str) -> list[Asked]:
        """Return the calls of one step, in their order."""
        return [call for call in self.calls if (call.run, call.kind, call.role) == (run, kind, role)]

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        system, *rest = (message["content"] for message in (await request.json())["messages"])
        call = self._written_down(system, rest[-1])
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        await asyncio.sleep(_SECONDS)
        for choice in ({"delta": {"content": call.text}}, {"delta": {}, "finish_reason": "stop"}):
            await response.write(_event({"choices": [{"index": 0, **choice}]}))
        await response.write(_event({"choices": [], "usage": {"prompt_tokens": 100, "completion_tokens": 5}}))
        await response.write(b"data: [DONE]\n\n")
        return response

    def _written_down(self, system: str, asked: str) -> Asked:
        began_at = time.time()
        kind = next(kind for words, kind in _KINDS.items() if system.startswith(words))
        role, run = _ROLE.match(system), _RUN.search(asked)
        assert run is not None, asked
        text = f"This is answer {len(self.calls) + 1}."
        call = Asked(int(run[1]), kind, role[1] if role is not None else "", began_at, text)
        self.calls.append(call)
        return call


def _event(chunk: dict[str, Any]) -> bytes:
    head = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": MODEL}
    return b"data: " + json.dumps({**head, **chunk}).encode() + b"\n\n"
