"""Changes of one task come one after another; those of other tasks do not wait."""

from __future__ import annotations

import asyncio

import pytest

from services.tasks.market.service.turns import Turns


async def test_one_at_a_time_for_one_task() -> None:
    turns, inside, most = Turns(), 0, 0

    async def change() -> None:
        nonlocal inside, most
        async with turns.of(1):
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1

    await asyncio.gather(*(change() for _ in range(10)))
    assert most == 1
    assert not turns.waited_for


async def test_other_tasks_do_not_wait() -> None:
    turns = Turns()
    async with turns.of(1), turns.of(2):
        assert turns.waited_for == {1, 2}


async def test_who_gives_up_leaves_nothing_behind() -> None:
    turns = Turns()
    async with turns.of(1):
        waiting = asyncio.create_task(turns.of(1).__aenter__())
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    assert not turns.waited_for


async def test_a_change_that_fails_lets_the_next_one_in() -> None:
    turns = Turns()
    with pytest.raises(ValueError, match="refused"):
        async with turns.of(1):
            raise ValueError("refused")
    async with turns.of(1):
        assert turns.waited_for == {1}
