"""The event loop of every command."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Coroutine
from typing import Any, TypeVar

import uvloop

_Value = TypeVar("_Value")


# Most objects of a request die with it, by count. The default thresholds look for cycles hundreds of times a second.
_COLLECT_AFTER = (50_000, 20, 50)


def settle() -> None:
    """Say that the process has started: what lives now lives on, and the search for garbage cycles leaves it alone."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECT_AFTER)


def run(main: Coroutine[Any, Any, _Value]) -> _Value:
    """Run `main` on a new uvloop and return what it returns."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main)
