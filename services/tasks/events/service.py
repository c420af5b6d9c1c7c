"""Use cases of events: who may watch what."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Mapping
from typing import TYPE_CHECKING, Protocol

from kit.caller import Caller

if TYPE_CHECKING:
    from kit.events.model import Event, Gap
    from kit.events.tail import EventTail


class StreamOwner(Protocol):
    """Knows who may read the streams of one kind."""

    async def readable(self, caller: Caller, stream: str) -> Collection[str]:
        """Return the streams and topics whose events make up `stream` for this caller.

        Raises:
            Unauthenticated: nobody is signed in.
            NotFound: there is no such stream.
            PermissionDenied: it belongs to another operator or agent, or the credential does not allow it.
        """
        ...


class EventWatch:
    """Lets callers watch streams.

    Args:
        tail: follows the events.
        owners: knows who may read a stream, by the word before its colon.
    """

    def __init__(self, tail: EventTail, owners: Mapping[str, StreamOwner]) -> None:
        self._tail = tail
        self._owners = owners

    async def open(
        self, caller: Caller, stream: str, after_seq: int | None
    ) -> tuple[int, AsyncGenerator[Event | Gap, None]]:
        """Open a stream.

        Args:
            caller: who watches.
            stream: for example `project:<uuid>`.
            after_seq: the last event that the caller knows; None begins with the next one.

        Returns:
            The number of the newest event now, and the events, without end.

        Raises:
            Unauthenticated, NotFound, PermissionDenied: as `StreamOwner.readable`.
        """
        streams = await self._owners[stream.partition(":")[0]].readable(caller, stream)
        position = await self._tail.position()
        return position, self._tail.subscribe(streams, position if after_seq is None else after_seq)
