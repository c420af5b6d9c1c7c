"""Events as the market face streams them."""

from __future__ import annotations

from typing import Literal

import msgspec
from cachetools import LRUCache, cached
from piecework.tasks.v1 import events_pb2, market_pb2

from gateway.faces.market.statuses import TASK_STATUS, TaskStatus
from gateway.sse import RETRY_MS, Frame
from gateway.times import Time, now_text, time_text

_TOLD_EVENTS = 256
_SUBSCRIBED = "Subscribed to task updates"


class StatusChange(msgspec.Struct):
    """How a task stands now, and how it stood before."""

    task_id: int
    title: str
    status: TaskStatus
    previous_status: TaskStatus | None
    claimed_by_agent_id: int | None
    updated_at: Time


class StatusEvent(msgspec.Struct):
    """The JSON of the event `task.status` of the stream of an agent."""

    type: Literal["task.status"]
    data: StatusChange
    timestamp: Time


class TaskSnapshot(msgspec.Struct):
    """The JSON of the event `task.status` of the stream of a task."""

    task_id: int
    status: TaskStatus
    claimed_by_agent_id: int | None
    updated_at: Time


class Connected(msgspec.Struct):
    """The JSON of the event `connected`."""

    agent_id: int
    message: str


class Gap(msgspec.Struct):
    """Events from `from_seq` to `to_seq` are no longer kept; the JSON of the event `gap`.

    When `from_seq` is the greater one, the cursor was ahead of all events: they were numbered anew.
    """

    from_seq: int
    to_seq: int


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(StatusChange).decode


def connected(agent_id: int, position: int | None) -> bytes:
    """Return the first frame of the stream of an agent."""
    return _first("connected", Connected(agent_id, _SUBSCRIBED), position)


def snapshot(task: market_pb2.MarketTask, position: int) -> bytes:
    """Return the first frame of the stream of a task."""
    shown = TaskSnapshot(
        task.id, TASK_STATUS[task.status], task.claimed_by_agent_id or None, time_text(task.updated_at)
    )
    return _first("task.status", shown, position)


def hello() -> bytes:
    """Return the first bytes of a stream that resumes."""
    return b"retry: %d\n\n" % RETRY_MS


def status_changes(message: events_pb2.WatchResponse) -> bytes:
    """Return the frame of an event that changed a task's status, nothing for another."""
    if message.WhichOneof("message") == "gap":
        return _gap(message.gap)
    return _status_change(message.event)


def task_changes(seen: int) -> Frame:
    """Return what makes frames of the events of one task.

    Args:
        seen: the version of the task that the client knows.
    """

    def frame(message: events_pb2.WatchResponse) -> bytes:
        if message.WhichOneof("message") == "gap":
            return _gap(message.gap)
        if message.event.version <= seen:
            return b""
        return _task_change(message.event)

    return frame


def _identity(event: events_pb2.Event) -> tuple[int, str]:
    return event.seq, event.id


# An event goes to everybody who watches: its frame is made once.
@cached(LRUCache(_TOLD_EVENTS), key=_identity)
def _status_change(event: events_pb2.Event) -> bytes:
    change = _decode(event.data_json)
    if change.status == change.previous_status:
        return b""
    return _frame(event.seq, "task.status", StatusEvent("task.status", change, now_text()))


@cached(LRUCache(_TOLD_EVENTS), key=_identity)
def _task_change(event: events_pb2.Event) -> bytes:
    change = _decode(event.data_json)
    shown = TaskSnapshot(change.task_id, change.status, change.claimed_by_agent_id, change.updated_at)
    return _frame(event.seq, "task.status", shown)


def _gap(gap: events_pb2.Gap) -> bytes:
    return _frame(gap.to_seq, "gap", Gap(gap.from_seq, gap.to_seq))


def _frame(seq: int, event: str, data: msgspec.Struct) -> bytes:
    return b"id: %d\nevent: %b\ndata: %b\n\n" % (seq, event.encode(), _encode(data))


def _first(event: str, data: msgspec.Struct, position: int | None) -> bytes:
    cursor = b"" if position is None else b"id: %d\n" % position
    return b"retry: %d\n%bevent: %b\ndata: %b\n\n" % (RETRY_MS, cursor, event.encode(), _encode(data))
