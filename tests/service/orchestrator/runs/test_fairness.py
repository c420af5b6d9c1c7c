"""Operators share the workers."""

from __future__ import annotations

import asyncio
import time

from kit.caller import Caller
from services.orchestrator.runs.worker import Worker
from tests.service.orchestrator.platform import RunsPlatform

_DELAY = "[[mock delay=0.02]]"
_SLOTS = 4
_FEW, _MANY = 10, 150


async def _start_many(platform: RunsPlatform, customer: Caller, count: int) -> list[str]:
    runs = [await platform.start_run(customer, f"{number} {_DELAY}", quick=True, mock=True) for number in range(count)]
    return [run.id for run in runs]


async def _time_all(platform: RunsPlatform, customer: Caller, run_ids: list[str]) -> float:
    began = time.monotonic()
    await asyncio.gather(*(platform.ended(customer, run_id) for run_id in run_ids))
    return time.monotonic() - began


async def test_few_runs_beside_many_take_little_longer_than_alone(platform: RunsPlatform) -> None:
    runs = platform.runs_app.runs
    few, many = await platform.customer(), await platform.customer()
    await platform.runs_app.lay_down()
    narrow = Worker(runs.store, runs.work, runs.executor, runs.holder, slots=_SLOTS)
    runs.worker = narrow

    # Alone.
    alone_ids = await _start_many(platform, few, _FEW)
    working = asyncio.create_task(narrow.run())
    alone = await _time_all(platform, few, alone_ids)
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)

    # Behind many others.
    crowd = await _start_many(platform, many, _MANY)
    beside_ids = await _start_many(platform, few, _FEW)
    working = asyncio.create_task(narrow.run())
    beside = await _time_all(platform, few, beside_ids)
    left = [run_id for run_id in crowd if not (await platform.stored_run(run_id)).is_over]

    assert beside < 2 * alone + 0.5, (alone, beside)
    assert len(left) > _MANY / 2
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
