"""What the command is asked to do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class RunOptions:
    """A run, and where.

    Attributes:
        url: address of the gateway.
        key: of an operator or an agent.
        prompt: what is asked.
        model: its id; None for the platform's default.
        agents: how many; None for the platform's default.
        budget: credits that it may spend; None for the platform's default.
        files: what its agents may read.
        mock: whether the built-in mock model is used.
    """

    url: str
    key: str
    prompt: str
    model: str | None
    agents: int | None
    budget: int | None
    files: tuple[Path, ...]
    mock: bool
