"""Events of a project: replay and live, in order, one for each change."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc.aio
import pytest
from piecework.tasks.v1 import events_pb2
from piecework.tasks.v1 import queue_pb2 as pb

from kit.errors import NotFound, PermissionDenied
from kit.ids import new_id
from kit.status import from_rpc_error
from kit.timestamps import from_timestamp
from tests.service.tasks.platform import OWNER, STRANGER, Queue, TasksPlatform

SOON = 15


class Watcher:
    """Reads the stream of a queue.

    Args:
        stream: the call.
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.position = 0

    async def open(self) -> None:
        """Wait for the first message."""
        message = await self._next()
        assert message.WhichOneof("message") == "position"
        self.position = message.position.seq

    async def take(self, count: int) -> list[events_pb2.Event]:
        messages = [await self._next() for _ in range(count)]
        assert {message.WhichOneof("message") for message in messages} <= {"event"}, messages
        return [message.event for message in messages]

    async def _next(self) -> events_pb2.WatchResponse:
        async with asyncio.timeout(SOON):
            message = await self._stream.read()
        assert isinstance(message, events_pb2.WatchResponse)
        return message


@asynccontextmanager
async def watching(platform: TasksPlatform, queue: Queue, after: int | None = None) -> AsyncIterator[Watcher]:
    request = events_pb2.WatchRequest(stream=queue.name, after_seq=after)
    stream = platform.events.Watch(request, **platform.outgoing(OWNER, timeout=None))
    watcher = Watcher(stream)
    try:
        await watcher.open()
        yield watcher
    finally:
        stream.cancel()


async def one_of_everything(platform: TasksPlatform, queue: Queue) -> list[tuple[str, str]]:
    """Make every kind of change; returns what events there must be: type and actor."""
    task = await platform.new_task(queue)
    await platform.call(platform.queue.UpdateTask, pb.UpdateTaskRequest(task_id=task.id, description="x"))
    await platform.next(queue, "a")
    await platform.extend(task.id, 1, "a")
    await platform.fail(task.id, "a")
    await platform.next(queue, "b")
    platform.pass_time(minutes=10)
    await platform.cleanup(queue)
    await platform.next(queue, "c")
    await platform.complete(task.id, "c")
    await platform.call(platform.queue.DeleteTask, pb.DeleteTaskRequest(task_id=task.id))
    return [
        ("task.created", "operator:1"),
        ("task.updated", "operator:1"),
        ("task.assigned", "agent:a"),
        ("task.extended", "agent:a"),
        ("task.requeued", "agent:a"),
        ("task.assigned", "agent:b"),
        ("task.requeued", "system:reaper"),
        ("task.assigned", "agent:c"),
        ("task.completed", "agent:c"),
        ("task.deleted", "operator:1"),
    ]


async def test_every_change_is_one_event_live(platform: TasksPlatform, queue: Queue) -> None:
    async with watching(platform, queue) as watcher:
        expected = await one_of_everything(platform, queue)
        events = await watcher.take(len(expected))
    assert [(event.type, event.actor) for event in events] == expected
    assert [event.version for event in events] == list(range(1, len(expected) + 1))
    assert len({event.subject for event in events}) == 1
    assert [event.id for event in events] == [f"{event.subject}:{event.version}" for event in events]
    assert {event.stream for event in events} == {queue.name}
    assert [event.seq for event in events] == sorted({event.seq for event in events})
    assert from_timestamp(events[-1].at) == platform.clock.now()
    data = [json.loads(event.data_json) for event in events]
    assert (data[2]["agent"], data[2]["token"]) == ("a", 1)
    assert (data[6]["outcome"], data[6]["retryCount"]) == ("timeout", 2)


async def test_a_reader_that_comes_later_sees_the_same(platform: TasksPlatform, queue: Queue) -> None:
    async with watching(platform, queue) as watcher:
        start = watcher.position
        expected = await one_of_everything(platform, queue)
        live = await watcher.take(len(expected))
    for skipped in range(len(live)):
        after = start if not skipped else live[skipped - 1].seq
        async with watching(platform, queue, after) as again:
            assert await again.take(len(live) - skipped) == live[skipped:]


async def test_replay_goes_over_into_live(platform: TasksPlatform, queue: Queue) -> None:
    async with watching(platform, queue) as watcher:
        ids = await platform.new_tasks(queue, 50)
        async with watching(platform, queue, watcher.position) as late:
            ids += await platform.new_tasks(queue, 50)
            assert sorted(event.subject for event in await late.take(100)) == sorted(ids)
        assert sorted(event.subject for event in await watcher.take(100)) == sorted(ids)


async def test_a_refused_call_is_no_event(platform: TasksPlatform, queue: Queue) -> None:
    async with watching(platform, queue) as watcher:
        task = await platform.new_task(queue)
        await platform.next(queue, "a")
        with pytest.raises(Exception, match="not assigned to agent"):
            await platform.complete(task.id, "b")
        await platform.next(queue, "a")
        await platform.complete(task.id, "a", token=1)
        await platform.complete(task.id, "a", token=1)
        await platform.new_task(queue)
        types = [event.type for event in await watcher.take(4)]
    assert types == ["task.created", "task.assigned", "task.completed", "task.created"]


async def test_projects_do_not_see_each_other(platform: TasksPlatform, queue: Queue) -> None:
    other = await platform.new_queue()
    async with watching(platform, queue) as watcher:
        await platform.new_task(other)
        task = await platform.new_task(queue)
        assert [event.subject for event in await watcher.take(1)] == [task.id]


async def test_another_replica_tells_the_same(platform: TasksPlatform, replica: TasksPlatform, queue: Queue) -> None:
    async with watching(platform, queue) as here, watching(replica, queue, here.position) as there:
        await asyncio.gather(*(each.new_tasks(queue, 20) for each in (platform, replica)))
        assert await here.take(40) == await there.take(40)


@pytest.mark.parametrize(
    ("stream", "caller", "kind", "reason"),
    [
        ("", STRANGER, PermissionDenied, "OTHER_OPERATOR"),
        (f"project:{new_id()}", OWNER, NotFound, "PROJECT_NOT_FOUND"),
    ],
)
async def test_only_the_owner_watches(
    platform: TasksPlatform, queue: Queue, stream: str, caller: Any, kind: type[Exception], reason: str
) -> None:
    call = platform.events.Watch(
        events_pb2.WatchRequest(stream=stream or queue.name), **platform.outgoing(caller, timeout=SOON)
    )
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call.read()
    error = from_rpc_error(caught.value)
    assert isinstance(error, kind)
    assert error.reason == reason
