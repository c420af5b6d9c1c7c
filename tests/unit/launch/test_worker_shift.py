from __future__ import annotations

import asyncio

from launch.worker.shift import Shift


async def test_an_empty_queue_is_final_when_nobody_is_busy() -> None:
    assert not await Shift(30, until_empty=True).worth_asking_again()


async def test_while_somebody_is_busy_the_others_wait_for_the_end_of_that() -> None:
    shift = Shift(30, until_empty=True)
    with shift.busy():
        waiting = asyncio.create_task(shift.worth_asking_again())
        await asyncio.sleep(0)
        assert not waiting.done()
    assert await waiting


async def test_the_end_of_the_shift_ends_waiting_and_asking() -> None:
    shift = Shift(30, until_empty=False)
    asking = asyncio.create_task(shift.unless_ending(asyncio.sleep(3600, "never")))
    with shift.busy():
        waiting = asyncio.create_task(shift.worth_asking_again())
        await asyncio.sleep(0)
        shift.ending.set()
        assert await asking is None
        assert await waiting


async def test_what_is_done_before_the_end_counts() -> None:
    assert await Shift(30, until_empty=False).unless_ending(asyncio.sleep(0, "task")) == "task"


def test_to_wait_for_work_makes_no_sense_until_empty() -> None:
    assert Shift(30, until_empty=True).wait_seconds == 0
    assert Shift(30, until_empty=False).wait_seconds == 30
