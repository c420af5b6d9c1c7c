"""The event loop of every command."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Coroutine
from typing import Any, TypeVar

import uvloop

from kit.background import end

_Value = TypeVar("_Value")

_CANCEL_AGAIN_SECONDS = 0.2
_REST_SECONDS = 1.0
# Most objects of a request die with it, by count. The default thresholds look for cycles hundreds of times a second.
_COLLECT_AFTER = (50_000, 20, 50)


def settle() -> None:
    """Say that the process has started: what lives now lives on, and the search for garbage cycles leaves it alone."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECT_AFTER)


def run(main: Coroutine[Any, Any, _Value]) -> _Value:
    """Run `main` on a new uvloop and return what it returns, once what it left running has ended.

    A runner that is closed cancels everything once, and waits for ever for a task that missed it. A driver whose task
    and timeout are cancelled together can even lock itself out for good; that is left to the end of the process.
    """
    runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
    try:
        return runner.run(main)
    finally:
        if runner.run(_end_the_rest()):
            runner.close()


async def _end_the_rest() -> bool:
    """End all other tasks; tell whether they have ended in time."""
    try:
        async with asyncio.timeout(_REST_SECONDS):
            while rest := asyncio.all_tasks() - {asyncio.current_task()}:  # what ends may begin something else
                await end(rest, again_seconds=_CANCEL_AGAIN_SECONDS)
    except TimeoutError:
        return False
    return True
