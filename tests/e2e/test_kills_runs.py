"""The orchestrator and the gateway are killed in the middle of runs: each ends once, and is seen once."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from kit.engines import EphemeralDirectory
from tests.e2e.kills_fleet import Fleet
from tests.e2e.kills_ordeal import rounds, seed
from tests.e2e.runs_ordeal import Followed, RunsOrdeal

pytestmark = pytest.mark.timeout(3600)


@pytest.fixture(scope="session")
async def followed() -> list[Followed]:
    """What clients saw of runs while their platform was killed again and again."""
    chance = random.Random(seed())
    kills = ["orchestrator", "gateway"] * rounds(3)
    chance.shuffle(kills)
    with EphemeralDirectory() as directory:
        fleet = Fleet(directory)
        try:
            await fleet.start()
            ordeal = RunsOrdeal(fleet, 4 * rounds(3))
            await ordeal.undergo(kills, chance)
            return ordeal.runs
        finally:
            await fleet.stop()


def test_every_run_completed_with_one_result(followed: list[Followed]) -> None:
    assert len({run.task_id for run in followed}) == len(followed)
    for run in followed:
        assert run.state["status"] == "completed", run.state
        assert run.state["result"] == run.result
        assert run.state["prompt"] == run.prompt


def test_no_step_counts_twice(followed: list[Followed]) -> None:
    for run in followed:
        steps = run.trace["trace"]["steps"]
        kinds = Counter((step["kind"], step.get("agent_index")) for step in steps)
        assert set(kinds.values()) == {1}, kinds
        assert all(step["state"] in ("completed", "canceled") for step in steps), steps


def test_clients_saw_each_event_once_and_in_order(followed: list[Followed]) -> None:
    for run in followed:
        numbers = [number for number, _ in run.seen]
        assert numbers == sorted(set(numbers))
        assert run.seen == run.replay
        assert [kind for _, kind in run.seen if kind in ("start", "complete", "error")] == ["start", "complete"]


def test_streams_were_cut(followed: list[Followed]) -> None:
    assert sum(run.connections for run in followed) > len(followed)
