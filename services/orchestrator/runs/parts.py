"""The parts of runs and how they hang together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kit.channels import Outgoing
from kit.events.tail import EventTail
from kit.ids import new_id
from kit.outbound.client import OutboundClient
from kit.redis import Wakeups
from services.orchestrator.runs.documents import to_delta
from services.orchestrator.runs.loops import Caretaker
from services.orchestrator.runs.metrics import RunMetrics
from services.orchestrator.runs.peers import AgentsPeer, LedgerPeer, WorkPeer
from services.orchestrator.runs.service.access import RunAccess
from services.orchestrator.runs.service.chores import Chores
from services.orchestrator.runs.service.control import RunService
from services.orchestrator.runs.service.conversation import Talks
from services.orchestrator.runs.service.deltas import DeltaBatcher
from services.orchestrator.runs.service.demand import Demand
from services.orchestrator.runs.service.desk import Desk
from services.orchestrator.runs.service.execution import Executor
from services.orchestrator.runs.service.remote import RemoteSteps
from services.orchestrator.runs.service.spending import Spending
from services.orchestrator.runs.service.starting import StartService
from services.orchestrator.runs.service.stops import RING, STOP, Stops
from services.orchestrator.runs.service.watching import RunWatch
from services.orchestrator.runs.store.deltas import DeltaStore
from services.orchestrator.runs.store.runs import RunStore
from services.orchestrator.runs.toolbox import Toolbox
from services.orchestrator.runs.worker import Worker

if TYPE_CHECKING:
    from kit.target import Resources
    from services.orchestrator.runs.model import Run
    from services.orchestrator.runs.service.ports import Files, Models, Threads

# Methods that take an idempotency key.
IDEMPOTENT = ("StartRun", "SteerRun")
WAKEUP_CHANNEL = "piecework:runs"


class RunParts:
    """Builds the runs.

    Args:
        resources: what the process shares.
        models: answers.
        threads: conversations.
        files: files.
    """

    def __init__(self, resources: Resources, models: Models, threads: Threads, files: Files) -> None:
        database, clock = resources.database("orchestrator"), resources.clock
        outgoing = Outgoing(resources.signer)
        self.work = WorkPeer(resources.channels, outgoing)
        self.ledger = LedgerPeer(resources.channels, outgoing)
        agents = AgentsPeer(resources.channels, outgoing)
        self.store, self.delta_store = RunStore(database, clock), DeltaStore(database)
        self.wakeups = Wakeups(resources.redis, WAKEUP_CHANNEL)
        self.wakeups.on_message(self._hear)
        self.stops = Stops(self.wakeups.publish)
        self.metrics = RunMetrics(resources.registry, self.store)
        self.access = RunAccess(self.store, self.metrics.note)
        self.chores = Chores(self.access, self.store, self.work, self.ledger, threads)
        self.chores.on_queued(self._ring)
        self.deltas = DeltaBatcher(to_delta, self.delta_store.add, clock)
        self.toolbox = Toolbox(OutboundClient(), threads, files)
        spending = Spending(self.access, models)
        desk = Desk()
        self.talks = Talks(self.access, models, spending, self.toolbox, self.deltas, threads, files, desk, clock)
        # Under a name that stays, a process that starts again knows what it had in its hands when it died.
        self.holder = f"orchestrator-{resources.settings.replica or new_id()}"
        self.executor = Executor(self.access, self.chores, self.work, self.talks, self.stops, clock, self.holder)
        self.worker = Worker(self.store, self.work, self.executor, self.holder, desk)
        self.remote = RemoteSteps(self.access, self.chores, self.work, clock)
        self.caretaker = Caretaker(self.store, self.access, self.chores, self.remote, self.stops, clock)
        self.starting = StartService(
            self.access, self.store, self.chores, models, self.ledger, agents, threads, files, clock
        )
        self.runs = RunService(self.access, self.store, self.chores, self.stops, clock)
        self.tail = EventTail(database)
        self.watch = RunWatch(self.access, self.store, self.tail, clock)

    async def prepare(self) -> None:
        """Create the indexes and begin to listen."""
        await self.store.prepare()
        await self.delta_store.prepare()
        await self.wakeups.start()

    async def close(self) -> None:
        """Wait for what is under way."""
        await self.deltas.close()
        await self.tail.close()
        await self.wakeups.close()

    def _ring(self, run: Run, steps: int) -> None:
        # The id keeps two rings apart: wake-ups that read the same may travel as one.
        self.wakeups.publish(f"{RING} {run.operator_id} {steps} {run.weight} {run.id}:{run.version}")

    def _hear(self, message: str) -> None:
        kind, _, rest = message.partition(" ")
        if kind == STOP:
            self.stops.hear(rest)
        elif kind == RING:
            operator_id, steps, weight, _ = rest.split(" ")
            self.worker.hear(Demand(int(operator_id), int(steps), int(weight)))
