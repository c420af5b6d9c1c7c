"""How long the words of models are on their way to those who watch their runs."""

from __future__ import annotations

import asyncio
import re

from bench.load import Connection, Series, Stopwatch, request
from bench.market.live import Stream
from bench.runs.jobs import RUN_PATH, Tokens
from bench.runs.loop import start

LAST_WORD_SECONDS = 150.0
_WORD = re.compile(rb"@(\d+)")
_TEXT = b"event: chunk"
_END = re.compile(rb"event: (complete|error)\n")


class RunStream(Stream):
    """The stream of a run. `ended` tells whether it completed."""

    def __init__(self, message: bytes) -> None:
        super().__init__(message)
        self._looked = 0
        self.ended: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        fresh, self._looked = self.frames[self._looked :], len(self.frames)
        found = next((end for _, frame in fresh if (end := _END.search(frame))), None)
        if found is not None and not self.ended.done():
            self.ended.set_result(found[1] == b"complete")

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if not self.ended.done():
            self.ended.set_result(False)

    def words(self) -> list[tuple[float, int]]:
        """Return when each word came and what it says, of text that was just written; events repeat whole answers."""
        return [(at, int(word)) for at, frame in self.frames if _TEXT in frame for word in _WORD.findall(frame)]


async def run(job: Tokens) -> dict[str, Series]:
    """Start the runs, watch each on a connection of its own, and compare the words of their models with the clock.

    Returns:
        Series `delay`: one per word. Facts: `missing` and `doubled` words, `failed` runs.
    """
    watch = Stopwatch(job.site)
    streams = await asyncio.gather(*(_begin(job) for _ in range(job.runs)))
    async with asyncio.timeout(LAST_WORD_SECONDS):
        completed = await asyncio.gather(*(stream.ended for stream in streams))
    span = watch.stop()
    delays: list[float] = []
    doubled = 0
    for stream in streams:
        came = stream.words()
        first = {word: at for at, word in reversed(came)}
        doubled += len(came) - len(first)
        delays += [round(at * 1000.0 - word / 1000.0, 3) for word, at in first.items()]
        if stream.transport is not None:
            stream.transport.abort()
    facts = {
        "missing": float(job.runs * job.words - len(delays)),
        "doubled": float(doubled),
        "failed": float(completed.count(False)),
        **span.per_task(len(delays)),
    }
    return {"delay": Series(seconds=span.seconds, latencies_ms=delays, tasks=len(delays), facts=facts)}


async def _begin(job: Tokens) -> RunStream:
    site = job.site
    connection = await Connection.open(site.host, site.port)
    run_id = await start(connection, request("POST", RUN_PATH, job.body.encode(), site.token))
    connection.close()
    message = request("GET", f"/api/developer/stream/{run_id}", b"", site.token)
    _, stream = await asyncio.get_running_loop().create_connection(lambda: RunStream(message), site.host, site.port)
    await stream.opened
    return stream
