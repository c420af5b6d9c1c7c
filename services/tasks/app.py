"""Builds the service `tasks` from its parts."""

from __future__ import annotations

from typing import Any

from piecework.tasks.v1 import events_pb2_grpc, market_pb2_grpc, queue_pb2_grpc, work_pb2_grpc

from kit.background import Background
from kit.channels import Outgoing
from kit.events.relay import EventRelay
from kit.events.tail import EventTail
from kit.host import Registration
from kit.ids import new_id
from kit.leadership import Leadership
from kit.redis import Wakeups
from kit.target import Resources, Target
from services.tasks.events.handlers import EventHandlers
from services.tasks.events.service import EventWatch
from services.tasks.market.handlers import MarketHandlers
from services.tasks.market.parts import IDEMPOTENT as MARKET_IDEMPOTENT
from services.tasks.market.parts import MarketParts
from services.tasks.market.service.watchers import MarketWatchers
from services.tasks.market.store.tasks import COLLECTION as MARKET_TASKS
from services.tasks.queue.handlers import QueueHandlers
from services.tasks.queue.loops import Remover
from services.tasks.queue.peers import AgentsPeer
from services.tasks.queue.service.access import ProjectAccess
from services.tasks.queue.service.projects import ProjectService
from services.tasks.queue.service.sessions import SessionDesk
from services.tasks.queue.service.tasks import TaskService
from services.tasks.queue.service.types import TaskTypeService
from services.tasks.queue.service.workers import WorkerService
from services.tasks.queue.store import QueueStore
from services.tasks.work.changes import WorkChanges
from services.tasks.work.doorbell import Doorbell
from services.tasks.work.handlers import WorkHandlers
from services.tasks.work.leaser import Leaser
from services.tasks.work.loops import Reaper
from services.tasks.work.metrics import WorkMetrics
from services.tasks.work.queries import WorkQueries
from services.tasks.work.service import WorkService
from services.tasks.work.store import COLLECTION, WorkStore

WAKEUP_CHANNEL = "piecework:work"
_PACKAGE = "piecework.tasks.v1"
_SERVICES = ("QueueService", "WorkService", "EventService", "MarketService")
_QUEUE_IDEMPOTENT = ("CreateProject", "CreateTaskType", "CreateTask", "CreateTasks")
_IDEMPOTENT = frozenset(
    [f"/{_PACKAGE}.QueueService/{method}" for method in _QUEUE_IDEMPOTENT]
    + [f"/{_PACKAGE}.MarketService/{method}" for method in MARKET_IDEMPOTENT]
)


class TasksApp:
    """The parts of the service and how they hang together.

    Args:
        resources: what the process shares.
    """

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        database, clock = resources.database("tasks"), resources.clock
        self.wakeups = Wakeups(resources.redis, WAKEUP_CHANNEL)
        self.doorbell = Doorbell(self.wakeups)
        self.work_store = WorkStore(database)
        self.changes = WorkChanges(self.work_store, self.doorbell)
        self.leaser = Leaser(self.work_store, self.changes, clock)
        queries = WorkQueries(database)
        agents = AgentsPeer(resources.channels, Outgoing(resources.signer))
        self.queue_store = QueueStore(database)
        self.access = ProjectAccess(self.queue_store)
        admit = self.access.admit
        self.work = WorkService(self.work_store, self.changes, self.leaser, self.doorbell, admit, clock)
        self.projects = ProjectService(self.queue_store, self.access, self.work_store, queries, agents, clock)
        self.types = TaskTypeService(self.queue_store, self.access, self.work_store, queries, clock)
        self.tasks = TaskService(self.access, self.work_store, self.changes, queries, self.doorbell, clock)
        self.workers = WorkerService(self.access, self.tasks, self.work, self.leaser, self.changes, queries, clock)
        self.desk = SessionDesk(self.queue_store, agents)
        self.metrics = WorkMetrics(resources.registry, self.changes, queries, clock)
        self.market = MarketParts(resources)
        self.tail = EventTail(database)
        sources = [COLLECTION, MARKET_TASKS]
        self.relay = EventRelay(database, sources, self._leadership("relay"), clock, tail=self.tail)
        self.reaper = Reaper(self.work_store, self.leaser, self.access.reaper_interval, clock)
        self.remover = Remover(self.projects)
        self._background = Background()

    def register(self, server: Any) -> None:
        """Add the servicers to a server."""
        queue = QueueHandlers(self.projects, self.types, self.tasks, self.workers, self.desk)
        queue_pb2_grpc.add_QueueServiceServicer_to_server(queue, server)
        work_pb2_grpc.add_WorkServiceServicer_to_server(WorkHandlers(self.work), server)
        market_pb2_grpc.add_MarketServiceServicer_to_server(MarketHandlers(self.market), server)
        market = MarketWatchers()
        watch = EventWatch(self.tail, {"project": self.access, "task": market, "agent": market, "market": market})
        events_pb2_grpc.add_EventServiceServicer_to_server(EventHandlers(watch), server)

    async def start(self) -> None:
        """Prepare the indexes and start the loops."""
        await self.work_store.prepare()
        await self.queue_store.prepare()
        await self.market.prepare()
        await self.relay.prepare()  # before the first write: history begins here
        await self.wakeups.start()
        market = self.market
        reaping, removing = self._leadership("reaper"), self._leadership("remover")
        reconciling, expiring = self._leadership("market-money"), self._leadership("market-expiry")
        indexing = self._leadership("market-search")
        self._background.start("tasks: relay", self.relay.run)
        self._background.start("tasks: reaper", lambda: reaping.run(self.reaper.run))
        self._background.start("tasks: remover", lambda: removing.run(self.remover.run))
        self._background.start("tasks: market money", lambda: reconciling.run(market.reconciler.run))
        self._background.start("tasks: market expiry", lambda: expiring.run(market.expiry.run))
        self._background.start("tasks: market search", lambda: indexing.run(market.indexer.run))

    async def stop(self) -> None:
        """End the loops and the writes under way."""
        await self._background.close()
        await self.market.delivery.deployer.close()
        await self.market.close()
        await self.tail.close()
        await self.work_store.close()
        await self.wakeups.close()

    def _leadership(self, name: str) -> Leadership:
        resources = self._resources
        holder = resources.settings.replica or new_id()
        return Leadership(resources.database("tasks"), name, holder, resources.clock)


def build(resources: Resources) -> Target:
    """Return the service, ready to be hosted."""
    app = TasksApp(resources)
    names = [f"{_PACKAGE}.{service}" for service in _SERVICES]
    return Target(
        name="tasks",
        registrations=[Registration(app.register, names, app.tail.end)],
        idempotent_methods=_IDEMPOTENT,
        start=app.start,
        stop=app.stop,
    )
