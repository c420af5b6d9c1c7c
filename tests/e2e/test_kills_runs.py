"""The orchestrator and the gateway are killed in the middle of runs: each ends, is seen, counted and paid once.

Most runs are on the mock model. Some are on a provider that writes down every call it gets.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest

from kit.engines import EphemeralDirectory
from tests.e2e.kills_fleet import Fleet
from tests.e2e.kills_ordeal import rounds, say, seed
from tests.e2e.runs_books import Books
from tests.e2e.runs_ordeal import BUDGET, Followed, RunsOrdeal, prompts
from tests.e2e.runs_provider import MODEL, CountingProvider

pytestmark = pytest.mark.timeout(3600)
_OVER = ("completed", "failed", "canceled")
_STARTS = "step.started"


@dataclass
class Outcome:
    """What is left when every run is over."""

    followed: list[Followed]
    books: Books
    provider: CountingProvider
    before: int


@pytest.fixture(scope="session")
async def outcome() -> Outcome:
    """What came of runs whose platform was killed again and again: fifty on the mock model, for ten kills."""
    chance = random.Random(seed())
    kills = ["orchestrator", "gateway"] * rounds(5)
    chance.shuffle(kills)
    say(f"seed {seed()}, kills: {', '.join(kills)}")
    provider = CountingProvider()
    with EphemeralDirectory() as directory:
        await provider.start()
        fleet = Fleet(directory, settings=provider.catalogue(directory))
        try:
            await fleet.start()
            books = Books(fleet)
            await books.endow()
            before = books.account.available_credits
            ordeal = RunsOrdeal(fleet, prompts(mock=10 * rounds(5), counted=2 * rounds(5)))
            await ordeal.undergo(kills, chance)
            await books.close()
            return Outcome(list(ordeal.runs), books, provider, before)
        finally:
            await fleet.stop()
            await provider.stop()


def test_every_run_completed_with_one_result(outcome: Outcome) -> None:
    assert len({run.task_id for run in outcome.followed}) == len(outcome.followed) == len(outcome.books.runs)
    for run in outcome.followed:
        assert run.state["status"] == "completed", run.state
        assert run.state["result"] == run.result == outcome.books.runs[run.task_id]["result"]
        assert run.state["prompt"] == run.prompt


def test_no_step_counts_twice(outcome: Outcome) -> None:
    for run in outcome.followed:
        kinds = Counter((step["kind"], step.get("agent_index")) for step in run.steps)
        assert set(kinds.values()) == {1}, kinds
        assert all(step["state"] in ("completed", "canceled") for step in run.steps), run.steps


def test_finished_steps_are_not_run_again(outcome: Outcome) -> None:
    """In the history of each run a step ends once, and neither starts nor changes after that."""
    for run in outcome.followed:
        changes = outcome.books.events[run.task_id]
        ends = Counter(change["type"] for change in changes if change["type"].removeprefix("run.") in _OVER)
        assert ends == {"run.completed": 1}
        ended: dict[str, dict[str, Any]] = {}
        for change in changes:
            data = change["data"]
            assert not (change["type"] == _STARTS and data["step_id"] in ended), change
            for step in data["run"]["steps"]:
                kept = {name: step.get(name) for name in ("state", "tokens_out", "cost", "attempts", "ended_at")}
                if step.get("state") in _OVER:
                    assert ended.setdefault(step["id"], kept) == kept, (ended[step["id"]], kept)


def test_models_are_not_asked_about_finished_steps(outcome: Outcome) -> None:
    counted = [run for run in outcome.followed if run.model == MODEL]
    again = 0
    for run in counted:
        for step in run.steps:
            if step["state"] != "completed":
                continue
            calls = outcome.provider.of(run.number, step["kind"], step.get("role", ""))
            assert 1 <= len(calls) <= step["attempts"], (step, calls)
            assert [call.text for call in calls][-1] == step["result"]
            ended_at = datetime.fromisoformat(step["ended_at"]).timestamp()
            assert all(call.began_at < ended_at for call in calls), (step, calls)
            again += len(calls) - 1
    say(f"{len(outcome.provider.calls)} calls for {len(counted)} runs; {again} of steps that were under way at a kill")


def test_clients_saw_each_event_once_and_in_order(outcome: Outcome) -> None:
    for run in outcome.followed:
        numbers = [number for number, _ in run.seen]
        assert numbers == sorted(set(numbers))
        assert run.seen == run.replay
        assert [kind for _, kind in run.seen if kind in ("start", "complete", "error")] == ["start", "complete"]


def test_books_are_right(outcome: Outcome) -> None:
    books = outcome.books
    assert books.problems == []
    assert (books.pending, books.account.held_credits) == (0, 0)
    spent = 0
    for run in outcome.followed:
        # Each call costs one credit, and so does one that nobody knows the end of.
        assert all(step["cost_credits"] <= step["attempts"] for step in run.steps), run.steps
        assert all(step["cost_credits"] == 1 for step in run.steps if step["attempts"] == 1), run.steps
        costs = sum(step["cost_credits"] for step in run.steps)
        assert costs == run.state["budgetUsage"]["consumedCredits"] <= BUDGET
        spent += costs
    assert books.account.available_credits == outcome.before - spent
    hit = sum(step["attempts"] > 1 for run in outcome.followed for step in run.steps)
    say(f"{spent} credits spent, {hit} steps hit")


def test_streams_were_cut(outcome: Outcome) -> None:
    assert sum(run.connections for run in outcome.followed) > len(outcome.followed)
    assert any(step["attempts"] > 1 for run in outcome.followed for step in run.steps), "no step was hit"
