"""LangGraph as a library, with its checkpointer in memory: a run is a graph with a thread of its own."""

from __future__ import annotations

import uuid

import uvloop
from langgraph.checkpoint.memory import InMemorySaver

from bench.peers import shape
from bench.peers.call import arguments, enqueue_all
from bench.peers.langgraph_graph import check, drawn

_call = arguments()


async def run() -> None:
    """Do the runs."""
    graph = drawn.compile(checkpointer=InMemorySaver())

    async def one() -> None:
        check(await graph.ainvoke({"prompt": shape.PROMPT}, {"configurable": {"thread_id": uuid.uuid4().hex}}))

    await enqueue_all(_call, one)


if __name__ == "__main__":
    uvloop.run(run())
