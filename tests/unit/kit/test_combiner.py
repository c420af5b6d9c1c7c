from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kit.combiner import Combiner


class Writer:
    """A write that can be held, and that notes its batches."""

    def __init__(self, *, held: bool = False) -> None:
        self.batches: list[list[int]] = []
        self.active = 0
        self.most_active = 0
        self.begun = asyncio.Event()
        self.go = asyncio.Event()
        if not held:
            self.go.set()

    async def __call__(self, items: Sequence[int]) -> list[int | Exception]:
        self.batches.append(list(items))
        self.active += 1
        self.most_active = max(self.most_active, self.active)
        self.begun.set()
        await self.go.wait()
        self.active -= 1
        return [ValueError(item) if item < 0 else item * 10 for item in items]


async def test_callers_of_one_turn_share_a_write() -> None:
    writer = Writer()
    combiner = Combiner(writer)
    assert await asyncio.gather(*(combiner.submit(item) for item in range(5))) == [0, 10, 20, 30, 40]
    assert writer.batches == [[0, 1, 2, 3, 4]]


async def after(turns: int, combiner: Combiner[int, int], item: int) -> int:
    """Submit an item some turns of the loop later."""
    for _ in range(turns):
        await asyncio.sleep(0)
    return await combiner.submit(item)


async def test_callers_on_their_way_join() -> None:
    writer = Writer()
    combiner = Combiner(writer)
    assert await asyncio.gather(*(after(3 * item, combiner, item) for item in range(3))) == [0, 10, 20]
    assert writer.batches == [[0, 1, 2]]


async def test_a_full_batch_waits_for_nobody() -> None:
    writer = Writer(held=True)
    combiner = Combiner(writer, max_batch=2)
    tasks = [asyncio.create_task(after(turns, combiner, turns)) for turns in (0, 0, 4)]
    for _ in range(3):
        await asyncio.sleep(0)
    assert writer.batches == [[0, 0]]
    writer.go.set()
    assert await asyncio.gather(*tasks) == [0, 0, 40]


async def test_who_comes_while_the_others_gather_starts_no_write_of_his_own() -> None:
    writer = Writer(held=True)
    combiner = Combiner(writer, max_parallel=3)
    tasks = [asyncio.create_task(after(turns, combiner, turns)) for turns in (0, 1, 5)]
    await writer.begun.wait()
    writer.go.set()
    assert await asyncio.gather(*tasks) == [0, 10, 50]
    assert writer.batches == [[0, 1, 5]]


async def test_a_writer_that_is_cancelled_while_it_gathers_leaves_its_items_to_the_next() -> None:
    combiner = Combiner(Writer())
    before = asyncio.all_tasks()
    call = asyncio.create_task(combiner.submit(1))
    await asyncio.sleep(0)
    (writer,) = asyncio.all_tasks() - before - {call}
    writer.cancel()
    async with asyncio.timeout(5):
        assert await call == 10
        assert await combiner.submit(2) == 20


async def test_a_batch_is_what_waited_while_the_last_was_written() -> None:
    writer = Writer(held=True)
    combiner = Combiner(writer)
    first = asyncio.create_task(combiner.submit(1))
    await writer.begun.wait()
    rest = [asyncio.create_task(combiner.submit(item)) for item in (2, 3, 4)]
    await asyncio.sleep(0)
    writer.go.set()
    assert await asyncio.gather(first, *rest) == [10, 20, 30, 40]
    assert writer.batches == [[1], [2, 3, 4]]


async def test_a_batch_is_bounded() -> None:
    writer = Writer()
    combiner = Combiner(writer, max_batch=4)
    assert await asyncio.gather(*(combiner.submit(item) for item in range(10))) == [item * 10 for item in range(10)]
    assert writer.batches == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


async def test_writes_at_once_are_bounded() -> None:
    writer = Writer(held=True)
    combiner = Combiner(writer, max_batch=1, max_parallel=3)
    tasks = [asyncio.create_task(combiner.submit(item)) for item in range(8)]
    for _ in range(50):
        await asyncio.sleep(0)
    assert writer.active == 3
    writer.go.set()
    assert await asyncio.gather(*tasks) == [item * 10 for item in range(8)]
    assert writer.most_active == 3


async def test_an_error_belongs_to_its_caller() -> None:
    combiner = Combiner(Writer())
    outcomes = await asyncio.gather(*(combiner.submit(item) for item in (1, -2, 3)), return_exceptions=True)
    assert outcomes[0] == 10
    assert isinstance(outcomes[1], ValueError)
    assert outcomes[2] == 30


