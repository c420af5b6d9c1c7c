"""The gRPC side of the queue: unpack, call, pack. One module for each kind of thing, joined in `QueueHandlers`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from piecework.tasks.v1 import queue_pb2_grpc as rpc

from services.tasks.queue.handlers.projects import ProjectHandlers
from services.tasks.queue.handlers.sessions import SessionHandlers
from services.tasks.queue.handlers.tasks import TaskHandlers
from services.tasks.queue.handlers.types import TaskTypeHandlers
from services.tasks.queue.handlers.workers import WorkerHandlers

if TYPE_CHECKING:
    from piecework.agents.v1 import identity_pb2

    from services.tasks.queue.service.projects import ProjectService
    from services.tasks.queue.service.sessions import SessionDesk
    from services.tasks.queue.service.tasks import TaskService
    from services.tasks.queue.service.types import TaskTypeService
    from services.tasks.queue.service.workers import WorkerService


class QueueHandlers(
    ProjectHandlers, TaskTypeHandlers, TaskHandlers, WorkerHandlers, SessionHandlers, rpc.QueueServiceServicer
):
    """Serves `piecework.tasks.v1.QueueService`.

    Args:
        projects: use cases of projects.
        types: use cases of task types.
        tasks: use cases of tasks.
        workers: use cases of workers.
        desk: lets workers in.
    """

    def __init__(
        self,
        projects: ProjectService,
        types: TaskTypeService,
        tasks: TaskService,
        workers: WorkerService,
        desk: SessionDesk[identity_pb2.OpenSessionResponse],
    ) -> None:
        self._projects = projects
        self._types = types
        self._tasks = tasks
        self._workers = workers
        self._desk = desk
