"""Reads pages of the market in a closed loop."""

from __future__ import annotations

from bench.load import Clock, Connection, Series, closed_loop, request
from bench.market.jobs import Pages


async def run(job: Pages) -> dict[str, Series]:
    """Ask for the pages in turn on every connection.

    Raises:
        RuntimeError: a page is empty, so that nothing would be measured.
    """
    clock = Clock()
    site = job.site
    messages = [request("GET", path, b"", site.token) for path in job.paths]
    asked = 0

    async def turn(connection: Connection, _: int) -> bool:
        nonlocal asked
        asked += 1
        at = asked % len(messages)
        reply = await clock.timed(connection, messages[at])
        if reply.status == 200 and b'"data":[]' in reply.body:
            raise RuntimeError(f"there is nothing on {job.paths[at]}")
        return True

    return {"all": clock.series(await closed_loop(site, turn, job.bounds, [clock]))}
