"""Progress as a live table, for people."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from launch.worker.outcome import Fate
from launch.worker.progress import Tally
from launch.worker.task import LeasedTask

_COLOURS = {Fate.FAILED: "red", Fate.REQUEUED: "yellow", Fate.LOST: "yellow", Fate.STOPPED: "yellow"}


@dataclass
class _Row:
    state: str = "signing in"
    task: str = ""
    since: float | None = None
    done: int = 0


class ProgressPanel:
    """Shows a row for each slot, and above it what did not go well.

    Args:
        console: the terminal.
        agents: the names of the slots.
        tally: the counts, kept by somebody else.
    """

    def __init__(self, console: Console, agents: Sequence[str], tally: Tally) -> None:
        self._rows = {agent: _Row() for agent in agents}
        self._tally = tally
        self._live = Live(console=console, get_renderable=self._draw, refresh_per_second=8, transient=True)
        self._live.start()

    def waiting(self, agent: str) -> None:
        """Show that a slot waits."""
        row = self._rows[agent]
        row.state, row.task, row.since = "waiting for work", "", None

    def started(self, agent: str, task: LeasedTask) -> None:
        """Show what a slot works on."""
        row = self._rows[agent]
        row.state, row.since = "working", time.monotonic()
        row.task = task.fields.description or task.fields.type_name or task.id

    def ended(self, agent: str, task: LeasedTask, fate: Fate, detail: str, seconds: float) -> None:
        """Count it; print it if it did not complete."""
        self._rows[agent].done += 1
        if fate is not Fate.COMPLETED:
            reason = " ".join(detail.split())
            colour = _COLOURS[fate]
            self._live.console.print(
                f"[{colour}]{fate}[/] {escape(agent)} {task.id} after {seconds:.1f} s: {escape(reason)}"
            )

    def note(self, agent: str, message: str) -> None:
        """Print a line above the table."""
        self._live.console.print(f"[dim]{escape(agent)} {escape(message)}[/]".replace("[dim] ", "[dim]"))

    def close(self) -> None:
        """Take the table away."""
        self._live.stop()

    def _draw(self) -> Group:
        table = Table(box=None, pad_edge=False, header_style="dim")
        for heading, kind in (
            ("worker", "left"),
            ("tasks", "right"),
            ("state", "left"),
            ("", "right"),
            ("task", "left"),
        ):
            table.add_column(heading, justify="right" if kind == "right" else "left", no_wrap=True)
        for agent, row in self._rows.items():
            elapsed = f"{time.monotonic() - row.since:.0f} s" if row.since is not None else ""
            colour = "cyan" if row.since is not None else "dim"
            table.add_row(escape(agent), str(row.done), f"[{colour}]{row.state}[/]", elapsed, escape(row.task))
        return Group(table, Text(str(self._tally), style="bold"))
