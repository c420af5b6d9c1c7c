"""Handlers of sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from piecework.tasks.v1 import queue_pb2 as pb

from kit.interceptors.caller import current_caller
from services.tasks.queue.service.sessions import SessionRequest

if TYPE_CHECKING:
    from piecework.agents.v1 import identity_pb2

    from services.tasks.queue.handlers.context import Context
    from services.tasks.queue.service.sessions import SessionDesk


class SessionHandlers:
    """The methods of `QueueService` about sessions."""

    _desk: SessionDesk[identity_pb2.OpenSessionResponse]

    async def OpenSession(self, request: pb.OpenSessionRequest, context: Context) -> pb.OpenSessionResponse:
        """Let a worker in."""
        asked = SessionRequest(request.project, request.agent_name, request.resume_existing, request.allow_multiple)
        opened = await self._desk.open(current_caller(), asked)
        return pb.OpenSessionResponse(session=opened.session, token=opened.token, resumed=opened.resumed)
