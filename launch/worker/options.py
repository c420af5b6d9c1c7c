"""What a worker was asked to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class WorkerOptions:
    """The choices of whoever starts a worker.

    Attributes:
        url: address of the gateway.
        key: a key of the operator that owns the project; empty: the project's id opens the door.
        project: id of the project, or its name when there is a key.
        agent: worker name; with more than one slot `-1`, `-2` ... are added.
        concurrency: how many tasks to work on at a time.
        command: the program and its arguments.
        until_empty: whether to end when no task is left.
        grace_seconds: how long running commands may take to end after SIGTERM.
        wait_seconds: how long one request waits for work, 0 to 30.
    """

    url: str
    key: str
    project: str
    agent: str
    concurrency: int
    command: Sequence[str]
    until_empty: bool = False
    grace_seconds: float = 30.0
    wait_seconds: int = 30

    @property
    def agent_names(self) -> list[str]:
        """The name of each slot; the queue hands out one task at a time to a name."""
        if self.concurrency == 1:
            return [self.agent]
        return [f"{self.agent}-{number}" for number in range(1, self.concurrency + 1)]
