"""Steps that fail, and what becomes of their run."""

from __future__ import annotations

from piecework.orchestrator.v1 import runs_pb2 as pb

from kit.caller import Caller
from tests.service.orchestrator.platform import RunsPlatform


async def test_agent_that_fails_is_named_in_a_warning(platform: RunsPlatform, customer: Caller) -> None:
    prompt = "Why? [[mock if=doubt fail=auth]]"  # the word is in the instructions of the Skeptic alone

    run = await platform.run(customer, prompt)

    skeptic = next(step for step in run.steps if step.role == "Skeptic")
    assert run.status == pb.RUN_STATUS_COMPLETED
    assert skeptic.state == pb.STEP_STATE_FAILED
    assert any("Skeptic 3" in warning for warning in run.warnings)
    assert sum(step.state == pb.STEP_STATE_COMPLETED for step in run.steps) == 6


async def test_run_without_any_answer_fails(platform: RunsPlatform, customer: Caller) -> None:
    run = await platform.run(customer, "Why? [[mock fail=auth]]")

    assert (run.status, run.error) == (pb.RUN_STATUS_FAILED, "All agents failed to provide results")
    assert not run.result
    assert {step.state for step in run.steps if step.kind in (pb.STEP_KIND_SYNTHESIS, pb.STEP_KIND_VALIDATION)} == {
        pb.STEP_STATE_CANCELED
    }


async def test_garbage_of_the_first_step_is_replaced_by_questions_of_the_roles(
    platform: RunsPlatform, customer: Caller
) -> None:
    run = await platform.run(customer, "Why? [[mock if=prompt garbage]]")

    assert run.status == pb.RUN_STATUS_COMPLETED
    assert run.steps[1].question.startswith("Which facts does one need")


async def test_first_step_that_fails_is_replaced_by_questions_of_the_roles(
    platform: RunsPlatform, customer: Caller
) -> None:
    run = await platform.run(customer, "Why? [[mock if=prompt fail=unreachable]]")

    assert run.status == pb.RUN_STATUS_COMPLETED
    assert run.steps[0].state == pb.STEP_STATE_FAILED
    assert run.steps[1].question.startswith("Which facts does one need")


async def test_checker_that_fails_leaves_the_joined_answer(platform: RunsPlatform, customer: Caller) -> None:
    run = await platform.run(customer, "Why? [[mock if=check fail=refused]]")

    assert run.status == pb.RUN_STATUS_COMPLETED
    assert run.result == run.steps[5].result


async def test_without_a_joined_answer_the_longest_one_counts(platform: RunsPlatform, customer: Caller) -> None:
    prompt = "Why? [[mock if=join fail=refused]] [[mock if=check fail=refused]] [[mock if=Skeptic tokens=400]]"

    run = await platform.run(customer, prompt)

    skeptic = next(step for step in run.steps if step.role == "Skeptic")
    assert run.result == skeptic.result


async def test_quick_run_has_one_step(platform: RunsPlatform, customer: Caller) -> None:
    run = await platform.run(customer, quick=True)

    assert [step.kind for step in run.steps] == [pb.STEP_KIND_AGENT]
    assert run.result == run.steps[0].result


async def test_one_agent_needs_nobody_to_join_answers(platform: RunsPlatform, customer: Caller) -> None:
    run = await platform.run(customer, agent_count=1)

    assert [step.kind for step in run.steps] == [pb.STEP_KIND_AGENT, pb.STEP_KIND_VALIDATION]


async def test_answer_without_end_is_no_answer(platform: RunsPlatform, customer: Caller) -> None:
    run = await platform.start_run(customer, "On. [[mock endless]]", quick=True)

    ended = await platform.patiently(customer, run.id)

    assert (ended.status, ended.error) == (pb.RUN_STATUS_FAILED, "All agents failed to provide results")
    assert "does not end" in ended.steps[0].error or "too long" in ended.steps[0].error
    assert ended.steps[0].attempts == 2


async def test_agents_have_the_contracts_roles_again_from_the_seventeenth(
    platform: RunsPlatform, customer: Caller
) -> None:
    run = await platform.run(customer, agent_count=16)

    roles = [step.role for step in run.steps if step.kind == pb.STEP_KIND_AGENT]
    assert roles == [
        "Researcher", "Analyst", "Skeptic", "Pragmatist", "Synthesizer", "Planner", "Critic", "Executor",
        "Communicator", "Validator", "Optimizer", "Documenter", "Tester", "Debugger", "Security", "QA",
    ]  # fmt: skip


async def test_roles_can_have_models_of_their_own(platform: RunsPlatform, customer: Caller) -> None:
    run = await platform.run(customer, role_models={"Skeptic": "piecework/mock"})

    assert {step.model_id for step in run.steps} == {"piecework/mock"}


async def test_model_that_is_away_is_asked_again(platform: RunsPlatform, customer: Caller) -> None:
    run = await platform.start_run(customer, "Why? [[mock if=Skeptic fail=unreachable:8]]")

    ended = await platform.patiently(customer, run.id)

    skeptic = next(step for step in ended.steps if step.role == "Skeptic")
    assert ended.status == pb.RUN_STATUS_COMPLETED
    assert skeptic.state == pb.STEP_STATE_COMPLETED
    assert 1 < skeptic.attempts <= 5


async def test_model_that_stays_away_is_given_up(platform: RunsPlatform, customer: Caller) -> None:
    run = await platform.start_run(customer, "Why? [[mock if=Skeptic fail=unreachable]]")

    ended = await platform.patiently(customer, run.id)

    skeptic = next(step for step in ended.steps if step.role == "Skeptic")
    assert ended.status == pb.RUN_STATUS_COMPLETED
    assert (skeptic.state, skeptic.attempts) == (pb.STEP_STATE_FAILED, 5)
    assert "cannot be used now" in skeptic.error
