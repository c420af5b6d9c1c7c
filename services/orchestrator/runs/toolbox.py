"""The tools themselves. Whatever goes wrong is told to the model, which may go on without."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from kit.errors import DomainError
from kit.outbound.errors import OutboundError
from services.orchestrator.runs.pages import readable
from services.orchestrator.runs.tools import FETCH, MAX_RESULT_CHARS, READ, RECALL, Result, Wish

if TYPE_CHECKING:
    from kit.outbound.client import Answer, OutboundClient
    from services.orchestrator.runs.model import Run
    from services.orchestrator.runs.service.ports import Files, Threads

_FETCH_SECONDS = 15.0
_LEAST_SECONDS = 0.1
_MAX_PAGE_BYTES = 262_144
_MAX_REDIRECTS = 3
_REDIRECTS = (301, 302, 303, 307, 308)
_MAX_HITS = 10
_AROUND = 300


class Toolbox:
    """Uses tools.

    Args:
        outbound: asks pages; it refuses what is not public.
        threads: knows what was said.
        files: knows what files say.
    """

    def __init__(self, outbound: OutboundClient, threads: Threads, files: Files) -> None:
        self._outbound = outbound
        self._threads = threads
        self._files = files

    async def use(self, run: Run, wish: Wish, seconds: float) -> Result:
        """Use a tool for a step of a run, within a time."""
        try:
            if wish.tool == FETCH:
                return await self._fetch(wish.text("url"), min(seconds, _FETCH_SECONDS))
            if wish.tool == READ:
                return await self._read(run, wish)
            if wish.tool == RECALL:
                return await self._recall(run, wish.text("query"))
        except OutboundError as error:
            return Result(error=str(error))
        except DomainError as error:
            return Result(error=error.message)
        return Result(error="there is no such tool")

    async def _fetch(self, url: str, seconds: float) -> Result:
        answer = await self._followed(url, seconds)
        kind = answer.headers.get("content-type", "text/html").partition(";")[0].strip().lower()
        if not (kind.startswith("text/") or kind.endswith(("json", "xml"))):
            return Result(error=f"the page is {kind[:100]}, which cannot be read")
        if answer.headers.get("content-encoding", "identity").lower() != "identity":
            return Result(error="the page is packed, which it was not asked for")
        text = answer.body.decode("utf-8", "replace")
        text = readable(text) if "html" in kind else text
        if not 200 <= answer.status < 300:
            return Result(error=f"the page answered with status {answer.status}")
        return Result(text[:MAX_RESULT_CHARS])

    async def _followed(self, url: str, seconds: float) -> Answer:
        """Ask a page, and the one that it leads to, within a time for all of it."""
        clock = asyncio.get_running_loop().time
        until = clock() + seconds
        for _ in range(_MAX_REDIRECTS):
            answer = await self._ask(url, until - clock())
            location = answer.headers.get("location", "")
            if answer.status not in _REDIRECTS or not location:
                return answer
            # Each hop is checked like the first.
            try:
                url = urljoin(url, location)
            except ValueError:
                return answer
        return await self._ask(url, until - clock())

    async def _ask(self, url: str, seconds: float) -> Answer:
        return await self._outbound.request(
            "GET",
            url,
            headers={"User-Agent": "Piecework", "Accept": "text/html, text/*, application/json"},
            timeout_seconds=max(_LEAST_SECONDS, seconds),
            max_body_bytes=_MAX_PAGE_BYTES,
        )

    async def _read(self, run: Run, wish: Wish) -> Result:
        texts = dict(await self._files.texts(run.operator_id, run.file_ids))
        text = texts.get(wish.text("name"))
        if text is None:
            return Result(error=f"there is no such file; there are: {', '.join(texts)}"[:1000])
        start = max(0, wish.number("offset"))
        return Result(text[start : start + MAX_RESULT_CHARS])

    async def _recall(self, run: Run, query: str) -> Result:
        words = [word for word in re.findall(r"\w+", query.lower()) if len(word) > 2][:20]
        hits = []
        for turn in reversed(await self._threads.history(run)):
            text = turn.content.lower()
            found = [text.find(word) for word in words if word in text]
            if found:
                start = max(0, min(found) - _AROUND)
                hits.append((len(found), f"{turn.role}: {turn.content[start : start + 2 * _AROUND]}"))
        hits.sort(key=lambda hit: -hit[0])
        if not hits:
            return Result("nothing was said about that")
        return Result("\n\n".join(text for _, text in hits[:_MAX_HITS])[:MAX_RESULT_CHARS])
