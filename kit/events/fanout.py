"""In memory: events of one tail go into the inboxes of its subscribers."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Collection

from kit.events.model import EVERY_STREAM, Event


class Inbox:
    """The events of one subscriber that wait to be taken, without a hole since it was opened.

    Args:
        streams: the streams wanted, None for all.
        begins_after: the newest event at the time it was opened.
        limit: the most events that wait; one more closes the inbox.
    """

    def __init__(self, streams: Collection[str] | None, begins_after: int, limit: int) -> None:
        self.streams = streams
        self.begins_after = begins_after
        self.complete_to = begins_after
        self._limit = limit
        self._waiting: deque[Event] = deque()
        self._closed = False
        self._changed = asyncio.Event()

    def put(self, event: Event) -> bool:
        """Add the next event; False when there is no room for it."""
        if len(self._waiting) >= self._limit:
            return False
        self._waiting.append(event)
        self._changed.set()
        return True

    def close(self, complete_to: int) -> None:
        """End the inbox: it holds everything up to `complete_to`, and nothing will follow."""
        self.complete_to = complete_to
        self._closed = True
        self._changed.set()

    async def take(self) -> Event | None:
        """Return the next event as soon as there is one; None when the inbox is closed and empty."""
        while not self._waiting:
            if self._closed:
                return None
            self._changed.clear()
            await self._changed.wait()
        return self._waiting.popleft()


class Fanout:
    """Knows who wants what.

    Args:
        newest: the number of the newest event when the tail began.
    """

    def __init__(self, newest: int) -> None:
        self.newest = newest
        self._inboxes: dict[str | None, set[Inbox]] = {}

    def open(self, streams: Collection[str] | None, limit: int) -> Inbox:
        """Return an inbox for what comes after the newest event."""
        inbox = Inbox(streams, self.newest, limit)
        for stream in _keys(streams):
            self._inboxes.setdefault(stream, set()).add(inbox)
        return inbox

    def forget(self, inbox: Inbox) -> None:
        """Put nothing more into `inbox`."""
        for stream in _keys(inbox.streams):
            others = self._inboxes.get(stream)
            if others is not None:
                others.discard(inbox)
                if not others:
                    del self._inboxes[stream]

    def wants(self, stream: str) -> bool:
        """Tell whether somebody wants what is part of `stream` alone."""
        inboxes = self._inboxes
        return stream in inboxes or None in inboxes or (stream == EVERY_STREAM and bool(inboxes))

    def pass_over(self, seq: int) -> None:
        """Count the next event, which nobody wants."""
        self.newest = seq

    def publish(self, event: Event) -> None:
        """Put the next event into every inbox that wants it; one that is full is closed."""
        before, self.newest = self.newest, event.seq
        keys = list(self._inboxes) if event.stream == EVERY_STREAM else [None, event.stream, *event.topics]
        # An inbox may want several of the event's streams, and gets it once.
        for inbox in {inbox for key in keys for inbox in self._inboxes.get(key, ())}:
            if not inbox.put(event):
                inbox.close(before)
                self.forget(inbox)

    def close(self) -> None:
        """Close every inbox."""
        for inboxes in self._inboxes.values():
            for inbox in inboxes:
                inbox.close(self.newest)
        self._inboxes.clear()


def _keys(streams: Collection[str] | None) -> Collection[str | None]:
    return (None,) if streams is None else streams
