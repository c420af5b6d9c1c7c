"""The run that engines are compared with: what its models are asked, and a model that answers at once."""

from __future__ import annotations

from collections.abc import Sequence

PROMPT = "Compare three ways to cross a river with a heavy load, and say which one is the safest in winter"
ROLES = ("Researcher", "Analyst", "Skeptic", "Pragmatist")


async def take_apart(prompt: str) -> list[str]:
    """Return a question for each agent."""
    return [f"Question {number} on this: {prompt}" for number in range(1, len(ROLES) + 1)]


async def answer(role: str, question: str) -> str:
    """Return what an agent says."""
    return f"This is the answer of the {role} to: {question}"


async def join(prompt: str, answers: Sequence[str]) -> str:
    """Return one answer made of several."""
    return f"This is the answer to {prompt}, made of {len(answers)}: {answers[0]}"


async def check(prompt: str, joined: str) -> str:
    """Return the answer as it is given."""
    return joined if prompt in joined else prompt
