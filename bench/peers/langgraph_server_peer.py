"""LangGraph's in-memory server, asked over HTTP with its own client: each run is started and waited for."""

from __future__ import annotations

import uvloop
from langgraph_sdk import get_client

from bench.peers import shape
from bench.peers.call import arguments, enqueue_all
from bench.peers.langgraph_graph import check

_call = arguments()


async def run() -> None:
    """Do the runs."""
    client = get_client(url=_call.url)

    async def one() -> None:
        check(await client.runs.wait(None, "run", input={"prompt": shape.PROMPT}))

    await enqueue_all(_call, one)


if __name__ == "__main__":
    uvloop.run(run())
