"""The run as a graph of LangGraph; agents are sent their parts. Its server loads it from here, as `graph`."""

from __future__ import annotations

import operator
from typing import Annotated, Any, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.types import Send

from bench.peers import shape


class State(TypedDict, total=False):
    """What is known of a run."""

    prompt: str
    questions: list[str]
    answers: Annotated[list[str], operator.add]
    joined: str
    result: str


class Part(TypedDict):
    """What an agent is sent."""

    role: str
    question: str


async def decompose(state: State) -> State:
    """Take the prompt apart."""
    return {"questions": await shape.take_apart(state["prompt"])}


def agents(state: State) -> list[Send]:
    """Send each agent its question."""
    pairs = zip(shape.ROLES, state["questions"], strict=True)
    return [Send("agent", Part(role=role, question=question)) for role, question in pairs]


async def agent(part: Part) -> State:
    """Answer one question."""
    return {"answers": [await shape.answer(part["role"], part["question"])]}


async def synthesis(state: State) -> State:
    """Join the answers."""
    return {"joined": await shape.join(state["prompt"], state["answers"])}


async def validation(state: State) -> State:
    """Check the answer."""
    return {"result": await shape.check(state["prompt"], state["joined"])}


def _drawn() -> Any:
    graph = StateGraph(State)
    for name, node in (
        ("decompose", decompose),
        ("agent", agent),
        ("synthesis", synthesis),
        ("validation", validation),
    ):
        graph.add_node(name, node)
    graph.add_edge(START, "decompose")
    graph.add_conditional_edges("decompose", agents, ["agent"])
    graph.add_edge("agent", "synthesis")
    graph.add_edge("synthesis", "validation")
    graph.add_edge("validation", END)
    return graph


drawn = _drawn()
graph = drawn.compile()


def check(done: Any) -> None:
    """Check the state at the end of a run.

    Raises:
        RuntimeError: something is missing.
    """
    if len(done["answers"]) != len(shape.ROLES) or not done["result"]:
        raise RuntimeError(f"a run is not whole: {done}")
