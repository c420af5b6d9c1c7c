from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from kit.inprocess.pipe import MAX_BYTES, MAX_MESSAGES, Pipe


async def test_what_was_put_before_the_end_can_be_read():
    pipe = Pipe(asyncio.get_running_loop())
    assert await pipe.put(b"a")
    pipe.close()
    assert await pipe.put(b"b") is False
    assert await pipe.get() == b"a"
    assert await pipe.get() is None
    assert await pipe.get() is None


async def test_dropping_forgets_and_wakes_both_sides():
    pipe = Pipe(asyncio.get_running_loop())
    reader = asyncio.create_task(pipe.get())
    await asyncio.sleep(0)
    pipe.drop()
    assert await reader is None

    pipe = Pipe(asyncio.get_running_loop())
    writer = asyncio.create_task(pipe.put(b"x" * (MAX_BYTES + 1)))
    await asyncio.sleep(0)
    assert not writer.done()
    pipe.drop()
    await writer
    assert await pipe.get() is None


async def test_a_full_pipe_holds_the_writer_until_there_is_room():
    pipe = Pipe(asyncio.get_running_loop())
    for _ in range(MAX_MESSAGES):
        await pipe.put(b"")
    writer = asyncio.create_task(pipe.put(b"last"))
    await asyncio.sleep(0)
    assert not writer.done()
    await pipe.get()
    assert await writer


@given(st.lists(st.binary(max_size=MAX_BYTES // 3), max_size=200))
def test_messages_arrive_whole_and_in_order(messages: list[bytes]):
    async def send_and_receive() -> list[bytes]:
        pipe = Pipe(asyncio.get_running_loop())

        async def send() -> None:
            for message in messages:
                assert await pipe.put(message)
            pipe.close()

        sender = asyncio.create_task(send())
        received = []
        while (message := await pipe.get()) is not None:
            received.append(message)
        await sender
        return received

    assert asyncio.run(send_and_receive()) == messages
