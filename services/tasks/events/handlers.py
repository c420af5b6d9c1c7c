"""The gRPC side of events."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from cachetools import LRUCache, cached
from piecework.tasks.v1 import events_pb2 as pb
from piecework.tasks.v1 import events_pb2_grpc as rpc

from kit.events.model import Event, Gap
from kit.interceptors.caller import current_caller
from services.tasks.events.convert import to_event, to_gap

if TYPE_CHECKING:
    from grpc.aio import ServicerContext

    from services.tasks.events.service import EventWatch

_TOLD_EVENTS = 256


class EventHandlers(rpc.EventServiceServicer):
    """Serves `piecework.tasks.v1.EventService`.

    Args:
        watch: the use cases.
    """

    def __init__(self, watch: EventWatch) -> None:
        self._watch = watch
        # An event goes to everybody who watches, so its message is made once, and nobody may change it.
        self._event = cached(LRUCache(_TOLD_EVENTS), key=_identity)(to_event)

    async def Watch(
        self, request: pb.WatchRequest, context: ServicerContext[Any, Any]
    ) -> AsyncIterator[pb.WatchResponse]:
        """Stream events: first the position, so that the client knows at once that the stream stands."""
        after_seq = request.after_seq if request.HasField("after_seq") else None
        position, events = await self._watch.open(current_caller(), request.stream, after_seq)
        async with contextlib.aclosing(events) as following:
            yield pb.WatchResponse(position=pb.Position(seq=position))
            async for item in following:
                yield to_gap(item) if isinstance(item, Gap) else self._event(item)


def _identity(event: Event) -> tuple[int, str]:
    return event.seq, event.id
