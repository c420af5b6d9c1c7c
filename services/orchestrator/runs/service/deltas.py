"""Text that models are writing, on its way to those who watch: a tenth of a second of it is one event."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

import structlog

from kit.errors import DomainError
from services.orchestrator.runs.model import MAX_ANSWER_BYTES

if TYPE_CHECKING:
    from kit.clock import Clock

PERIOD_SECONDS = 0.1
_MAX_PIECE = 16_384
_log = structlog.get_logger(__name__)
Make = Callable[[str, tuple[str, int], int, str, Any], dict[str, Any]]
Add = Callable[[Sequence[dict[str, Any]]], Awaitable[None]]


class Stream:
    """The text of one attempt of one step.

    What looks like the wish for a tool is held back: it is no part of the answer.
    """

    def __init__(self, batcher: DeltaBatcher, run_id: str, hold: tuple[str, int]) -> None:
        self.run_id = run_id
        self.hold = hold
        self.text = ""
        self.number = 0
        self.sent = 0
        self._batcher = batcher

    def add(self, text: str) -> None:
        """Add what a model has written."""
        if len(self.text) < MAX_ANSWER_BYTES:
            self.text += text
            self._batcher.note(self)

    def keep(self, text: str) -> None:
        """Add what a model has written and nobody watches; it is what is paid for when the call does not end."""
        if len(self.text) < MAX_ANSWER_BYTES:
            self.text += text

    def restart(self) -> None:
        """Forget the text: another call begins."""
        self.text, self.sent = "", 0

    @property
    def waiting(self) -> str:
        """What has not been sent."""
        if self.text.lstrip()[:1] in ("{", "`", ""):
            return ""
        return self.text[self.sent : self.sent + _MAX_PIECE]


class DeltaBatcher:
    """Sends what all streams of this process have, ten times a second.

    Args:
        make: makes the event of a piece.
        add: stores events.
        clock: the time.
        period_seconds: how long pieces are collected.
    """

    def __init__(self, make: Make, add: Add, clock: Clock, *, period_seconds: float = PERIOD_SECONDS) -> None:
        self._make = make
        self._add = add
        self._clock = clock
        self._period_seconds = period_seconds
        self._changed: dict[Stream, None] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._sending = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    def open(self, run_id: str, step_id: str, token: int) -> Stream:
        """Return the stream of an attempt."""
        return Stream(self, run_id, (step_id, token))

    def note(self, stream: Stream) -> None:
        """Send what a stream has soon."""
        self._changed[stream] = None
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._period_seconds, self._fire)

    async def finish(self, stream: Stream) -> None:
        """Send the rest of a stream of which a part was sent; of the others the answer itself tells all."""
        if stream.number:
            await self._send()
        self._changed.pop(stream, None)

    async def close(self) -> None:
        """Wait for what is being sent."""
        if self._timer is not None:
            self._timer.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _fire(self) -> None:
        self._timer = None
        task = asyncio.get_running_loop().create_task(self._send())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send(self) -> None:
        async with self._sending:
            streams, self._changed = list(self._changed), {}
            changes = []
            for stream in streams:
                text = stream.waiting
                if text:
                    stream.number += 1
                    stream.sent += len(text)
                    changes.append(self._make(stream.run_id, stream.hold, stream.number, text, self._clock.now()))
                if stream.waiting:
                    self.note(stream)
            if not changes:
                return
            try:
                await self._add(changes)
            except DomainError as error:
                # The answer comes with the end of the step all the same.
                _log.warning("text could not be sent", pieces=len(changes), reason=error.reason)
