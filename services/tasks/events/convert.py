"""Between events and their messages."""

from __future__ import annotations

import msgspec
from piecework.tasks.v1 import events_pb2 as pb

from kit.events.model import Event, Gap
from kit.timestamps import to_timestamp


def to_message(item: Event | Gap) -> pb.WatchResponse:
    """Return an event or a gap as a message of the stream."""
    if isinstance(item, Gap):
        return pb.WatchResponse(gap=pb.Gap(from_seq=item.from_seq, to_seq=item.to_seq))
    return pb.WatchResponse(
        event=pb.Event(
            seq=item.seq,
            id=item.id,
            type=item.type,
            stream=item.stream,
            subject=item.subject,
            version=item.version,
            actor=item.actor,
            at=to_timestamp(item.at),
            data_json=msgspec.json.encode(item.data).decode(),
        )
    )
