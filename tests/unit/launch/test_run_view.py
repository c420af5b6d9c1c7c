from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from launch.run.view import Lines, Panel


def _event(status: str, error: str = "") -> dict[str, Any]:
    agent = {"agent_id": 1, "status": status, "progress": 1.0, "role": "Analyst", **({"error": error} if error else {})}
    return {"type": "progress", "agent_statuses": [agent]}


@pytest.mark.parametrize("kind", [Lines, Panel])
def test_a_failure_is_told_once_with_its_reason(kind: type[Lines] | type[Panel]) -> None:
    text = io.StringIO()
    view = kind(Console(file=text, width=100))
    for event in (_event("PROCESSING..."), _event("FAILED", "[no] answer"), _event("FAILED", "[no] answer")):
        view.show(event)
    view.close()
    assert text.getvalue().count("Analyst failed: [no] answer") == 1


def test_a_line_for_each_change() -> None:
    text = io.StringIO()
    view = Lines(Console(file=text, width=100))
    for event in (_event("QUEUED"), _event("QUEUED"), _event("COMPLETED"), {"type": "complete"}):
        view.show(event)
    assert text.getvalue().splitlines() == ["Analyst queued", "Analyst completed"]