async def test_a_write_that_fails_fails_its_callers_only() -> None:
    async def write(items: Sequence[int]) -> list[int | Exception]:
        if 1 in items:
            raise ConnectionError("down")
        return list(items)

    combiner: Combiner[int, int] = Combiner(write, max_batch=2)
    outcomes = await asyncio.gather(*(combiner.submit(item) for item in range(4)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [ConnectionError, ConnectionError, int, int]
    assert await combiner.submit(7) == 7


async def test_a_write_that_is_cancelled_cancels_its_callers_only() -> None:
    async def write(items: Sequence[int]) -> list[int]:
        if 1 in items:
            raise asyncio.CancelledError
        return list(items)

    combiner = Combiner(write, max_batch=1)
    async with asyncio.timeout(5):
        outcomes = await asyncio.gather(*(combiner.submit(item) for item in (1, 2)), return_exceptions=True)
    assert isinstance(outcomes[0], asyncio.CancelledError)
    assert outcomes[1] == 2


async def test_a_caller_that_leaves_while_it_waits_takes_its_item_back() -> None:
    writer = Writer(held=True)
    combiner = Combiner(writer)
    first = asyncio.create_task(combiner.submit(1))
    await writer.begun.wait()
    leaving, staying = asyncio.create_task(combiner.submit(2)), asyncio.create_task(combiner.submit(3))
    await asyncio.sleep(0)
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    writer.go.set()
    assert [await first, await staying] == [10, 30]
    assert writer.batches == [[1], [3]]


async def test_a_write_goes_on_when_its_callers_leave() -> None:
    writer = Writer(held=True)
    combiner = Combiner(writer)
    leaving, staying = asyncio.create_task(combiner.submit(1)), asyncio.create_task(combiner.submit(2))
    await writer.begun.wait()
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    assert writer.active == 1
    writer.go.set()
    assert await staying == 20
    assert writer.batches == [[1, 2]]


async def test_a_write_runs_in_the_context_of_its_first_caller() -> None:
    trace: contextvars.ContextVar[str] = contextvars.ContextVar("trace", default="none")
    seen: list[str] = []

    async def write(items: Sequence[int]) -> list[int | Exception]:
        seen.append(trace.get())
        trace.set("changed by the write")
        return list(items)

    combiner: Combiner[int, int] = Combiner(write, max_batch=2)

    async def call(name: str, item: int) -> str:
        trace.set(name)
        await combiner.submit(item)
        return trace.get()

    assert await asyncio.gather(*(call(name, i) for i, name in enumerate("abcd"))) == list("abcd")
    assert seen == ["a", "c"]


async def test_closing_waits_for_what_was_submitted() -> None:
    writer = Writer(held=True)
    combiner = Combiner(writer, max_batch=1)
    tasks = [asyncio.create_task(combiner.submit(item)) for item in range(3)]
    await writer.begun.wait()
    closing = asyncio.create_task(combiner.close())
    await asyncio.sleep(0)
    assert not closing.done()
    writer.go.set()
    await closing
    assert await asyncio.gather(*tasks) == [0, 10, 20]


@settings(max_examples=300, deadline=None)
@given(
    turns=st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=1, max_size=30),
    write_turns=st.integers(0, 5),
    max_batch=st.integers(1, 5),
    max_parallel=st.integers(1, 3),
)
def test_every_item_is_written_once_whenever_it_comes(
    turns: list[tuple[int, bool]], write_turns: int, max_batch: int, max_parallel: int
) -> None:
    """Each caller comes after some turns of the loop, and some leave again a turn later: nobody waits for ever."""
    written: list[int] = []

    async def write(items: Sequence[int]) -> list[int | Exception]:
        for _ in range(write_turns):
            await asyncio.sleep(0)
        written.extend(items)
        return list(items)

    async def scenario() -> None:
        combiner: Combiner[int, int] = Combiner(write, max_batch=max_batch, max_parallel=max_parallel)
        staying, leaving = {}, []
        for item, (pause, leaves) in enumerate(turns):
            for _ in range(pause):
                await asyncio.sleep(0)
            task = asyncio.create_task(combiner.submit(item))
            if leaves:
                await asyncio.sleep(0)
                task.cancel()
                leaving.append(task)
            else:
                staying[item] = task
        async with asyncio.timeout(5):
            assert list(await asyncio.gather(*staying.values())) == list(staying)
            await combiner.close()
        await asyncio.gather(*leaving, return_exceptions=True)
        assert len(written) == len(set(written))
        assert set(staying) <= set(written)

    asyncio.run(scenario())
