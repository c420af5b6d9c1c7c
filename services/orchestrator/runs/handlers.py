"""The gRPC side of runs: unpack, call, pack."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from piecework.orchestrator.v1 import runs_pb2 as pb
from piecework.orchestrator.v1 import runs_pb2_grpc as rpc

from kit.idempotency_key import current_idempotency_key
from kit.interceptors.caller import current_caller
from services.orchestrator.runs.convert import from_start, to_moment, to_run

if TYPE_CHECKING:
    from grpc.aio import ServicerContext

    from services.orchestrator.runs.service.control import RunService
    from services.orchestrator.runs.service.starting import StartService
    from services.orchestrator.runs.service.watching import RunWatch

    Context = ServicerContext[Any, Any]


class RunHandlers(rpc.RunServiceServicer):
    """Serves `piecework.orchestrator.v1.RunService`.

    Args:
        starting: begins runs.
        runs: reads and steers them.
        watch: lets callers watch them.
    """

    def __init__(self, starting: StartService, runs: RunService, watch: RunWatch) -> None:
        self._starting = starting
        self._runs = runs
        self._watch = watch

    async def StartRun(self, request: pb.StartRunRequest, context: Context) -> pb.StartRunResponse:
        """Begin a run."""
        run = await self._starting.start(current_caller(), from_start(request), current_idempotency_key())
        return pb.StartRunResponse(run=to_run(run))

    async def GetRun(self, request: pb.GetRunRequest, context: Context) -> pb.GetRunResponse:
        """Read a run."""
        return pb.GetRunResponse(run=to_run(await self._runs.get(current_caller(), request.run_id)))

    async def ListRuns(self, request: pb.ListRunsRequest, context: Context) -> pb.ListRunsResponse:
        """List runs."""
        runs, cursor = await self._runs.page(
            current_caller(), active=request.active, limit=request.limit, cursor=request.cursor
        )
        return pb.ListRunsResponse(runs=[to_run(run) for run in runs], cursor=cursor)

    async def CancelRun(self, request: pb.CancelRunRequest, context: Context) -> pb.CancelRunResponse:
        """End a run."""
        return pb.CancelRunResponse(run=to_run(await self._runs.cancel(current_caller(), request.run_id)))

    async def AnswerApproval(self, request: pb.AnswerApprovalRequest, context: Context) -> pb.AnswerApprovalResponse:
        """Answer a step that asked."""
        run = await self._runs.answer(current_caller(), request.run_id, request.result, approved=request.approved)
        return pb.AnswerApprovalResponse(run=to_run(run))

    async def SteerRun(self, request: pb.SteerRunRequest, context: Context) -> pb.SteerRunResponse:
        """Say something to a run under way."""
        key = current_idempotency_key()
        run = await self._runs.steer(current_caller(), request.run_id, request.input, key)
        return pb.SteerRunResponse(run=to_run(run))

    async def WatchRun(self, request: pb.WatchRunRequest, context: Context) -> AsyncIterator[pb.WatchRunResponse]:
        """Stream what happens in a run."""
        after_seq = request.after_seq if request.HasField("after_seq") else None
        moments = self._watch.watch(current_caller(), request.run_id, after_seq)
        async with contextlib.aclosing(moments) as following:
            async for moment in following:
                yield to_moment(moment)
