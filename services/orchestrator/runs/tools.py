"""The tools of a step, in the words of the prompt: what a model is told of them, and how its wish is read. No I/O.

A model that wants a tool answers with one JSON object and nothing else. Every model can do that, and what cannot be
read is an answer, so that no model can get stuck.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

READ, FETCH, RECALL, QUESTION = "read", "webfetch", "recall", "question"
MAX_ROUNDS = 5
NO_END_OF_TOOLS = f"The model asked for tools again after {MAX_ROUNDS} of them, and gave no answer"
MAX_ARGUMENTS = 4_000
MAX_RESULT_CHARS = 16_000
PREVIEW_CHARS = 600
_FENCE = "```"
_DESCRIPTIONS: Mapping[str, str] = {
    READ: 'read more of a file: {"tool": "read", "arguments": {"name": "...", "offset": 0}}',
    FETCH: 'fetch a web page: {"tool": "webfetch", "arguments": {"url": "https://..."}}',
    RECALL: 'search the conversation so far: {"tool": "recall", "arguments": {"query": "..."}}',
    QUESTION: (
        "ask the operator before doing something risky: "
        '{"tool": "question", "arguments": {"permission": "...", "patterns": ["..."]}}'
    ),
}


class Wish(msgspec.Struct, frozen=True):
    """A tool that a model wants to use."""

    tool: str
    arguments: dict[str, Any] = {}

    @property
    def arguments_json(self) -> str:
        """The arguments as they are shown."""
        return msgspec.json.encode(self.arguments).decode()

    def text(self, name: str) -> str:
        """Return an argument that is a text; empty when it is none."""
        value = self.arguments.get(name)
        return value if isinstance(value, str) else ""

    def number(self, name: str) -> int:
        """Return an argument that is a number; 0 when it is none."""
        value = self.arguments.get(name)
        return value if isinstance(value, int) and not isinstance(value, bool) else 0


class Result(msgspec.Struct, frozen=True):
    """What a tool returned, or why it did not."""

    text: str = ""
    error: str = ""


def offered(*, files: bool, thread: bool) -> tuple[str, ...]:
    """Return the tools that a step has."""
    return ((READ,) if files else ()) + (FETCH,) + ((RECALL,) if thread else ()) + (QUESTION,)


def described(tools: tuple[str, ...]) -> str:
    """Return what a model is told of its tools; empty when it has none."""
    if not tools:
        return ""
    lines = "\n".join(f"- {_DESCRIPTIONS[tool]}" for tool in tools)
    return (
        f"\nYou can use tools. To use one, answer with its JSON object and nothing else:\n{lines}\n"
        "You then get its result. When you know enough, answer without a tool."
    )


def enough(tools: tuple[str, ...]) -> str:
    """Return what a model is told when it has used its tools as often as it may."""
    return "\nYou have used your tools as often as you may. Answer now, without a tool." if tools else ""


def read_wish(text: str, tools: tuple[str, ...]) -> Wish | None:
    """Return the tool that an answer asks for; None when it is an answer."""
    stripped = _unfenced(text.strip())
    if not stripped.startswith("{") or len(stripped) > MAX_ARGUMENTS:
        return None
    try:
        wish = msgspec.json.decode(stripped, type=Wish)
    except (msgspec.MsgspecError, RecursionError):
        return None
    return wish if wish.tool in tools else None


def _unfenced(text: str) -> str:
    """Return what is between the marks of a block of code; the text itself when it is no such block."""
    if len(text) < 2 * len(_FENCE) or not (text.startswith(_FENCE) and text.endswith(_FENCE)):
        return text
    return text[len(_FENCE) : -len(_FENCE)].removeprefix("json").strip()


def told(wish: Wish, result: Result, fence: str) -> str:
    """Return what a model is told of a result; `fence` is its text as data."""
    if result.error:
        return f"The tool {wish.tool} failed: {result.error}"
    return f"The tool {wish.tool} returned:\n{fence}"
