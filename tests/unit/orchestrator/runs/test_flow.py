"""How runs go on and end."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from services.orchestrator.runs.documents import has_open_end
from services.orchestrator.runs.flow import end
from services.orchestrator.runs.model import (
    AGENT,
    AWAITING_APPROVAL,
    CANCELED,
    COMPLETED,
    DECOMPOSE,
    FAILED,
    MAX_ATTEMPTS,
    PROCESSING,
    SYNTHESIS,
    VALIDATION,
    Approval,
    Turn,
)
from services.orchestrator.runs.progress import Usage, answer, ask, complete, exhaust, put_back, start, stop
from tests.unit.orchestrator.runs.course import NOW, begun, done, failed, hold_of, new_run, queued


def test_steps_come_one_kind_after_the_other() -> None:
    run = new_run(3)
    for kind, count in ((DECOMPOSE, 1), (AGENT, 3), (SYNTHESIS, 1), (VALIDATION, 1)):
        assert [step.kind for step in queued(run)] == [kind] * count
        for step in queued(run):
            run = done(run, step, f"{kind} says")

    assert (run.status, run.result, run.ended_version) == (COMPLETED, "validation says", run.version + 1)


@pytest.mark.parametrize(("limit", "thread_id", "owed"), [(0, 0, False), (5, 0, True), (0, 5, True)])
def test_who_held_nothing_and_told_nobody_is_done_when_it_ends(limit: int, thread_id: int, *, owed: bool) -> None:
    run = new_run(1, quick=True, limit=limit, thread_id=thread_id)

    run = done(run, queued(run)[0])

    assert run.status == COMPLETED
    assert has_open_end(run) == owed


def test_agents_get_their_questions() -> None:
    run = new_run(2)

    run = done(run, queued(run)[0])

    assert [step.question for step in run.agents] == ["Q0", "Q1"]


@pytest.mark.parametrize("failures", [0, 1, 2, 3])
def test_one_answer_is_enough(failures: int) -> None:
    run = new_run(4)
    run = done(run, queued(run)[0])
    for number, step in enumerate(queued(run)):
        run = failed(run, step) if number < failures else done(run, step, "x" * number)
    while queued(run):
        run = done(run, queued(run)[0], "end")

    assert run.status == COMPLETED
    assert len([warning for warning in run.warnings if "failed" in warning]) == failures
    joined = run.of_kind(SYNTHESIS)
    assert joined is not None
    assert joined.state == (CANCELED if failures == 3 else COMPLETED)


def test_no_answer_at_all_fails_the_run() -> None:
    run = new_run(2)
    run = done(run, queued(run)[0])
    for step in queued(run):
        run = failed(run, step)

    assert (run.status, run.error) == (FAILED, "All agents failed to provide results")


def test_lost_lease_is_refused_and_counted() -> None:
    run = new_run(1, quick=True)
    (step,) = queued(run)
    run = begun(run, step, 1)
    run = begun(run, step, 2)

    assert start(run, hold_of(step, 2), NOW) is None
    assert complete(run, hold_of(step, 1), "late", Usage(), NOW) is None
    assert run.steps[0].attempts == 2


def test_attempts_end() -> None:
    run = new_run(1, quick=True)
    (step,) = queued(run)
    for token in range(1, MAX_ATTEMPTS + 2):
        run = begun(run, step, token)

    assert (run.status, run.steps[0].state) == (FAILED, FAILED)


def test_finished_step_never_begins_again() -> None:
    run = new_run(2)
    (first,) = queued(run)
    run = done(run, first)

    assert start(run, hold_of(first, 9), NOW) is None


def test_what_a_lost_worker_had_set_aside_counts_as_spent() -> None:
    run = new_run(1, quick=True, limit=100)
    (step,) = queued(run)
    run = begun(run, step, 1)
    run = run.with_steps([replace(run.steps[0], reserved=30)])

    run = begun(run, step, 2)

    assert (run.spent, run.reserved) == (30, 0)


def test_spent_budget_ends_the_run_with_what_it_has() -> None:
    run = new_run(2, limit=10)
    run = done(run, queued(run)[0])
    one, other = queued(run)
    run = done(run, one, "something")
    run = begun(run, other)

    ended = exhaust(run, hold_of(other), Usage(), NOW)

    assert ended is not None
    assert (ended.status, ended.result, ended.exhausted) == (COMPLETED, "something", True)
    assert "The budget of 10 credits is spent" in ended.warnings[0]


def test_cancelled_run_waits_for_its_workers_to_stop() -> None:
    run = new_run(2, limit=10)
    (step,) = queued(run)
    run = begun(run, step)
    run = run.with_steps([replace(run.steps[0], reserved=4)])

    run = end(run, CANCELED, NOW)

    assert [each.id for each in run.steps if each.is_stopping] == [step.id]
    assert complete(run, hold_of(step), "late", Usage(), NOW) is None
    stopped = stop(run, hold_of(step), Usage(1))
    assert stopped is not None
    assert (stopped.spent, stopped.reserved) == (1, 0)
    assert stop(stopped, hold_of(step), Usage(1)) is None


def test_next_worker_settles_for_one_that_died() -> None:
    run = new_run(2, limit=10)
    (step,) = queued(run)
    run = begun(run, step)
    run = end(run.with_steps([replace(run.steps[0], reserved=4)]), CANCELED, NOW)

    stopped = stop(run, hold_of(step, 2), Usage())

    assert stopped is not None
    assert (stopped.spent, stopped.reserved) == (4, 0)


def test_approval_stops_the_clock() -> None:
    run = new_run(1, quick=True)
    (step,) = queued(run)
    run = begun(run, step)
    later = NOW + timedelta(minutes=4)

    waiting = ask(run, hold_of(step), Usage(), Approval("a", "delete"), (Turn("assistant", "may I"),), later)
    assert waiting is not None
    assert (waiting.status, waiting.asking and waiting.asking.id) == (AWAITING_APPROVAL, step.id)
    much_later = NOW + timedelta(hours=5)
    run = answer(waiting, "The operator approved.", "item-2", much_later)

    assert (run.status, run.deadline_at) == (PROCESSING, much_later + timedelta(minutes=6))
    assert [turn.content for turn in run.steps[0].turns] == ["may I", "The operator approved."]
    assert start(run, hold_of(step, 5), NOW) is None  # the old item
    assert start(run, hold_of(run.steps[0], 1), NOW) is not None


def test_step_that_is_put_back_keeps_its_place() -> None:
    run = new_run(1, quick=True)
    (step,) = queued(run)
    run = begun(run, step)

    back = put_back(run, hold_of(step), "busy", Usage(), NOW, timedelta(seconds=2))

    assert back is not None
    assert [each.error for each in queued(back)] == ["busy"]
    assert back.steps[0].attempts == 1
