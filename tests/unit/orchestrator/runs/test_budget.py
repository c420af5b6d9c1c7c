"""A budget is a wall."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from kit.errors import Exhausted
from services.orchestrator.runs.budget import allowance, forfeited, last_resort, reserve, room, settled
from services.orchestrator.runs.model import RUNNING
from tests.unit.orchestrator.runs.course import new_run

_MOVES = st.lists(st.tuples(st.integers(0, 15), st.integers(0, 60), st.sampled_from(["reserve", "settle", "lose"])))


@given(limit=st.integers(0, 500), moves=_MOVES)
def test_nothing_ever_exceeds_the_limit(limit: int, moves: list[tuple[int, int, str]]) -> None:
    run = new_run(16, limit=limit)
    for index, amount, move in moves:
        step = run.agents[index]
        if move == "reserve":
            try:
                run = reserve(run, step, amount)
            except Exhausted:
                assert amount > room(run)
        elif move == "settle":
            run = run.with_steps([settled(step, amount)])
        else:
            run = run.with_steps([forfeited(step)])
        assert run.spent + run.reserved <= limit


def test_agents_share_what_is_not_kept_for_the_end() -> None:
    run = new_run(4, limit=400)

    assert [allowance(run, step) for step in run.agents] == [75] * 4


def test_share_shrinks_with_what_an_agent_has_spent() -> None:
    run = new_run(4, limit=400)
    run = run.with_steps([replace(run.agents[0], cost=70, state=RUNNING)])

    assert allowance(run, run.agents[0]) == 5


def test_a_step_goes_beyond_its_share_for_its_first_answer_only() -> None:
    run = new_run(4, limit=8)
    assert allowance(run, run.agents[0]) == 1
    assert last_resort(run, run.agents[0]) == 8

    run = run.with_steps([replace(run.agents[0], cost=3, state=RUNNING)])
    assert allowance(run, run.agents[0]) == last_resort(run, run.agents[0]) == 0
    assert last_resort(run, run.agents[1]) == 5


def test_reservation_beyond_the_room_is_refused() -> None:
    run = new_run(2, limit=10)
    run = reserve(run, run.agents[0], 8)

    with pytest.raises(Exhausted) as caught:
        reserve(run, run.agents[1], 3)

    assert caught.value.reason == "BUDGET_SPENT"
