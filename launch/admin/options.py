"""The options that every command of the administration has; they may stand before or after the command's name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from launch.admin.connection import Administration, connected
from launch.loop import run

_Value = TypeVar("_Value")

DataDir = Annotated[
    Path | None, typer.Option("--data-dir", help="Data directory of a running `piecework up`.", show_default=False)
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Owner = Annotated[str, typer.Option("--operator", help="Name or id of the operator.")]


@dataclass(frozen=True)
class AdminOptions:
    """The options that stand before the command's name."""

    data_dir: Path | None = None
    as_json: bool = False


_NOTHING = AdminOptions()
_before: ContextVar[AdminOptions] = ContextVar("admin_options", default=_NOTHING)


def remember(data_dir: DataDir = None, *, as_json: AsJson = False) -> None:
    """Operators, agents, keys, projects, credits, plans and disputes of a running platform."""
    _before.set(AdminOptions(data_dir, as_json))


def wants_json(*, as_json: bool) -> bool:
    """Tell whether JSON was asked for, in either place."""
    return as_json or _before.get().as_json


def call(data_dir: Path | None, work: Callable[[Administration], Awaitable[_Value]]) -> _Value:
    """Do `work` with a connection to the platform, and return what it returns."""

    async def connected_work() -> _Value:
        async with connected(data_dir or _before.get().data_dir) as platform:
            return await work(platform)

    return run(connected_work())
