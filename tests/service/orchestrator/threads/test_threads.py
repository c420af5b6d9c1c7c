"""Conversations: made, listed, read and removed, by their operator alone."""

from __future__ import annotations

import pytest
from piecework.orchestrator.v1 import threads_pb2 as pb

from kit.caller import ANONYMOUS, READ, Caller
from kit.errors import InvalidInput, NotFound, PermissionDenied, Unauthenticated
from tests.service.hosting import refused
from tests.service.orchestrator.features import AGENT, OWNER, SESSION, STRANGER, Features


async def create(features: Features, caller: Caller = OWNER, **fields: object) -> pb.Thread:
    request = pb.CreateThreadRequest(**fields)  # type: ignore[arg-type]
    answer: pb.Thread = (await features.call(features.threads.CreateThread, request, caller)).thread
    return answer


async def ids(features: Features, caller: Caller = OWNER, **fields: int) -> tuple[list[int], int]:
    answer = await features.call(features.threads.ListThreads, pb.ListThreadsRequest(**fields), caller)
    return [thread.id for thread in answer.threads], answer.total


async def messages(features: Features, thread_id: int, **fields: int) -> pb.ListMessagesResponse:
    request = pb.ListMessagesRequest(thread_id=thread_id, **fields)
    answer: pb.ListMessagesResponse = await features.call(features.threads.ListMessages, request)
    return answer


async def test_a_thread_may_begin_with_nothing(features: Features) -> None:
    thread = await create(features)
    assert thread.id == 1
    assert (thread.title, thread.last_result, thread.active_run_id) == ("", "", "")
    assert (await messages(features, thread.id)).total == 0


async def test_it_begins_with_what_was_said_and_takes_its_title_from_that(features: Features) -> None:
    said = [
        pb.NewMessage(role="user", content=f"  What is {'so ' * 50}long?"),
        pb.NewMessage(role="assistant", content="This"),
    ]
    thread = await create(features, messages=said, metadata_json='{"a": 1}')
    assert thread.title.startswith("What is so so")
    assert thread.title.endswith("so…")
    assert len(thread.title) <= 80
    assert thread.last_result == "This"
    assert thread.metadata_json == '{"a": 1}'
    found = await messages(features, thread.id)
    assert [(each.role, each.content) for each in found.messages] == [(each.role, each.content) for each in said]
    assert [each.thread_id for each in found.messages] == [thread.id, thread.id]
    assert found.messages[0].id < found.messages[1].id
    assert (await create(features, title="Mine", messages=said)).title == "Mine"


async def test_threads_are_listed_by_their_last_change(features: Features) -> None:
    made = []
    for _ in range(5):
        features.pass_time(seconds=1)
        made.append((await create(features)).id)
    await create(features, STRANGER)
    newest = made[::-1]
    assert await ids(features) == (newest, 5)
    assert await ids(features, limit=2) == (newest[:2], 5)
    assert await ids(features, limit=2, offset=3) == (newest[3:], 5)
    assert await ids(features, offset=9) == ([], 5)


async def test_messages_come_in_pages(features: Features) -> None:
    said = [pb.NewMessage(role="user", content=f"number {number}") for number in range(60)]
    thread = await create(features, messages=said)
    found = await messages(features, thread.id)
    assert [each.content for each in found.messages] == [each.content for each in said[:50]]
    assert found.total == 60
    rest = await messages(features, thread.id, offset=55, limit=100)
    assert [each.content for each in rest.messages] == [each.content for each in said[55:]]


async def test_a_removed_thread_is_gone_with_what_was_said(features: Features) -> None:
    thread = await create(features, messages=[pb.NewMessage(role="user", content="Hello")])
    request = pb.DeleteThreadRequest(thread_id=thread.id)
    await features.call(features.threads.DeleteThread, request)
    with refused("THREAD_NOT_FOUND", NotFound):
        await features.call(features.threads.DeleteThread, request)
    with refused("THREAD_NOT_FOUND", NotFound):
        await messages(features, thread.id)
    assert await features.database["messages"].count_documents({}) == 0


async def test_threads_of_others_do_not_exist(features: Features) -> None:
    thread = await create(features, messages=[pb.NewMessage(role="user", content="Secret")])
    calls = [
        (features.threads.GetThread, pb.GetThreadRequest(thread_id=thread.id)),
        (features.threads.ListMessages, pb.ListMessagesRequest(thread_id=thread.id)),
        (features.threads.DeleteThread, pb.DeleteThreadRequest(thread_id=thread.id)),
    ]
    for method, request in calls:
        with refused("THREAD_NOT_FOUND", NotFound):
            await features.call(method, request, STRANGER)
    assert await ids(features, STRANGER) == ([], 0)
    assert await ids(features, AGENT) == ([thread.id], 1)


async def test_only_operators_and_agents_have_threads(features: Features) -> None:
    with refused("AUTHENTICATION_REQUIRED", Unauthenticated):
        await create(features, ANONYMOUS)
    with refused("SCOPE_MISSING", PermissionDenied):
        await create(features, SESSION)
    with refused("SCOPE_MISSING", PermissionDenied):
        await create(features, Caller(kind="operator", operator_id=1, scopes=(READ,)))
    assert (await create(features, AGENT)).id


@pytest.mark.parametrize("text", ["nonsense", "[1]", '"text"', "{", "[" * 10_000])
async def test_metadata_is_a_json_object(features: Features, text: str) -> None:
    with refused("VALIDATION_FAILED", InvalidInput):
        await create(features, metadata_json=text)


async def test_the_same_key_makes_one_thread(features: Features) -> None:
    request = pb.CreateThreadRequest(title="Once", messages=[pb.NewMessage(role="user", content="Hello")])
    first, second = [
        (await features.call(features.threads.CreateThread, request, idempotency_key="k")).thread for _ in range(2)
    ]
    assert first == second
    # As after a crash between the effect and the answer: the record is lost, the thread is there.
    await features.database["idempotency"].delete_many({})
    third = (await features.call(features.threads.CreateThread, request, idempotency_key="k")).thread
    assert third == first
    assert await ids(features) == ([first.id], 1)
    assert (await messages(features, first.id)).total == 1


async def test_lists_hold_the_beginnings_of_long_answers(features: Features) -> None:
    said = [pb.NewMessage(role="user", content="Q"), pb.NewMessage(role="assistant", content="x" * 65_000)]
    thread = await create(features, messages=said)
    listed = (await features.call(features.threads.ListThreads, pb.ListThreadsRequest())).threads[0]
    assert len(listed.last_result) == 16_384
    whole = (await features.call(features.threads.GetThread, pb.GetThreadRequest(thread_id=thread.id))).thread
    assert len(whole.last_result) == 65_000
