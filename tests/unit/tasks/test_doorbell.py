"""Waiting workers and rings, without Redis: what a ring does, and what becomes of it when nobody uses it."""

from __future__ import annotations

import asyncio

import pytest

from kit.redis import Wakeups
from services.tasks.work.doorbell import Doorbell, Ticket

QUEUE, OTHER = "pool:a", "pool:b"


@pytest.fixture
def doorbell() -> Doorbell:
    return Doorbell(Wakeups(None, "rings"))


async def is_rung(ticket: Ticket) -> bool:
    """Tell whether the ticket has been rung; it is in line again then."""
    return await ticket.wait(0)


async def test_a_ring_wakes_who_waits_the_longest(doorbell: Doorbell) -> None:
    with doorbell.ticket(QUEUE) as first, doorbell.ticket(QUEUE) as second, doorbell.ticket(OTHER) as other:
        doorbell.ring(QUEUE, 1)
        assert [await is_rung(ticket) for ticket in (first, second, other)] == [True, False, False]
        # Woken once, it stands at the end of the line.
        doorbell.ring(QUEUE, 1)
        assert [await is_rung(ticket) for ticket in (first, second)] == [False, True]
        first.settle()
        second.settle()


async def test_n_rings_wake_n(doorbell: Doorbell) -> None:
    tickets = [doorbell.ticket(QUEUE) for _ in range(5)]
    for ticket in tickets:
        doorbell.enter(QUEUE, ticket)
    doorbell.ring(QUEUE, 1, 3)
    assert [await is_rung(ticket) for ticket in tickets] == [True] * 3 + [False] * 2
    doorbell.ring(QUEUE, 1, 100)
    assert [await is_rung(ticket) for ticket in tickets] == [True] * 5


async def test_rings_for_nobody_and_for_nothing_do_nothing(doorbell: Doorbell) -> None:
    doorbell.ring(QUEUE, 1)
    with doorbell.ticket(QUEUE) as late:
        doorbell.ring(QUEUE, 1, 0)
        assert not await is_rung(late)
        assert doorbell.waiting(QUEUE) == 1
    assert doorbell.waiting(QUEUE) == 0


async def test_a_ring_for_one_operator_passes_by_the_others(doorbell: Doorbell) -> None:
    with doorbell.ticket(QUEUE, 2) as theirs, doorbell.ticket(QUEUE, 1) as mine, doorbell.ticket(QUEUE) as everyones:
        doorbell.ring(QUEUE, 1, 3)
        assert [await is_rung(ticket) for ticket in (theirs, mine, everyones)] == [False, True, True]
        mine.settle()
        everyones.settle()


async def test_a_ring_before_the_wait_is_not_lost(doorbell: Doorbell) -> None:
    with doorbell.ticket(QUEUE) as ticket:
        doorbell.ring(QUEUE, 1)
        assert await ticket.wait(10)
        ticket.settle()


async def test_who_leaves_unsettled_passes_the_ring_on_to_who_can_use_it(doorbell: Doorbell) -> None:
    with doorbell.ticket(QUEUE, 2) as theirs, doorbell.ticket(QUEUE, 1) as second:
        with doorbell.ticket(QUEUE, 1) as third:
            doorbell.leave(QUEUE, second)
            doorbell.ring(QUEUE, 1)
            doorbell.enter(QUEUE, second)
            assert await third.wait(10)
        assert [await is_rung(ticket) for ticket in (theirs, second)] == [False, True]
        second.settle()


async def test_who_has_looked_takes_the_ring_along(doorbell: Doorbell) -> None:
    with doorbell.ticket(QUEUE) as first:
        with doorbell.ticket(QUEUE) as second:
            doorbell.ring(QUEUE, 1, 2)
            assert await first.wait(10)
            assert await second.wait(10)
            second.settle()
        first.settle()
        assert not await is_rung(first)


@pytest.mark.parametrize("ring_first", [True, False])
async def test_a_ring_and_a_cancellation_in_one_turn(doorbell: Doorbell, *, ring_first: bool) -> None:
    async def wait() -> None:
        with doorbell.ticket(QUEUE) as ticket:
            await ticket.wait(30)
            raise AssertionError("it was cancelled")

    with doorbell.ticket(QUEUE) as standby:
        doorbell.leave(QUEUE, standby)
        waiting = asyncio.create_task(wait())
        while doorbell.waiting(QUEUE) < 1:  # noqa: ASYNC110 - the task needs a turn or two
            await asyncio.sleep(0)
        doorbell.enter(QUEUE, standby)
        if ring_first:
            doorbell.ring(QUEUE, 1)
            waiting.cancel()
        else:
            waiting.cancel()
            doorbell.ring(QUEUE, 1)
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert await standby.wait(10)
        standby.settle()


async def test_a_ring_for_later_comes_later_and_not_too_early(doorbell: Doorbell) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    with doorbell.ticket(QUEUE) as first, doorbell.ticket(QUEUE) as second:
        doorbell.ring_after(QUEUE, 1, 0.02, 2)
        assert await first.wait(10)
        assert await second.wait(10)
        assert loop.time() - began >= 0.02
        first.settle()
        second.settle()


async def test_lines_leave_nothing_behind(doorbell: Doorbell) -> None:
    for number in range(100):
        with doorbell.ticket(f"pool:{number}"):
            doorbell.ring(f"pool:{number}", 1)
    assert [doorbell.waiting(f"pool:{number}") for number in range(100)] == [0] * 100
