"""What is kept for a second: seen at once where it was changed, and never what was read before a change."""

from __future__ import annotations

import asyncio

from kit.ids import new_id
from services.tasks.queue.service.access import BriefCache


class Shelf:
    """Things by id; reading takes as long as the gate is closed."""

    def __init__(self) -> None:
        self.things: dict[str, str] = {}
        self.reads = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def load(self, thing_id: str) -> str | None:
        self.reads += 1
        thing = self.things.get(thing_id)
        await self.gate.wait()
        return thing


async def test_a_thing_is_read_once_in_a_while() -> None:
    shelf, thing_id = Shelf(), new_id()
    shelf.things[thing_id] = "a"
    cache = BriefCache(shelf.load)
    assert [await cache.get(thing_id) for _ in range(5)] == ["a"] * 5
    assert shelf.reads == 1


async def test_what_is_not_there_is_not_kept() -> None:
    shelf, thing_id = Shelf(), new_id()
    cache = BriefCache(shelf.load)
    assert await cache.get(thing_id) is None
    shelf.things[thing_id] = "a"
    assert await cache.get(thing_id) == "a"
    assert await cache.get("not-an-id") is None
    assert shelf.reads == 2


async def test_a_change_is_seen_at_once() -> None:
    shelf, thing_id = Shelf(), new_id()
    shelf.things[thing_id] = "a"
    cache = BriefCache(shelf.load)
    await cache.get(thing_id)
    shelf.things[thing_id] = "b"
    cache.forget(thing_id)
    assert await cache.get(thing_id) == "b"


async def test_what_was_read_before_a_change_is_not_kept_after_it() -> None:
    shelf, thing_id = Shelf(), new_id()
    shelf.things[thing_id] = "old"
    cache = BriefCache(shelf.load)
    shelf.gate.clear()
    reading = asyncio.create_task(cache.get(thing_id))
    while not shelf.reads:  # noqa: ASYNC110 - the task needs a turn
        await asyncio.sleep(0)
    shelf.things[thing_id] = "new"
    cache.forget(thing_id)
    shelf.gate.set()
    await reading
    assert await cache.get(thing_id) == "new"
