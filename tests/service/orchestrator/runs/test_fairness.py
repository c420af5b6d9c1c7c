"""Operators share the workers."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import msgspec

from kit.caller import Caller
from services.orchestrator.runs.service.chores import Ticket
from services.orchestrator.runs.service.desk import Desk
from services.orchestrator.runs.worker import Worker
from tests.service.orchestrator.platform import RunsPlatform

if TYPE_CHECKING:
    from services.orchestrator.runs.service.execution import Executor
    from services.orchestrator.runs.service.ports import Leased

_SLOTS = 4
_FEW, _MANY = 10, 150


class Rota:
    """Notes whose steps are handed out, in order, before they are worked on."""

    def __init__(self, executor: Executor) -> None:
        self.runs: list[str] = []
        self._executor = executor

    async def execute(self, leased: Leased) -> bool:
        self.runs.append(msgspec.json.decode(leased.payload_json, type=Ticket).run_id)
        return await self._executor.execute(leased)


async def _start_many(platform: RunsPlatform, customer: Caller, count: int) -> list[str]:
    runs = [await platform.start_run(customer, str(number), quick=True, mock=True) for number in range(count)]
    return [run.id for run in runs]


async def test_who_has_few_runs_gets_every_other_step_beside_many(platform: RunsPlatform) -> None:
    runs = platform.runs_app.runs
    few, many = await platform.customer(), await platform.customer()
    await platform.runs_app.lay_down()
    rota = Rota(runs.executor)
    narrow = Worker(runs.store, runs.work, rota, runs.holder, Desk(), slots=_SLOTS)  # type: ignore[arg-type]
    runs.worker = narrow
    await _start_many(platform, many, _MANY)
    ours = set(await _start_many(platform, few, _FEW))
    working = asyncio.create_task(narrow.run())
    await asyncio.gather(*(platform.ended(few, run_id) for run_id in ours))
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    places = [place for place, run_id in enumerate(rota.runs, 1) if run_id in ours]
    # In turns, give or take what is under way at once: who comes later neither waits for all others nor goes first.
    assert len(places) == _FEW
    assert abs(places[-1] - 2 * _FEW) <= _SLOTS, places


class Sitting:
    """Has steps at work until they are let go, and tells how many there are."""

    def __init__(self) -> None:
        self.steps = 0
        self.letting_go = asyncio.Event()
        self._news = asyncio.Event()

    async def execute(self, _: Leased) -> bool:
        self.steps += 1
        self._news.set()
        await self.letting_go.wait()
        return True

    async def there_are(self, count: int) -> None:
        while self.steps < count:
            self._news.clear()
            await self._news.wait()


async def test_half_of_the_places_are_for_steps_that_only_wait(platform: RunsPlatform) -> None:
    runs = platform.runs_app.runs
    customer = await platform.customer()
    await platform.runs_app.lay_down()
    desk, sitting = Desk(), Sitting()
    runs.worker = worker = Worker(runs.store, runs.work, sitting, runs.holder, desk, slots=4)  # type: ignore[arg-type]
    await _start_many(platform, customer, 8)
    working = asyncio.create_task(worker.run())
    with contextlib.ExitStack() as waits:
        for waiting in range(4):
            # Two need the processor; whoever leaves the desk makes room for one more, as long as there are places.
            await asyncio.wait_for(sitting.there_are(min(2 + waiting, 4)), 30)
            assert (worker.busy, desk.away) == (min(2 + waiting, 4), waiting)
            waits.enter_context(desk.leave())
        await worker.look()
        assert worker.busy == 4
    sitting.letting_go.set()
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
