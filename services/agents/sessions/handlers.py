"""The gRPC face of sessions: unpack, call, pack."""

from __future__ import annotations

from typing import Any

from piecework.agents.v1 import identity_pb2 as pb
from piecework.agents.v1 import identity_pb2_grpc

from kit.interceptors.caller import current_caller
from services.agents.sessions.convert import session_to_proto
from services.agents.sessions.service import SessionService

Context = Any  # grpc.aio.ServicerContext, which nothing here needs


class SessionHandlers(identity_pb2_grpc.SessionServiceServicer):
    """Serves `piecework.agents.v1.SessionService`."""

    def __init__(self, service: SessionService) -> None:
        self._service = service

    async def OpenSession(self, request: pb.OpenSessionRequest, _: Context) -> pb.OpenSessionResponse:
        """Open a session."""
        opened, token = await self._service.open(
            current_caller(),
            operator_id=request.operator_id,
            project_id=request.project_id.lower(),
            agent_name=request.agent_name,
            resume_existing=request.resume_existing,
            allow_multiple=request.allow_multiple,
        )
        session = session_to_proto(opened.session)
        return pb.OpenSessionResponse(session=session, token=token.reveal(), resumed=opened.resumed)

    async def GetSession(self, request: pb.GetSessionRequest, _: Context) -> pb.GetSessionResponse:
        """Read the caller's session."""
        return pb.GetSessionResponse(session=session_to_proto(await self._service.get(current_caller())))

    async def ExtendSession(self, request: pb.ExtendSessionRequest, _: Context) -> pb.ExtendSessionResponse:
        """Move the end of the caller's session."""
        session = await self._service.extend(current_caller(), request.extend_by_seconds)
        return pb.ExtendSessionResponse(session=session_to_proto(session))

    async def CloseSession(self, request: pb.CloseSessionRequest, _: Context) -> pb.CloseSessionResponse:
        """End the caller's session."""
        await self._service.close(current_caller())
        return pb.CloseSessionResponse()

    async def CloseProjectSessions(
        self, request: pb.CloseProjectSessionsRequest, _: Context
    ) -> pb.CloseProjectSessionsResponse:
        """End every session of a project."""
        closed = await self._service.close_project(current_caller(), request.project_id.lower())
        return pb.CloseProjectSessionsResponse(closed=closed)
