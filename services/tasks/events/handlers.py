"""The gRPC side of events."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from piecework.tasks.v1 import events_pb2 as pb
from piecework.tasks.v1 import events_pb2_grpc as rpc

from kit.interceptors.caller import current_caller
from services.tasks.events.convert import to_message

if TYPE_CHECKING:
    from grpc.aio import ServicerContext

    from services.tasks.events.service import EventWatch


class EventHandlers(rpc.EventServiceServicer):
    """Serves `piecework.tasks.v1.EventService`.

    Args:
        watch: the use cases.
    """

    def __init__(self, watch: EventWatch) -> None:
        self._watch = watch

    async def Watch(
        self, request: pb.WatchRequest, context: ServicerContext[Any, Any]
    ) -> AsyncIterator[pb.WatchResponse]:
        """Stream events: first the position, so that the client knows at once that the stream stands."""
        after_seq = request.after_seq if request.HasField("after_seq") else None
        position, events = await self._watch.open(current_caller(), request.stream, after_seq)
        async with contextlib.aclosing(events) as following:
            yield pb.WatchResponse(position=pb.Position(seq=position))
            async for item in following:
                yield to_message(item)
