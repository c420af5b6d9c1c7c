"""Between events and their messages."""

from __future__ import annotations

import msgspec
from piecework.tasks.v1 import events_pb2 as pb

from kit.events.model import Event, Gap
from kit.timestamps import to_timestamp


def to_gap(gap: Gap) -> pb.WatchResponse:
    """Return a gap as a message of the stream."""
    return pb.WatchResponse(gap=pb.Gap(from_seq=gap.from_seq, to_seq=gap.to_seq))


def to_event(event: Event) -> pb.WatchResponse:
    """Return an event as a message of the stream."""
    return pb.WatchResponse(
        event=pb.Event(
            seq=event.seq,
            id=event.id,
            type=event.type,
            stream=event.stream,
            subject=event.subject,
            version=event.version,
            actor=event.actor,
            at=to_timestamp(event.at),
            data_json=msgspec.json.encode(event.data).decode(),
        )
    )
