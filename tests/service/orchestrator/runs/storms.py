"""Weathers a storm of crashes: time passes whenever nothing moves, until every run has ended."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from kit.caller import Caller
from services.orchestrator.runs.model import OVER, Run
from tests.conditions import come_true
from tests.service.orchestrator.platform import SEED, RunsPlatform

_ROUNDS = 400


def begin(replicas: Sequence[RunsPlatform], chance: float) -> None:
    """Let the processes of the replicas die, so often from 0 to 1 between any two of their steps."""
    for number, replica in enumerate(replicas):
        replica.storm.begin(SEED + number, chance)


def end(replicas: Sequence[RunsPlatform]) -> None:
    """Let nothing break any more, and forget what did."""
    for replica in replicas:
        replica.storm.chance = 0.0
        replica.storm.seen.clear()


def crashes(replicas: Sequence[RunsPlatform]) -> int:
    """Return how often something broke."""
    return sum(sum(replica.storm.seen.values()) for replica in replicas)


async def stored_runs(platform: RunsPlatform, customer: Caller) -> list[Run]:
    """Return the runs of an operator as they are stored."""
    store = platform.runs_app.runs.store
    found = platform.resources.database("orchestrator")["runs"].find({"operator_id": customer.operator_id}, {"_id": 1})
    runs = [await store.find(document["_id"]) for document in await found.to_list()]
    return [run for run in runs if run is not None]


async def weather(replicas: Sequence[RunsPlatform], customer: Caller) -> list[Run]:
    """Let time pass whenever nothing moves, until every run has ended and everybody has heard of it; return them."""
    for round_number in range(_ROUNDS):
        if round_number == _ROUNDS // 4:
            for replica in replicas:
                replica.storm.chance = 0.0  # some may never see a calm day otherwise

        async def is_quiet() -> bool:
            return all([await replica.is_idle() for replica in replicas])

        await come_true(is_quiet)
        replicas[0].pass_time(seconds=31)
        for replica in replicas:
            try:
                await replica.care()
                await replica.runs_app.runs.worker.look()
            except Exception:  # noqa: BLE001 - it died; the next look is another process's
                continue
        runs = await stored_runs(replicas[0], customer)
        if all(run.status in OVER and run.settled and run.told for run in runs):
            return runs
        await asyncio.sleep(0.05)
    raise AssertionError("some runs never ended")
