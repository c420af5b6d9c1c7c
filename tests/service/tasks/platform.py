"""Hosts the services `tasks` and `agents` in this process and calls them through their stubs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, NamedTuple

import redis.asyncio
from piecework.tasks.v1 import events_pb2_grpc, queue_pb2_grpc, work_pb2_grpc
from piecework.tasks.v1 import queue_pb2 as pb
from pymongo import AsyncMongoClient

from kit.caller import OPERATOR_SCOPES, Caller, CallerSigner
from kit.channels import Outgoing
from kit.clock import ManualClock
from kit.idempotency import IdempotencyStore
from kit.ids import new_id
from kit.interceptors.idempotency import IdempotencyInterceptor
from kit.metrics import Registry
from kit.mongo import Document
from kit.settings import Settings
from kit.status import result_of
from kit.target import Resources, Target
from services.agents import app as agents_app
from services.tasks.app import TasksApp
from services.tasks.app import build as build_tasks
from services.tasks.market.loops import Expiry, Reconciler
from services.tasks.market.service.indexing import RecentWords, SearchIndexer
from services.tasks.queue.loops import Remover
from services.tasks.work.loops import Reaper
from tests.service.hosting import LateChannels, host_for

OWNER = Caller(kind="operator", operator_id=1, scopes=OPERATOR_SCOPES)
STRANGER = Caller(kind="operator", operator_id=2, scopes=OPERATOR_SCOPES)


_NEVER = 1e6


def session_of(agent: str) -> Caller:
    """Return what the gateway says of a worker of the owner that has logged in."""
    return Caller(kind="session", operator_id=OWNER.operator_id, scopes=OPERATOR_SCOPES, name=agent)


class Queue(NamedTuple):
    """A project and a type of it."""

    project_id: str
    type_id: str

    @property
    def name(self) -> str:
        return f"project:{self.project_id}"


class TasksPlatform:
    """One replica of the services.

    Args:
        mongo: the database client; replicas that share it and the prefix are one installation.
    """

    def __init__(
        self,
        mongo: AsyncMongoClient[Document],
        redis_client: redis.asyncio.Redis,
        database_prefix: str,
        clock: ManualClock,
    ) -> None:
        self.signer = CallerSigner("the key of an installation of tests")
        self.outgoing = Outgoing(self.signer)
        self.clock = clock
        channels = self.new_channels()
        settings = self.settings(database_prefix)
        self.resources = Resources(settings, mongo, redis_client, channels, self.signer, clock, Registry())
        self.database = self.resources.database("tasks")
        self.targets = self.build_targets()
        # The loops of the service look once, at the start; after that tests decide.
        app = self.app
        app.reaper = Reaper(app.work_store, app.leaser, app.access.reaper_interval, clock, tick_seconds=_NEVER)
        app.remover = Remover(app.projects, tick_seconds=_NEVER)
        market = app.market
        market.reconciler = Reconciler(market.task_store, market.access, clock, tick_seconds=_NEVER)
        market.expiry = Expiry(market.task_store, market.tasks, clock, tick_seconds=_NEVER)
        market.indexer = SearchIndexer(market.search_store, RecentWords(market.search_store), tick_seconds=_NEVER)
        store = IdempotencyStore(self.database, clock)
        idempotency = IdempotencyInterceptor(store, self.targets[0].idempotent_methods)
        registrations = [each for target in self.targets for each in target.registrations]
        self.host = host_for(registrations, self.signer, idempotency)
        channels.lead_to(self.host)
        self._channels = channels
        self.queue: Any = None
        self.work: Any = None
        self.events: Any = None

    def new_channels(self) -> LateChannels:
        return LateChannels()

    def settings(self, database_prefix: str) -> Settings:
        return Settings(database_prefix=database_prefix)

    def build_targets(self) -> list[Target]:
        """Return the services that are hosted, `tasks` first."""
        return [build_tasks(self.resources), agents_app.build(self.resources)]

    async def start(self) -> None:
        for target in self.targets:
            await target.start()
        await self.host.start()
        channel = self._channels.get("tasks")
        self.queue = queue_pb2_grpc.QueueServiceStub(channel)
        self.work = work_pb2_grpc.WorkServiceStub(channel)
        self.events = events_pb2_grpc.EventServiceStub(channel)

    async def stop(self) -> None:
        await self._channels.close()
        await self.host.drain()
        for target in self.targets:
            await target.stop()

    def pass_time(self, **length: float) -> None:
        """Move the clock: `pass_time(minutes=10)`."""
        self.clock.set(self.clock.now() + timedelta(**length))

    async def call(
        self,
        method: Callable[..., Awaitable[Any]],
        request: Any,
        caller: Caller = OWNER,
        *,
        key: str | None = None,
        timeout: float = 60,  # noqa: ASYNC109 - the deadline of the call
    ) -> Any:
        return await result_of(method(request, **self.outgoing(caller, timeout=timeout, idempotency_key=key)))

    async def new_project(self, name: str = "", caller: Caller = OWNER, **config: Any) -> pb.Project:
        request = pb.CreateProjectRequest(
            name=name or f"p-{new_id()}", description="a project", config=pb.ProjectConfig(**config)
        )
        answer: pb.Project = (await self.call(self.queue.CreateProject, request, caller)).project
        return answer

    async def new_type(self, project_id: str, caller: Caller = OWNER, **fields: Any) -> pb.TaskType:
        request = pb.CreateTaskTypeRequest(project_id=project_id, **{"name": f"t-{new_id()}", **fields})
        answer: pb.TaskType = (await self.call(self.queue.CreateTaskType, request, caller)).task_type
        return answer

    async def new_queue(self, **fields: Any) -> Queue:
        project = await self.new_project()
        return Queue(project.id, (await self.new_type(project.id, **fields)).id)

    async def new_task(self, queue: Queue, caller: Caller = OWNER, key: str | None = None, **fields: Any) -> pb.Task:
        request = pb.CreateTaskRequest(
            project_id=queue.project_id,
            task=pb.NewTask(type_id=queue.type_id, **fields),
        )
        answer: pb.Task = (await self.call(self.queue.CreateTask, request, caller, key=key)).task
        return answer

    async def new_tasks(self, queue: Queue, count: int) -> list[str]:
        ids: list[str] = []
        for start in range(0, count, 500):
            tasks = [
                pb.NewTask(type_id=queue.type_id, instructions=f"task {number}")
                for number in range(start, min(start + 500, count))
            ]
            request = pb.CreateTasksRequest(project_id=queue.project_id, tasks=tasks)
            ids += [task.id for task in (await self.call(self.queue.CreateTasks, request)).tasks]
        return ids

    async def next(self, queue: Queue, agent: str, wait: int = 0, caller: Caller = OWNER) -> pb.Task | None:
        request = pb.NextTaskRequest(project_id=queue.project_id, agent_name=agent, wait_seconds=wait)
        answer = await self.call(self.queue.NextTask, request, caller)
        return answer.task if answer.HasField("task") else None

    async def complete(
        self,
        task_id: str,
        agent: str = "",
        result: str = "done",
        token: int | None = None,
        caller: Caller = OWNER,
        outputs: str = "",
    ) -> pb.Task:
        lease = pb.TaskLeaseRef(task_id=task_id, agent_name=agent, lease_token=token)
        request = pb.CompleteTaskRequest(lease=lease, result=result, outputs_json=outputs)
        answer: pb.Task = (await self.call(self.queue.CompleteTask, request, caller)).task
        return answer

    async def fail(
        self, task_id: str, agent: str = "", token: int | None = None, caller: Caller = OWNER, **fields: Any
    ) -> pb.Task:
        lease = pb.TaskLeaseRef(task_id=task_id, agent_name=agent, lease_token=token)
        request = pb.FailTaskRequest(lease=lease, **{"error": "it broke", **fields})
        answer: pb.Task = (await self.call(self.queue.FailTask, request, caller)).task
        return answer

    async def extend(
        self, task_id: str, minutes: int, agent: str = "", token: int | None = None, caller: Caller = OWNER
    ) -> pb.Task:
        lease = pb.TaskLeaseRef(task_id=task_id, agent_name=agent, lease_token=token)
        request = pb.ExtendLeaseRequest(lease=lease, extension_minutes=minutes)
        answer: pb.Task = (await self.call(self.queue.ExtendLease, request, caller)).task
        return answer

    async def cleanup(self, queue: Queue) -> tuple[int, int]:
        request = pb.CleanupLeasesRequest(project_id=queue.project_id)
        answer = await self.call(self.queue.CleanupLeases, request)
        return answer.reclaimed_tasks, answer.cleaned_agents

    async def tasks(self, queue: Queue, **fields: Any) -> list[pb.Task]:
        request = pb.ListTasksRequest(project_id=queue.project_id, **fields)
        return list((await self.call(self.queue.ListTasks, request)).tasks)

    async def update_project(self, project_id: str, **fields: Any) -> pb.Project:
        request = pb.UpdateProjectRequest(project_id=project_id, **fields)
        answer: pb.Project = (await self.call(self.queue.UpdateProject, request)).project
        return answer

    async def close_project(self, project_id: str) -> None:
        await self.update_project(project_id, status=pb.PROJECT_STATUS_CLOSED)

    async def counts(self, queue: Queue) -> pb.TaskCounts:
        request = pb.GetProjectRequest(project_id=queue.project_id)
        answer: pb.TaskCounts = (await self.call(self.queue.GetProject, request)).project.counts
        return answer

    async def get(self, task_id: str) -> pb.Task:
        answer: pb.Task = (await self.call(self.queue.GetTask, pb.GetTaskRequest(task_id=task_id))).task
        return answer

    @property
    def app(self) -> TasksApp:
        answer: TasksApp = self.targets[0].start.__self__  # type: ignore[attr-defined]
        return answer
