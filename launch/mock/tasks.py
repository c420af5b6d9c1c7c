"""Runs that nobody works on: processing when first asked about, completed ever after."""

from __future__ import annotations

import time
from collections import OrderedDict

from gateway.faces.runs.schemas import TaskOutcome

RESULT = "This is a mock response. Configure your API key to get real results."
PROCESSING = "Mock task processing..."
_KEPT = 10_000


class MockTasks:
    """Counts how often each run was asked about; ids that it never gave behave as new ones."""

    def __init__(self) -> None:
        self._polls: OrderedDict[str, int] = OrderedDict()
        self._last = 0

    def start(self) -> str:
        """Begin a run, and return its id: `mock-` and milliseconds since 1970."""
        self._last = max(self._last + 1, time.time_ns() // 1_000_000)
        return f"mock-{self._last}"

    def status(self, task_id: str) -> TaskOutcome:
        """Tell how a run stands."""
        polls = self._polls.pop(task_id, 0)
        self._polls[task_id] = polls + 1
        if len(self._polls) > _KEPT:
            self._polls.popitem(last=False)
        return TaskOutcome(task_id, "processing", PROCESSING) if polls == 0 else self.result(task_id)

    def finish(self, task_id: str) -> None:
        """Let a run whose stream was read to its end be completed."""
        self.status(task_id)

    def result(self, task_id: str) -> TaskOutcome:
        """Tell what came of a run."""
        return TaskOutcome(task_id, "completed", result=RESULT)
