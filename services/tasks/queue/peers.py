"""The agents service, as the queue needs it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from piecework.agents.v1 import identity_pb2 as pb
from piecework.agents.v1 import identity_pb2_grpc as rpc

from kit.caller import service_caller
from kit.peer import Peer
from kit.status import result_of

if TYPE_CHECKING:
    from services.tasks.queue.model import Project
    from services.tasks.queue.service.sessions import SessionRequest


class AgentsPeer(Peer):
    """Keeps the sessions of queue workers."""

    service = "agents"
    caller = service_caller("tasks")

    async def open(self, project: Project, request: SessionRequest) -> pb.OpenSessionResponse:
        """Open a session in a project, for a worker that may come in."""
        message = pb.OpenSessionRequest(
            operator_id=project.operator_id,
            project_id=project.id,
            agent_name=request.agent_name,
            resume_existing=request.resume_existing,
            allow_multiple=request.allow_multiple,
        )
        return await result_of(self._stub().OpenSession(message, **self.options))

    async def close_project_sessions(self, project_id: str) -> None:
        """End every session of a project."""
        message = pb.CloseProjectSessionsRequest(project_id=project_id)
        await result_of(self._stub().CloseProjectSessions(message, **self.options))

    def _stub(self) -> rpc.SessionServiceAsyncStub:
        return rpc.SessionServiceStub(self.channel)
