"""Use cases of events: who may watch what."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Protocol

from kit.caller import READ, Caller

if TYPE_CHECKING:
    from kit.events.model import Event, Gap
    from kit.events.tail import EventTail


class StreamOwner(Protocol):
    """Knows who may read the streams of one kind."""

    async def require_reader(self, caller: Caller, stream: str) -> None:
        """Check that the caller may read `stream`.

        Raises:
            NotFound: there is no such stream.
            PermissionDenied: it belongs to another operator.
        """
        ...


class EventWatch:
    """Lets callers watch streams.

    Args:
        tail: follows the events.
        owner: knows who may read a stream.
    """

    def __init__(self, tail: EventTail, owner: StreamOwner) -> None:
        self._tail = tail
        self._owner = owner

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
        """
        caller.require(READ)
        await self._owner.require_reader(caller, stream)
        position = await self._tail.position()
        return position, self._tail.subscribe(stream, position if after_seq is None else after_seq)
