"""What the administration prints: a table for people, JSON for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from launch.terminal import err, say_json

Row = Mapping[str, Any]

_WIDEST = 10_000


def moment(at: Timestamp) -> str | None:
    """Return a time as text in UTC, None when it is not set."""
    return at.ToJsonString() if at.seconds else None


def show_list(rows: Sequence[Row], *, as_json: bool, nothing: str) -> None:
    """Print several things."""
    if as_json:
        say_json(rows)
    elif rows:
        _print_table(rows)
    else:
        err.print(nothing, style="dim")


def show_one(row: Row, *, as_json: bool, note: str = "") -> None:
    """Print one thing, and for people a note about it."""
    if as_json:
        say_json(row)
        return
    _print_table([row])
    if note:
        err.print(note, style="yellow")


def _print_table(rows: Sequence[Row]) -> None:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in rows[0]:
        # Whole values, whatever the width of the terminal: an id that is cut short is of no use.
        table.add_column(name, no_wrap=True, overflow="ignore")
    for row in rows:
        table.add_row(*(_cell(value) for value in row.values()))
    Console(highlight=False, width=_WIDEST).print(table)


def _cell(value: Any) -> str:
    if value is None:
        return "[dim]-[/]"
    if isinstance(value, list):
        return escape(" ".join(str(part) for part in value))
    if isinstance(value, dict):
        return escape(" ".join(f"{name}={part}" for name, part in value.items()))
    return escape(str(value))
