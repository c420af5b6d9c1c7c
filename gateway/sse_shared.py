"""Watches that are read once for all who watch the same stream as the same caller: one call to the service for them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Hashable
from typing import Any

import structlog

from gateway.call import Call
from gateway.sse import Watch, begins_anew, number_of

_WAITING = 1000

_log = structlog.get_logger(__name__)


class _Seat:
    """What one of them has still to read."""

    __slots__ = ("_waiting", "_wanted", "ended")

    def __init__(self) -> None:
        self._waiting: deque[Any] = deque()
        self._wanted: asyncio.Future[None] | None = None
        self.ended = False

    def put(self, message: Any) -> bool:
        """Add a message; without room for it nothing follows what waits, and the answer is False."""
        if len(self._waiting) >= _WAITING:
            self.end()
            return False
        self._waiting.append(message)
        self._wake()
        return True

    def end(self) -> None:
        """Say that nothing follows what waits."""
        self.ended = True
        self._wake()

    async def take(self) -> Any:
        """Return the next message; None when nothing follows."""
        while not self._waiting:
            if self.ended:
                return None
            self._wanted = asyncio.get_running_loop().create_future()
            await self._wanted
        return self._waiting.popleft()

    def _wake(self) -> None:
        if self._wanted is not None and not self._wanted.done():
            self._wanted.set_result(None)


class Hub:
    """Reads a watch for those who sit around it, until the last of them has left.

    Args:
        watch: opened already.
        hubs: where it is found until it is over.
        key: under which name.
    """

    def __init__(self, watch: Watch, hubs: dict[Hashable, Hub], key: Hashable) -> None:
        self._watch = watch
        self._hubs = hubs
        self._key = key
        hubs[key] = self
        self._seats: set[_Seat] = set()
        self._reading = asyncio.create_task(self._read())

    @property
    def told(self) -> int:
        """The number of the last event that was told; the next ones go to all who sit here now."""
        return self._watch.after or 0

    def sit(self) -> _Seat:
        """Return a place for what comes after `told`."""
        seat = _Seat()
        self._seats.add(seat)
        return seat

    def leave(self, seat: _Seat) -> None:
        """Give a place back."""
        self._seats.discard(seat)
        if not self._seats:
            self._forget()
            self._reading.cancel()

    def _forget(self) -> None:
        if self._hubs.get(self._key) is self:
            del self._hubs[self._key]

    async def _read(self) -> None:
        try:
            while (message := await self._watch.read()) is not None:
                for seat in [seat for seat in self._seats if not seat.put(message)]:
                    self.leave(seat)
        except Exception as error:  # noqa: BLE001 - those who sit here go on by themselves
            _log.error("shared watch failed", exc_info=error)
        finally:
            self._forget()
            self._watch.close()
            for seat in self._seats:
                seat.end()


class SharedWatch:
    """The events of one stream after a cursor, read with whoever else watches it as the same caller.

    Everybody asks the service first, which tells whether it may, and reads alone until it has what the others have.
    The first one's call is the one that goes on for all.

    Args:
        call: the request on whose behalf they are read.
        stream: for example `agent:<id>`.
        after: read what came after this number; from now on when None.
    """

    def __init__(self, call: Call, stream: str, after: int | None) -> None:
        self._call = call
        self._stream = stream
        self._hubs: dict[Hashable, Hub] = call.services.streams.shared
        self._key = (call.identity.caller, stream)
        self._from_now = after is None
        self._own: Watch | None = None
        self._hub: Hub | None = None
        self._seat: _Seat | None = None
        self._told = 0
        self.after = after
        self.position = 0

    async def open(self) -> None:
        """Begin to read; what is wrong with the request shows here.

        Raises:
            AioRpcError: the service refuses, or cannot be reached.
            Failure: 503, it says nothing.
        """
        self._own = Watch(self._call, self._stream, self.after)
        await self._own.open()
        self._sit(self._own)

    async def read(self) -> Any:
        """Return the next event or gap, or None when the stream has ended for good."""
        while True:
            if self._own is not None:
                message = await self._own.read()
                self.after = self._own.after
                self._go_on_together()
                return message
            message = None if self._seat is None else await self._seat.take()
            if message is None:
                if not await self._read_alone():
                    return None
                continue
            seq = number_of(message)
            if begins_anew(message):
                self.after = seq
                return message
            if seq is not None and seq > (self.after or 0):
                self.after = seq
                return message

    def close(self) -> None:
        """Tell that nobody reads any more."""
        if self._own is not None:
            self._own.close()
            self._own = None
        self._leave()

    def _sit(self, own: Watch) -> None:
        """Share what `own` reads from now on, or find those who read it already."""
        self.position, self.after = own.position, own.after
        if (own.after or 0) > own.position:
            return  # of another history, as the service will say
        hub = self._hubs.get(self._key)
        if hub is None:
            hub = Hub(own, self._hubs, self._key)
            self._own = None
        self._hub, self._seat, self._told = hub, hub.sit(), hub.told
        if self._from_now:
            # Another replica may have told them more already than this one knows.
            self.after = self.position = max(self.position, self._told)
        self._from_now = False
        self._go_on_together()

    def _go_on_together(self) -> None:
        """Stop to read alone as soon as everything that is still to come goes to the seat as well."""
        if self._own is None or self._seat is None or (self.after or 0) < self._told:
            return
        if self._seat.ended:
            self._leave()
            return
        self._own.close()
        self._own = None

    async def _read_alone(self) -> bool:
        """Go on after the last event with a call of its own; tell whether the service lets it."""
        self._leave()
        own = self._own = Watch(self._call, self._stream, self.after)
        if not await own.resume():
            return False
        self._sit(own)
        return True

    def _leave(self) -> None:
        if self._hub is not None and self._seat is not None:
            self._hub.leave(self._seat)
        self._hub = self._seat = None
