"""Events as the queue face streams them."""

from __future__ import annotations

from typing import Any

import msgspec
from piecework.tasks.v1 import events_pb2

from gateway.times import Time, time_text


class TaskEvent(msgspec.Struct, rename="camel"):
    """Something that happened to a task; the JSON of `data`. `id` is unique, `seq` is the cursor."""

    seq: int
    id: str
    type: str
    subject: str
    version: int
    actor: str
    at: Time
    data: dict[str, Any]


class GapEvent(msgspec.Struct, rename="camel"):
    """Events from `fromSeq` to `toSeq` are no longer kept; the JSON of the event `gap`.

    When `fromSeq` is the greater one, the cursor was ahead of all events: they were numbered anew.
    """

    from_seq: int
    to_seq: int


_encode = msgspec.json.Encoder().encode


def frame(message: events_pb2.WatchResponse) -> bytes:
    """Return one message of the stream."""
    if message.WhichOneof("message") == "gap":
        gap = message.gap
        return b"id: %d\nevent: gap\ndata: %b\n\n" % (gap.to_seq, _encode(GapEvent(gap.from_seq, gap.to_seq)))
    event = message.event
    data = TaskEvent(
        seq=event.seq,
        id=event.id,
        type=event.type,
        subject=event.subject,
        version=event.version,
        actor=event.actor,
        at=time_text(event.at),
        data=msgspec.Raw(event.data_json.encode() or b"{}"),  # type: ignore[arg-type]
    )
    return b"id: %d\nevent: %b\ndata: %b\n\n" % (event.seq, event.type.encode(), _encode(data))
