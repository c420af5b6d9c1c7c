"""Where the command prints: results on standard output, everything about them on standard error."""

from __future__ import annotations

import sys
from typing import Any

import msgspec
from rich.console import Console
from rich.markup import escape

from launch.errors import CommandFailed

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def say(line: str) -> None:
    """Print one line of plain text on standard output, at once, without any markup."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def say_json(value: Any) -> None:
    """Print a value as indented JSON on standard output."""
    say(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def complain(error: CommandFailed) -> None:
    """Print why a command failed, and what to do."""
    err.print(f"[bold red]piecework:[/] {escape(error.message)}")
    if error.advice:
        err.print(escape(error.advice), style="dim")
