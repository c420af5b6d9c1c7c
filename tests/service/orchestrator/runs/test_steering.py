"""Runs that are told something while they are under way."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from piecework.orchestrator.v1 import runs_pb2 as pb

from kit.caller import Caller
from kit.errors import InvalidInput, NotFound, WrongState
from services.orchestrator.runs.service.ports import Files
from services.orchestrator.runs.steering import MAX_INPUTS
from tests.service.hosting import refused
from tests.service.orchestrator.platform import RunsPlatform

_QUESTION = '{"tool":"question","arguments":{"permission":"go_on"}}'
# The first of two agents asks, so that the run stands still until it is answered; the directives of what is said later
# win, so that only a model that hears of it answers so.
_PROMPT = f"Plan a trip. [[mock if=Researcher answer={_QUESTION}]]"
_SAID = "Go by train. [[mock answer=train]]"


async def _standing(platform: RunsPlatform, customer: Caller) -> pb.Run:
    run = await platform.start_run(customer, _PROMPT, agent_count=2)
    await platform.until(customer, run.id, lambda run: run.status == pb.RUN_STATUS_AWAITING_APPROVAL)
    return run


async def _steer(
    platform: RunsPlatform, caller: Caller, run_id: str, text: str = _SAID, key: str | None = None
) -> pb.Run:
    request = pb.SteerRunRequest(run_id=run_id, input=text)
    answer: pb.SteerRunResponse = await platform.call(platform.orchestrator.SteerRun, request, caller, key=key)
    return answer.run


async def test_what_is_said_reaches_the_further_calls(platform: RunsPlatform, customer: Caller) -> None:
    run = await _standing(platform, customer)

    steered = await _steer(platform, customer, run.id)

    assert [said.input for said in steered.steering] == [_SAID]
    assert steered.steering[0].actor == f"operator:{customer.operator_id}"
    assert steered.status == pb.RUN_STATUS_AWAITING_APPROVAL
    await platform.answer(customer, run.id)
    ended = await platform.ended(customer, run.id)
    assert (ended.status, ended.result) == (pb.RUN_STATUS_COMPLETED, "train")
    assert ended.steps[1].result == "train", "the agent that asked again"
    assert ended.steps[3].result == "train", "the synthesis"
    assert [said.input for said in ended.steering] == [_SAID], "it stays a part of the trace"


class _SlowFiles:
    """Files that take their time to be read."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self.reading = asyncio.Event()
        self.read = asyncio.Event()

    async def require(self, operator_id: int, file_ids: Sequence[str]) -> None:
        await self._files.require(operator_id, file_ids)

    async def texts(self, operator_id: int, file_ids: Sequence[str]) -> Sequence[tuple[str, str]]:
        self.reading.set()
        await self.read.wait()
        return await self._files.texts(operator_id, file_ids)


async def test_what_is_said_while_files_are_read_is_heard(
    platform: RunsPlatform, customer: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    talks = platform.runs_app.runs.talks
    slow = _SlowFiles(talks.files)
    monkeypatch.setattr(talks, "files", slow)
    file_id = await platform.add_file(customer, "colour.txt", b"The colour is green")
    run = await platform.start_run(customer, "Plan a trip.", file_ids=[file_id], quick=True)
    await slow.reading.wait()

    await _steer(platform, customer, run.id)
    slow.read.set()

    assert (await platform.ended(customer, run.id)).result == "train"


async def test_it_is_an_event_of_the_run(platform: RunsPlatform, customer: Caller) -> None:
    run = await _standing(platform, customer)
    await _steer(platform, customer, run.id, "First.")
    await _steer(platform, customer, run.id, "Second.")
    await platform.cancel_run(customer, run.id)

    told = await platform.watched(customer, run.id, after=0)

    steered = [message for message in told if message.type == "run.steered"]
    assert [[said.input for said in message.run.steering] for message in steered] == [["First."], ["Second."]]
    assert all(not message.run.steering for message in told[1:] if message.type != "run.steered")
    assert [message.type for message in told][-1] == "run.canceled"


async def test_nothing_is_said_twice(platform: RunsPlatform, customer: Caller) -> None:
    run = await _standing(platform, customer)

    await asyncio.gather(*(_steer(platform, customer, run.id, key="a-key") for _ in range(8)))

    assert len((await platform.get_run(customer, run.id)).steering) == 1
    with refused("IDEMPOTENCY_KEY_REUSED", InvalidInput):
        await _steer(platform, customer, run.id, "Something else.", key="a-key")
    # As after a crash between the effect and its answer.
    service = platform.runs_app.runs.runs
    for _ in range(2):
        await service.steer(customer, run.id, "Again.", "another-key")
    assert len((await platform.get_run(customer, run.id)).steering) == 2
    await platform.cancel_run(customer, run.id)


async def test_many_say_something_at_once(platform: RunsPlatform, customer: Caller) -> None:
    run = await _standing(platform, customer)

    outcomes = await asyncio.gather(
        *(_steer(platform, customer, run.id, f"Number {number}.") for number in range(MAX_INPUTS + 5)),
        return_exceptions=True,
    )

    refusals = [each.reason for each in outcomes if isinstance(each, WrongState)]
    assert refusals == ["TOO_MANY_INPUTS"] * 5
    said = (await platform.get_run(customer, run.id)).steering
    assert len({each.input for each in said}) == MAX_INPUTS
    await platform.cancel_run(customer, run.id)


async def test_only_runs_under_way_of_the_own_are_steered(platform: RunsPlatform, customer: Caller) -> None:
    run = await _standing(platform, customer)
    with refused("RUN_NOT_FOUND", NotFound):
        await _steer(platform, await platform.customer(), run.id)
    await platform.cancel_run(customer, run.id)
    with refused("NOT_ACTIVE", WrongState):
        await _steer(platform, customer, run.id)
    with refused("RUN_NOT_FOUND", NotFound):
        await _steer(platform, customer, "task_nothing")


@pytest.mark.parametrize("text", ["", "x" * 16_385], ids=["nothing", "too much"])
async def test_lengths(platform: RunsPlatform, customer: Caller, text: str) -> None:
    with refused("VALIDATION_FAILED", InvalidInput):
        await _steer(platform, customer, "task_nothing", text)
