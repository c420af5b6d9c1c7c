"""When a step asks its operator, and what it is told. No I/O."""

from __future__ import annotations

from collections.abc import Sequence

from kit.ids import new_id
from services.orchestrator.runs.model import USER, Approval, Run, Turn
from services.orchestrator.runs.tools import QUESTION, Wish, read_wish

_APPROVED, _REFUSED = "The operator approved.", "The operator refused. Go on without it."
_MAX_PATTERN = 500
_MAX_PATTERNS = 20


def needed(run: Run, wish: Wish, turns: Sequence[Turn]) -> Approval | None:
    """Return what the operator is asked before a tool is used; None when it may be used."""
    if wish.tool == QUESTION:
        patterns = wish.arguments.get("patterns")
        listed = patterns[:_MAX_PATTERNS] if isinstance(patterns, list) else []
        permission = wish.text("permission")[:_MAX_PATTERN] or "go on"
        return Approval(new_id(), permission, tuple(str(each)[:_MAX_PATTERN] for each in listed))
    if wish.tool in run.approve_tools and not _was_approved(wish, turns):
        target = wish.text("url") or wish.text("name") or wish.text("query")
        return Approval(new_id(), wish.tool, (target[:_MAX_PATTERN],), wish.arguments_json)
    return None


def answer_text(text: str, *, approved: bool) -> str:
    """Return what a step is told of the operator's answer."""
    return f"{_APPROVED if approved else _REFUSED} {text}".strip()


def pending_wish(run: Run, turns: Sequence[Turn], tools: tuple[str, ...]) -> tuple[Wish, str] | None:
    """Return the tool that a step waited for and may use now, and the words in which it asked; None for none."""
    if len(turns) < 2 or not turns[-1].content.startswith(_APPROVED):
        return None
    wish = read_wish(turns[-2].content, tools)
    # A question is answered by the approval itself.
    if wish is None or wish.tool == QUESTION or wish.tool not in run.approve_tools:
        return None
    return wish, turns[-2].content


def _was_approved(wish: Wish, turns: Sequence[Turn]) -> bool:
    """Tell whether the last thing that the operator said allows just this."""
    if len(turns) < 2 or turns[-1].role != USER or not turns[-1].content.startswith(_APPROVED):
        return False
    asked = read_wish(turns[-2].content, (wish.tool,))
    return asked is not None and asked.arguments == wish.arguments
