"""Steps that ask their operator."""

from __future__ import annotations

from typing import Any

import msgspec
from piecework.orchestrator.v1 import runs_pb2 as pb

from kit.caller import Caller
from kit.errors import WrongState
from tests.conditions import come_true
from tests.service.hosting import refused
from tests.service.orchestrator.platform import RunsPlatform

_QUESTION = '{"tool":"question","arguments":{"permission":"delete"}}'
_PROMPT = f"Tidy. [[mock answer={_QUESTION}]] [[mock if=approved answer=deleted]] [[mock if=refused answer=kept]]"


def _waits(run: pb.Run) -> bool:
    return run.status == pb.RUN_STATUS_AWAITING_APPROVAL


async def _asking(platform: RunsPlatform, customer: Caller, prompt: str = _PROMPT, **fields: Any) -> pb.Run:
    run = await platform.start_run(customer, prompt, **{"quick": True, **fields})
    await platform.until(customer, run.id, _waits)
    return await platform.get_run(customer, run.id)


async def test_step_waits_for_its_operator_without_a_worker(platform: RunsPlatform, customer: Caller) -> None:
    run = await _asking(platform, customer)

    assert run.pending_approval.permission == "delete"
    assert run.pending_approval.step_id == run.steps[0].id
    assert run.steps[0].state == pb.STEP_STATE_AWAITING_APPROVAL
    await come_true(platform.is_idle)

    answered = await platform.answer(customer, run.id)

    assert not answered.HasField("pending_approval")
    ended = await platform.ended(customer, run.id)
    assert (ended.status, ended.result) == (pb.RUN_STATUS_COMPLETED, "deleted")
    assert ended.steps[0].attempts == 1


async def test_refusal_is_told_to_the_step(platform: RunsPlatform, customer: Caller) -> None:
    run = await _asking(platform, customer)

    await platform.answer(customer, run.id, approved=False)

    assert (await platform.ended(customer, run.id)).result == "kept"


async def test_time_stands_still_while_a_step_waits(platform: RunsPlatform, customer: Caller) -> None:
    run = await _asking(platform, customer)

    await platform.care(hours=3)
    await platform.answer(customer, run.id)

    assert (await platform.ended(customer, run.id)).result == "deleted"


async def test_nobody_waits_for_ever(platform: RunsPlatform, customer: Caller) -> None:
    run = await _asking(platform, customer)

    await platform.care(hours=25)

    assert (await platform.get_run(customer, run.id)).status == pb.RUN_STATUS_FAILED


async def test_run_ends_before_the_hold_of_its_budget_however_often_it_asks(
    platform: RunsPlatform, customer: Caller
) -> None:
    run = await platform.start_run(customer, f"Tidy. [[mock answer={_QUESTION}]]", quick=True, budget_credits=100)
    for _ in range(2):
        await come_true(lambda: _asks(platform, customer, run.id))
        await platform.care(hours=20)
        await platform.answer(customer, run.id)
    await come_true(lambda: _asks(platform, customer, run.id))
    await platform.care(hours=9)

    ended = await platform.get_run(customer, run.id)
    assert (ended.status, ended.error) == (pb.RUN_STATUS_FAILED, "The run took too long")
    stored = await platform.settled(run.id)
    assert stored.spent == 3
    assert await platform.balance(customer.operator_id) == (10_000 - 3, 0)


async def test_questions_come_to_an_end(platform: RunsPlatform, customer: Caller) -> None:
    run = await platform.start_run(customer, f"Tidy. [[mock answer={_QUESTION}]]", quick=True)
    for number in range(5):
        await come_true(lambda: _asks(platform, customer, run.id))
        await platform.answer(customer, run.id, text=f"Yes, number {number}")

    ended = await platform.ended(customer, run.id)
    assert ended.status == pb.RUN_STATUS_FAILED
    assert "asked for tools again after 5" in ended.steps[0].error


async def _asks(platform: RunsPlatform, customer: Caller, run_id: str) -> bool:
    return (await platform.get_run(customer, run_id)).HasField("pending_approval")


async def test_waiting_run_can_be_cancelled(platform: RunsPlatform, customer: Caller) -> None:
    run = await _asking(platform, customer, budget_credits=100)

    canceled = await platform.cancel_run(customer, run.id)

    assert (canceled.status, list(canceled.not_stopped_step_ids)) == (pb.RUN_STATUS_CANCELED, [])
    await platform.settled(run.id)
    with refused("NOT_AWAITING_APPROVAL", WrongState):
        await platform.answer(customer, run.id)


async def test_run_that_asks_nothing_takes_no_answer(platform: RunsPlatform, customer: Caller) -> None:
    run = await platform.run(customer, quick=True)

    with refused("NOT_AWAITING_APPROVAL", WrongState):
        await platform.answer(customer, run.id)


async def test_tools_can_need_approval(platform: RunsPlatform, customer: Caller) -> None:
    wish = '{"tool":"webfetch","arguments":{"url":"http://127.0.0.1:1/"}}'
    options = msgspec.json.encode({"approveTools": ["webfetch"], "other": None}).decode()
    prompt = f"Look. [[mock answer={wish}]] [[mock if=failed: answer=tried]] [[mock if=refused answer=not_tried]]"
    asking = [await _asking(platform, customer, prompt, options_json=options) for _ in range(2)]

    assert asking[0].pending_approval.permission == "webfetch"
    assert not asking[0].steps[0].tool_calls
    await platform.answer(customer, asking[0].id)
    await platform.answer(customer, asking[1].id, approved=False)

    tried, kept = [await platform.ended(customer, run.id) for run in asking]
    assert (tried.result, len(tried.steps[0].tool_calls)) == ("tried", 1)
    assert (kept.result, len(kept.steps[0].tool_calls)) == ("not tried", 0)


async def test_a_question_is_asked_once_also_where_questions_need_approval(
    platform: RunsPlatform, customer: Caller
) -> None:
    run = await _asking(platform, customer, options_json='{"approveTools": ["question"]}')

    await platform.answer(customer, run.id)

    assert (await platform.ended(customer, run.id)).result == "deleted"


async def test_several_steps_ask_one_after_another(platform: RunsPlatform, customer: Caller) -> None:
    run = await platform.start_run(
        customer, f"Tidy. [[mock if=team answer={_QUESTION}]] [[mock if=approved answer=yes]]"
    )

    for _ in range(4):
        await platform.until(customer, run.id, _waits)
        await come_true(lambda: _asks(platform, customer, run.id))
        await platform.answer(customer, run.id)

    ended = await platform.ended(customer, run.id)
    assert ended.status == pb.RUN_STATUS_COMPLETED
    assert [step.result for step in ended.steps if step.kind == pb.STEP_KIND_AGENT] == ["yes"] * 4
