"""Between events and their messages."""

from __future__ import annotations

import msgspec
from cachetools import LRUCache, cached
from piecework.tasks.v1 import events_pb2 as pb

from kit.events.model import Event, Gap
from kit.timestamps import to_timestamp

_TOLD_EVENTS = 256


def to_message(item: Event | Gap) -> pb.WatchResponse:
    """Return an event or a gap as a message of the stream."""
    if isinstance(item, Gap):
        return pb.WatchResponse(gap=pb.Gap(from_seq=item.from_seq, to_seq=item.to_seq))
    return _told(item)


def _identity(event: Event) -> tuple[str, int]:
    return event.id, event.seq


@cached(LRUCache(_TOLD_EVENTS), key=_identity)
def _told(item: Event) -> pb.WatchResponse:
    """Return the message of an event, which nobody may change: it goes to everybody who watches."""
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
