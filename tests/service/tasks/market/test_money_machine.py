"""Any history of the market, at two replicas, with billing lost in the middle: money is exact."""

from __future__ import annotations

import asyncio
import random

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.service.tasks.market.faults import Fault
from tests.service.tasks.market.history import ENDINGS, METHODS, Bench, Market
from tests.service.tasks.market.platform import MarketPlatform


def walk(machine: Market, chance: random.Random, steps: int) -> None:
    """Take random steps, mostly forward: chance alone ends few deals, and hypothesis likes short histories."""
    machine.found()
    for _ in range(steps):
        replica, who, number = chance.randrange(2), chance.randrange(4), chance.randrange(12)
        match chance.choice(
            ["break", "break", "post", "crowd", "on", "on", "on", "on", "back", "out", "end", "decide"]
        ):
            case "break":
                faults = [chance.choice(list(Fault)) for _ in range(chance.randrange(1, 3))]
                machine.break_billing(replica, chance.choice(METHODS), faults)
            case "post":
                machine.post(replica, who, chance.choice([10, 99, 250]), chance.randrange(2))
            case "crowd":
                machine.post_the_same_at_once(replica, who, 4)
            case "on":
                machine.go_on(replica, who, number, chance.randrange(1, 5), chance.choice(ENDINGS))
            case "back":
                machine.roll_back(replica, 0, number)
            case "out":
                machine.withdraw(replica, number)
            case "end":
                machine.cancel(replica, chance.randrange(4), number)
            case "decide":
                machine.resolve(replica, number, chance.choice([0, 33, 50, 100]))
                machine.reconcile(replica)
    machine.teardown()


@pytest.mark.parametrize("seed", range(6))
async def test_a_long_history_leaves_every_credit_where_it_belongs(
    market: MarketPlatform, twin: MarketPlatform, seed: int
) -> None:
    assert not market.billing.faults
    assert not twin.billing.faults  # a channel is made on the loop

    class Run(Market):
        bench = Bench((market, twin), asyncio.get_running_loop())

    await asyncio.to_thread(walk, Run(), random.Random(seed), 60)


async def test_any_history_leaves_every_credit_where_it_belongs(market: MarketPlatform, twin: MarketPlatform) -> None:
    assert not market.billing.faults
    assert not twin.billing.faults  # a channel is made on the loop

    class Run(Market):
        bench = Bench((market, twin), asyncio.get_running_loop())

    options = settings(
        max_examples=10,
        stateful_step_count=30,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    # The rules wait for their calls: they need a thread of their own, beside the loop that serves them.
    await asyncio.to_thread(run_state_machine_as_test, Run, settings=options)
