"""Progress as plain lines, for logs and pipes."""

from __future__ import annotations

from datetime import datetime

from launch.terminal import say
from launch.worker.outcome import Fate
from launch.worker.task import LeasedTask


class ProgressLines:
    """Prints one line for each thing that happens.

    Args:
        quiet: whether to print only what goes wrong.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet

    def waiting(self, agent: str) -> None:
        """Say nothing: a slot that waits is not worth a line."""

    def started(self, agent: str, task: LeasedTask) -> None:
        """Print which task a slot began."""
        if not self._quiet:
            self.note(agent, f"started {task.id}")

    def ended(self, agent: str, task: LeasedTask, fate: Fate, detail: str, seconds: float) -> None:
        """Print what became of a task."""
        if self._quiet and fate is Fate.COMPLETED:
            return
        reason = f": {' '.join(detail.split())}" if detail else ""
        self.note(agent, f"{fate} {task.id} in {seconds:.2f} s{reason}")

    def note(self, agent: str, message: str) -> None:
        """Print a line."""
        say(" ".join(part for part in (f"{datetime.now().astimezone():%H:%M:%S}", agent, message) if part))

    def close(self) -> None:
        """Nothing is left to show."""
