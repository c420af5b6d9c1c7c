"""The events of one run, read over as many calls as it takes."""

from __future__ import annotations

from typing import Any

from piecework.orchestrator.v1 import runs_pb2

from gateway.call import Call
from gateway.faces.runs.frames import has_ended, is_over
from gateway.sse import Watch


class RunWatch(Watch):
    """Reads the events of a run until it is over.

    Args:
        call: the request on whose behalf they are read.
        run_id: the run.
        after: read what came after this number; 0 for all of it.

    Attributes:
        run: the run, as it was when the service was asked last.
    """

    def __init__(self, call: Call, run_id: str, after: int) -> None:
        super().__init__(call, run_id, after)
        self.run = runs_pb2.Run(id=run_id)
        self._told = False

    @property
    def over(self) -> bool:
        """Whether the run was over when the service was asked."""
        return has_ended(self.run)

    @property
    def complete(self) -> bool:
        """Whether its end was read."""
        return self._told

    def _begin(self, options: Any) -> Any:
        request = runs_pb2.WatchRunRequest(run_id=self._stream, after_seq=self.after or 0)
        return self._call.peers.runs.WatchRun(request, **options)

    def _position_of(self, first: Any) -> int:
        self.run = first.run
        return int(first.seq)

    def _seq_of(self, message: Any) -> int | None:
        self._told = self._told or is_over(message)
        return int(message.seq)

    def _begins_anew(self, message: Any) -> bool:
        """Go back when the cursor is ahead of all events, which are of another history: nothing would ever come."""
        if message.HasField("run") or message.delta or not 0 < message.seq < (self.after or 0):
            return False
        self.after = int(message.seq)
        return True
