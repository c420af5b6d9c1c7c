"""What the workers counted, beside what `wc` says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from launch.errors import CommandFailed
from launch.terminal import out


class Verdict:
    """Compares the results of tasks with the right ones.

    Args:
        tasks: the tasks, as the platform shows them.
        expected: the number of words of each file.
    """

    def __init__(self, tasks: Sequence[Mapping[str, Any]], expected: Mapping[str, int]) -> None:
        self._expected = expected
        self._counted: dict[str, int] = {}
        self._by_worker: dict[str, dict[str, int]] = {}
        for task in tasks:
            if task["status"] == "completed":
                path, words = task["variables"]["path"], int(task["result"])
                self._counted[path] = words
                self._by_worker.setdefault(task["attempts"][-1]["agentName"], {})[path] = words

    def print(self) -> None:
        """Print the totals: of each worker, of all, and of `wc`."""
        table = Table(box=None, pad_edge=False, header_style="dim")
        table.add_column("worker")
        for heading in ("files", "words"):
            table.add_column(heading, justify="right")
        for name, files in sorted(self._by_worker.items()):
            table.add_row(name, f"{len(files):,}", f"{sum(files.values()):,}")
        table.add_row("[bold]total[/]", f"[bold]{len(self._counted):,}[/]", f"[bold]{sum(self._counted.values()):,}[/]")
        table.add_row("wc -w", f"{len(self._expected):,}", f"{sum(self._expected.values()):,}")
        out.print(table)

    def check(self) -> None:
        """Check that each file was counted, and rightly.

        Raises:
            CommandFailed: one was not.
        """
        wrong = sorted(path for path, words in self._expected.items() if self._counted.get(path) != words)
        if wrong:
            shown = ", ".join(f"{path}: {self._counted.get(path)} for {self._expected[path]}" for path in wrong[:5])
            raise CommandFailed(f"{len(wrong)} files were not counted as wc counts them ({shown})")
        out.print("[green]every file was counted once, and the totals are those of wc[/]")
