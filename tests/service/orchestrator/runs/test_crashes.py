"""Fifty runs while the orchestrator's processes die between any two of their steps, on two replicas."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest
import redis.asyncio
from piecework.billing.v1 import ledger_pb2, plans_pb2
from pymongo import AsyncMongoClient

from kit.caller import Caller
from kit.clock import ManualClock
from kit.errors import DomainError
from kit.mongo import Document
from services.orchestrator.runs.model import OVER, Run
from tests.service.orchestrator.platform import RunsPlatform
from tests.service.orchestrator.runs import storms
from tests.service.tasks.market.platform import TESTS

_RUNS = 50
_CHANCE = 0.06
_BUDGETS = (3, 8, 40)


@pytest.fixture(scope="module")
async def twin(
    platform: RunsPlatform,
    mongo_client: AsyncMongoClient[Document],
    quiet_redis: redis.asyncio.Redis,
    installation: str,
    clock: ManualClock,
) -> AsyncIterator[RunsPlatform]:
    """A second replica of the same installation."""
    platform = RunsPlatform(mongo_client, quiet_redis, installation, clock)
    await platform.start()
    yield platform
    await platform.stop()


async def _begin(platform: RunsPlatform, customer: Caller, number: int) -> None:
    prompt = f"Number {number}. [[mock tokens={40 + number % 7 * 40} delay=0.00{number % 10}]]"
    budget = _BUDGETS[number % len(_BUDGETS)]
    try:
        await platform.start_run(customer, prompt, agent_count=1 + number % 4, budget_credits=budget)
    except DomainError:
        return  # the process died; whether the run began is for the invariants to say


async def test_every_run_ends_once_whatever_dies(platform: RunsPlatform, twin: RunsPlatform) -> None:
    customer = await platform.customer(credits=100_000)
    replicas = [platform, twin]
    storms.begin(replicas, _CHANCE)

    await asyncio.gather(*(_begin(replicas[number % 2], customer, number) for number in range(_RUNS)))
    runs = await storms.weather(replicas, customer)

    assert storms.crashes(replicas) > 20
    assert len(runs) > _RUNS // 3
    await _check_events(platform, runs)
    await _check_money(platform, customer, runs)


async def _check_events(platform: RunsPlatform, runs: list[Run]) -> None:
    """Every run has ended once, and no step went on after it had."""
    for run in runs:
        events = await _events(platform, run)
        types = Counter(change["type"] for change in events)
        assert types[f"run.{run.status}"] == 1 == sum(types[f"run.{status}"] for status in OVER), (run.id, types)
        assert types["run.started"] == 1
        ended: set[str] = set()
        for change in events:
            for step in change["data"].get("run", {}).get("steps", ()):
                if step["id"] in ended:
                    assert step["state"] in OVER, (run.id, step)
                if step.get("state") in OVER:
                    ended.add(step["id"])
            if change["type"] in ("step.started", "step.completed"):
                starts = change["type"] == "step.started"
                assert not (starts and _was_over(events, change)), (run.id, change)


def _was_over(events: list[dict[str, Any]], change: dict[str, Any]) -> bool:
    """Tell whether the step of an event was over before it."""
    step_id = change["data"]["step_id"]
    before = [each for each in events if each["version"] < change["version"] and "run" in each["data"]]
    if not before:
        return False
    steps = {step["id"]: step for step in before[-1]["data"]["run"]["steps"]}
    return steps[step_id].get("state") in OVER


async def _events(platform: RunsPlatform, run: Run) -> list[dict[str, Any]]:
    found = platform.resources.database("orchestrator")["events"].find({"change.stream": f"run:{run.id}"})
    return [
        document["change"] for document in await found.sort("_id", 1).to_list() if "run" in document["change"]["data"]
    ]


async def _check_money(platform: RunsPlatform, customer: Caller, runs: list[Run]) -> None:
    """No run has spent more than its budget, and the ledger says the same as the runs."""
    for run in runs:
        assert 0 <= run.spent <= run.limit
        assert run.reserved == 0
        hold = await platform.run_hold(run.id)
        assert hold.state in (ledger_pb2.HOLD_STATE_SETTLED, ledger_pb2.HOLD_STATE_RELEASED)
    spent = sum(run.spent for run in runs)
    assert await platform.balance(customer.operator_id) == (100_000 - spent, 0)
    request = plans_pb2.ReadUsageRequest(operator_id=customer.operator_id)
    usage = await platform.call(platform.plans.ReadUsage, request, TESTS)
    assert max(each.used for each in usage.counted) == len(runs)
    await platform.verify()
