from __future__ import annotations

import asyncio
import threading

from launch.loop import run


def test_a_command_ends_although_what_it_left_running_misses_a_cancellation() -> None:
    missed = 0

    async def stubborn() -> None:
        nonlocal missed
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                missed += 1
                if missed == 2:
                    raise

    async def main() -> str:
        left.append(asyncio.create_task(stubborn()))
        await asyncio.sleep(0)
        return "done"

    left: list[asyncio.Task[None]] = []
    answers: list[str] = []
    command = threading.Thread(target=lambda: answers.append(run(main())), daemon=True)
    command.start()
    command.join(10)
    assert answers == ["done"]
    assert left[0].cancelled()
