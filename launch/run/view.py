"""What a run looks like while it goes on: a live table for people, a line for each change elsewhere."""

from __future__ import annotations

import time
from typing import Any, Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

_COLOURS = {"QUEUED": "dim", "PROCESSING...": "cyan", "COMPLETED": "green", "FAILED": "red", "TIMEOUT": "red"}
_WORDS = {
    "QUEUED": "queued",
    "PROCESSING...": "working",
    "COMPLETED": "completed",
    "FAILED": "failed",
    "TIMEOUT": "timed out",
}
_BAR = 12
_TEXT = 60


class View(Protocol):
    """Shows a run."""

    def show(self, event: dict[str, Any]) -> None:
        """Show an event of its stream."""
        ...

    def note(self, text: str) -> None:
        """Show something about the conversation."""
        ...

    def close(self) -> None:
        """Show nothing more."""
        ...


class Panel:
    """Shows a row for each agent, and above it what went wrong.

    Args:
        console: the terminal.
    """

    def __init__(self, console: Console) -> None:
        self._agents: dict[int, dict[str, Any]] = {}
        self._written: dict[int, str] = {}
        self._message = "starting"
        self._began = time.monotonic()
        self._live = Live(console=console, get_renderable=self._draw, refresh_per_second=8, transient=True)
        self._live.start()

    def show(self, event: dict[str, Any]) -> None:
        """Take over what an event says."""
        for agent in event.get("agent_statuses") or []:
            before = self._agents.get(agent["agent_id"], {})
            self._agents[agent["agent_id"]] = agent
            if agent.get("error") and not before.get("error"):
                self._live.console.print(f"[red]{escape(_sentence(agent))}[/]")
        if event["type"] == "chunk":
            agent_id = event.get("agent_id", -1)
            self._written[agent_id] = (self._written.get(agent_id, "") + event["delta"])[-_TEXT:]
            self._message = event.get("stage") or self._message
        elif event["type"] == "progress":
            self._message = event.get("message") or self._message

    def note(self, text: str) -> None:
        """Print a line above the table."""
        self._live.console.print(f"[dim]{escape(text)}[/]")

    def close(self) -> None:
        """Take the table away."""
        self._live.stop()

    def _draw(self) -> Group:
        table = Table(box=None, pad_edge=False, header_style="dim")
        for heading in ("agent", "state", "", "question"):
            table.add_column(heading, no_wrap=True)
        for number, agent in sorted(self._agents.items()):
            state = agent["status"]
            filled = round(agent["progress"] * _BAR)
            bar = f"[green]{'━' * filled}[/][dim]{'━' * (_BAR - filled)}[/]"
            text = self._written.get(number, "") if state == "PROCESSING..." else ""
            said = " ".join((text or agent.get("question", "")).split())
            colour = _COLOURS.get(state, "dim")
            shown = f"[{colour}]{_WORDS.get(state, state)}[/]"
            table.add_row(escape(_name(agent)), shown, bar, escape(said[:_TEXT]))
        elapsed = time.monotonic() - self._began
        return Group(table, Text(f"{self._message}, {elapsed:.0f} s", style="bold"))


class Lines:
    """Prints a line for each change of an agent.

    Args:
        console: where.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._states: dict[int, str] = {}

    def show(self, event: dict[str, Any]) -> None:
        """Print what is new."""
        for agent in event.get("agent_statuses") or []:
            number, state = agent["agent_id"], agent["status"]
            if self._states.get(number) != state:
                self._states[number] = state
                self._console.print(escape(_sentence(agent)))

    def note(self, text: str) -> None:
        """Print a line."""
        self._console.print(escape(text))

    def close(self) -> None:
        """Leave what is printed."""


def _name(agent: dict[str, Any]) -> str:
    return str(agent.get("role") or f"agent {agent['agent_id']}")


def _sentence(agent: dict[str, Any]) -> str:
    """Return how an agent stands, and why if it failed."""
    reason = f": {agent['error']}" if agent.get("error") else ""
    return f"{_name(agent)} {_WORDS.get(agent['status'], agent['status'])}{reason}"
