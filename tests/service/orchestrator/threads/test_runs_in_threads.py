"""One run at a time in a thread, whatever is repeated, lost or removed."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from piecework.orchestrator.v1 import threads_pb2 as pb

from kit.errors import DomainError, NotFound, WrongState
from services.orchestrator.threads.service import ThreadService
from tests.service.hosting import refused
from tests.service.orchestrator.features import OWNER, Features

_BEGAN = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


class FinishedRun(msgspec.Struct, frozen=True, kw_only=True):
    """What a thread has to know of a run."""

    id: str
    thread_id: int
    operator_id: int = 1
    prompt: str = "What now?"
    model_id: str = "piecework/mock"
    result: str = ""
    error: str = ""
    created_at: datetime = _BEGAN
    ended_at: datetime | None = _BEGAN + timedelta(milliseconds=1500)
    agents: tuple[str, ...] = ("a", "b", "c")


@pytest.fixture
def service(features: Features) -> ThreadService:
    return features.thread_parts.service


async def thread(service: ThreadService) -> int:
    return (await service.create(OWNER, "", [], "", None)).id


async def said(service: ThreadService, thread_id: int) -> list[tuple[str, str]]:
    found, _ = await service.messages(OWNER, thread_id, 0, 0)
    return [(message.role, message.content) for message in found]


async def test_a_run_asks_and_answers_in_its_thread(service: ThreadService, features: Features) -> None:
    number = await thread(service)
    run = FinishedRun(id="task_1", thread_id=number, result="An answer")
    message_id = await service.begin(run)
    busy = await service.get(OWNER, number)
    assert (busy.active_run_id, busy.title) == (run.id, "What now?")
    await service.finish(run)
    done = (await features.call(features.threads.GetThread, pb.GetThreadRequest(thread_id=number))).thread
    assert (done.active_run_id, done.last_result, done.model_id) == ("", "An answer", "piecework/mock")
    assert (done.agent_count, done.execution_ms) == (3, 1500)
    found, total = await service.messages(OWNER, number, 0, 0)
    assert total == 2
    assert found[0].id == message_id
    assert [(each.role, each.content, each.run_id) for each in found] == [
        ("user", "What now?", run.id),
        ("assistant", "An answer", run.id),
    ]
    assert found[1].elapsed_ms == 1500


async def test_everything_may_be_done_again(service: ThreadService) -> None:
    number = await thread(service)
    run = FinishedRun(id="task_1", thread_id=number, result="An answer")
    assert len({await service.begin(run) for _ in range(3)}) == 1
    for _ in range(3):
        await service.finish(run)
    assert await said(service, number) == [("user", "What now?"), ("assistant", "An answer")]
    another = FinishedRun(id="task_2", thread_id=number, result="More")
    await service.begin(another)
    # A replica that comes late must not free the thread from the next run.
    await service.finish(run)
    await service.cancel(run)
    assert (await service.get(OWNER, number)).active_run_id == another.id


async def test_of_many_runs_one_begins(service: ThreadService) -> None:
    number = await thread(service)
    runs = [FinishedRun(id=f"task_{each}", thread_id=number) for each in range(20)]
    outcomes = await asyncio.gather(*(service.begin(run) for run in runs), return_exceptions=True)
    begun = [run.id for run, outcome in zip(runs, outcomes, strict=True) if isinstance(outcome, int)]
    assert len(begun) == 1
    refusals = [outcome for outcome in outcomes if isinstance(outcome, DomainError)]
    assert {each.reason for each in refusals} == {"THREAD_BUSY"}
    assert {each.metadata["run_id"] for each in refusals} == set(begun)
    assert len(await said(service, number)) == 1


async def test_a_run_that_did_not_begin_leaves_nothing(service: ThreadService) -> None:
    number = await thread(service)
    run = FinishedRun(id="task_1", thread_id=number)
    await service.cancel(run)
    await service.begin(run)
    await service.cancel(run)
    assert await said(service, number) == []
    assert await service.begin(FinishedRun(id="task_2", thread_id=number))


async def test_a_thread_of_somebody_else_is_none(service: ThreadService) -> None:
    number = await thread(service)
    with refused("THREAD_NOT_FOUND", NotFound):
        await service.begin(FinishedRun(id="task_1", thread_id=number, operator_id=2))
    await service.begin(FinishedRun(id="task_2", thread_id=number))
    with refused("THREAD_NOT_FOUND", NotFound):
        await service.begin(FinishedRun(id="task_1", thread_id=number, operator_id=2))
    with refused("THREAD_BUSY", WrongState):
        await service.begin(FinishedRun(id="task_1", thread_id=number))
    assert not await service.history(2, number)


async def test_a_removed_thread_stays_removed(service: ThreadService, features: Features) -> None:
    number = await thread(service)
    run = FinishedRun(id="task_1", thread_id=number, result="An answer")
    await service.begin(run)
    await service.delete(OWNER, number)
    assert await service.history(1, number) == ()
    # As when the message was on its way while the thread was removed.
    await features.database["messages"].insert_one({"_id": 99, "thread_id": number, "role": "user", "content": "late"})
    await service.finish(run)
    assert await features.database["messages"].count_documents({}) == 0


async def test_history_is_what_was_said_before(service: ThreadService) -> None:
    number = await thread(service)
    for index, (result, error) in enumerate([("first", ""), ("", "It broke"), ("third", "")]):
        run = FinishedRun(id=f"task_{index}", thread_id=number, prompt=f"Q{index}", result=result, error=error)
        await service.begin(run)
        await service.finish(run)
    await service.begin(FinishedRun(id="task_9", thread_id=number, prompt="Now"))
    history = [(each.role, each.content) for each in await service.history(1, number)]
    assert history == [("user", "Q0"), ("assistant", "first"), ("user", "Q1"), ("user", "Q2"), ("assistant", "third")]
    failed = (await service.messages(OWNER, number, 0, 0))[0][3]
    assert (failed.content, failed.error) == ("It broke", "It broke")
    assert (await service.get(OWNER, number)).last_result == "third"


async def test_a_long_history_is_its_end(service: ThreadService) -> None:
    texts = [("user", f"{number} " + "x" * 20_000) for number in range(40)]
    number = (await service.create(OWNER, "", texts, "", None)).id
    history = await service.history(1, number)
    assert 10 <= len(history) <= 13
    assert [each.content for each in history] == [text for _, text in texts[-len(history) :]]


async def test_a_prompt_is_never_a_command(service: ThreadService) -> None:
    number = await thread(service)
    await service.begin(FinishedRun(id="$active_run_id", thread_id=number, prompt="$title"))
    found = await service.get(OWNER, number)
    assert (found.title, found.active_run_id) == ("$title", "$active_run_id")
