"""Services that do what a test says, behind real gRPC: for what real ones do only when something breaks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc.aio
from piecework.agents.v1 import identity_pb2, identity_pb2_grpc
from piecework.tasks.v1 import events_pb2, events_pb2_grpc, queue_pb2, queue_pb2_grpc

from kit.caller import MARKET, OPERATOR_SCOPES
from kit.clock import SystemClock
from kit.host import GrpcHost, Registration
from kit.timestamps import to_timestamp

PROJECT = "019a0000-0000-7000-8000-000000000001"


class ScriptedQueue(queue_pb2_grpc.QueueServiceServicer):
    """Answers NextTask and GetProject as the test wants."""

    def __init__(self) -> None:
        self.next_task: Callable[[Any], Any] | None = None
        self.metadata: dict[str, Any] = {}

    async def NextTask(self, request: Any, context: Any) -> queue_pb2.NextTaskResponse:  # noqa: ARG002, N802
        self.metadata = dict(context.invocation_metadata())
        assert self.next_task is not None
        answer: queue_pb2.NextTaskResponse = await self.next_task(context)
        return answer

    async def GetProject(self, request: Any, context: Any) -> queue_pb2.GetProjectResponse:  # noqa: ARG002, N802
        return queue_pb2.GetProjectResponse(
            project=queue_pb2.Project(id=PROJECT, status=queue_pb2.PROJECT_STATUS_ACTIVE)
        )


class ScriptedEvents(events_pb2_grpc.EventServiceServicer):
    """Streams numbered events up to `newest`."""

    def __init__(self) -> None:
        self.newest = 0
        self.first_kept = 1
        self.asked: list[int | None] = []
        self.more = asyncio.Condition()

    async def add(self, count: int) -> None:
        async with self.more:
            self.newest += count
            self.more.notify_all()

    async def Watch(self, request: Any, context: Any) -> AsyncIterator[events_pb2.WatchResponse]:  # noqa: ARG002, N802
        after = request.after_seq if request.HasField("after_seq") else None
        self.asked.append(after)
        yield events_pb2.WatchResponse(position=events_pb2.Position(seq=self.newest))
        seq = self.newest if after is None else after
        if seq + 1 < self.first_kept:
            yield events_pb2.WatchResponse(gap=events_pb2.Gap(from_seq=seq + 1, to_seq=self.first_kept - 1))
            seq = self.first_kept - 1
        while True:
            async with self.more:
                while self.newest <= seq:
                    await self.more.wait()
            while seq < self.newest:
                seq += 1
                event = events_pb2.Event(
                    seq=seq, id=f"e:{seq}", type="task.created", subject="t", version=1, data_json=f'{{"n":{seq}}}'
                )
                event.at.CopyFrom(to_timestamp(SystemClock().now()))
                yield events_pb2.WatchResponse(event=event)


class ScriptedIdentities(identity_pb2_grpc.IdentityServiceServicer):
    """Knows two keys, `good` of an operator and `agent` of an agent, and counts the questions."""

    def __init__(self) -> None:
        self.questions = 0

    async def Authenticate(self, request: Any, context: Any) -> identity_pb2.AuthenticateResponse:  # noqa: N802
        self.questions += 1
        if request.secret == "agent":
            return identity_pb2.AuthenticateResponse(
                kind="agent", operator_id=1, scopes=[MARKET], agent_id=1, name="a", credential_id="two"
            )
        if request.secret != "good":
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "no")
        return identity_pb2.AuthenticateResponse(
            kind="operator", operator_id=1, scopes=OPERATOR_SCOPES, credential_id="one"
        )


class ScriptedPeers:
    """All of them on one real port, which can be given up and taken again."""

    def __init__(self) -> None:
        self.queue, self.events, self.identities = ScriptedQueue(), ScriptedEvents(), ScriptedIdentities()
        self.port = 0
        self._host: GrpcHost | None = None

    async def start(self) -> None:
        registrations = [
            Registration(
                lambda server: queue_pb2_grpc.add_QueueServiceServicer_to_server(self.queue, server),
                ["piecework.tasks.v1.QueueService"],
            ),
            Registration(lambda server: events_pb2_grpc.add_EventServiceServicer_to_server(self.events, server), []),
            Registration(
                lambda server: identity_pb2_grpc.add_IdentityServiceServicer_to_server(self.identities, server), []
            ),
        ]
        self._host = GrpcHost(registrations, f"127.0.0.1:{self.port}", drain_seconds=0)
        await self._host.start()
        self.port = self._host.port

    async def stop(self) -> None:
        if self._host is not None:
            await self._host.drain()
            self._host = None
