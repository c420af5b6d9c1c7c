"""A model that tells the time: each word of its answers is the moment at which it was written.

It speaks the protocol of OpenAI. The words are `@` and microseconds of the machine's monotonic clock, which on Linux is
the same for all processes: whoever sees a word knows how long it was on its way.

Run: python -m bench.runs.clock PORT WORDS WORDS_PER_SECOND
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from typing import Any

import msgspec
import uvloop
from aiohttp import web

_LIST = re.compile(r"JSON array of exactly (\d+)")


def _event(text: str = "", finish: str | None = None, **more: Any) -> bytes:
    choice = {"index": 0, "delta": {"content": text} if text else {}, "finish_reason": finish}
    head = {"id": "bench", "object": "chat.completion.chunk", "created": 1, "model": "clock"}
    return b"data: " + msgspec.json.encode({**head, "choices": [choice], **more}) + b"\n\n"


class Model:
    """Answers with the time.

    Args:
        words: how many words an answer has.
        per_second: how many of them it writes in a second.
    """

    def __init__(self, words: int, per_second: float) -> None:
        self._words = words
        self._per_second = per_second

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Stream an answer; a list of questions, where one is asked for, at once."""
        said = " ".join(message["content"] for message in (await request.json())["messages"])
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        wanted = _LIST.search(said)
        if wanted:
            questions = [f"What time is it at place {number}?" for number in range(int(wanted[1]))]
            await response.write(_event(json.dumps(questions)))
        else:
            await self._tell(response)
        usage = {"prompt_tokens": 100, "completion_tokens": self._words, "total_tokens": 100 + self._words}
        await response.write(_event(finish="stop", usage=usage) + b"data: [DONE]\n\n")
        await response.write_eof()
        return response

    async def _tell(self, response: web.StreamResponse) -> None:
        begun = time.perf_counter()
        for number in range(self._words):
            await asyncio.sleep(max(0.0, begun + number / self._per_second - time.perf_counter()))
            await response.write(_event(f"@{time.perf_counter_ns() // 1000} "))


def main() -> None:
    """Serve until SIGTERM."""
    port, words, per_second = sys.argv[1:4]
    app = web.Application()
    app.router.add_post("/v1/chat/completions", Model(int(words), float(per_second)).answer)
    uvloop.install()
    web.run_app(app, host="127.0.0.1", port=int(port), access_log=None, print=None)


if __name__ == "__main__":
    main()
