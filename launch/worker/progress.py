"""What a worker tells about itself while it works."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Protocol

from launch.worker.outcome import Fate
from launch.worker.task import LeasedTask


class Progress(Protocol):
    """Shows what the slots do."""

    def waiting(self, agent: str) -> None:
        """Say that a slot waits for work."""
        ...

    def started(self, agent: str, task: LeasedTask) -> None:
        """Say that a slot began to work."""
        ...

    def ended(self, agent: str, task: LeasedTask, fate: Fate, detail: str, seconds: float) -> None:
        """Say what became of a task, and why if it did not complete."""
        ...

    def note(self, agent: str, message: str) -> None:
        """Say something else; `agent` is empty when it concerns them all."""
        ...

    def close(self) -> None:
        """Show the last state."""
        ...


class Tally:
    """Counts what became of the tasks."""

    def __init__(self) -> None:
        self._counts: Counter[Fate] = Counter()
        self._seconds = 0.0

    def add(self, fate: Fate, seconds: float) -> None:
        """Count a task that took `seconds`."""
        self._counts[fate] += 1
        self._seconds += seconds

    @property
    def counts(self) -> Mapping[Fate, int]:
        """How many tasks met each fate."""
        return self._counts

    def __str__(self) -> str:
        total = self._counts.total()
        if not total:
            return "no tasks"
        parts = [f"{self._counts[fate]} {fate}" for fate in Fate if self._counts[fate]]
        return f"{', '.join(parts)}; {self._seconds / total:.2f} s a task"
