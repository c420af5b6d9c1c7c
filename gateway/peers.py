"""The services behind the gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING

import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from piecework.agents.v1.identity_pb2_grpc import IdentityServiceStub, SessionServiceStub
from piecework.agents.v1.registry_pb2_grpc import RegistryServiceStub
from piecework.agents.v1.webhooks_pb2_grpc import WebhookServiceStub
from piecework.billing.v1.ledger_pb2_grpc import LedgerServiceStub
from piecework.billing.v1.plans_pb2_grpc import PlanServiceStub
from piecework.orchestrator.v1.files_pb2_grpc import FileServiceStub
from piecework.orchestrator.v1.models_pb2_grpc import ModelServiceStub
from piecework.orchestrator.v1.runs_pb2_grpc import RunServiceStub
from piecework.orchestrator.v1.threads_pb2_grpc import ThreadServiceStub
from piecework.orchestrator.v1.uploads_pb2_grpc import UploadServiceStub
from piecework.tasks.v1.events_pb2_grpc import EventServiceStub
from piecework.tasks.v1.market_pb2_grpc import MarketServiceStub
from piecework.tasks.v1.queue_pb2_grpc import QueueServiceStub

from kit.channels import Channels, Outgoing

if TYPE_CHECKING:
    from piecework.agents.v1.identity_pb2_grpc import IdentityServiceAsyncStub, SessionServiceAsyncStub
    from piecework.agents.v1.registry_pb2_grpc import RegistryServiceAsyncStub
    from piecework.agents.v1.webhooks_pb2_grpc import WebhookServiceAsyncStub
    from piecework.billing.v1.ledger_pb2_grpc import LedgerServiceAsyncStub
    from piecework.billing.v1.plans_pb2_grpc import PlanServiceAsyncStub
    from piecework.orchestrator.v1.files_pb2_grpc import FileServiceAsyncStub
    from piecework.orchestrator.v1.models_pb2_grpc import ModelServiceAsyncStub
    from piecework.orchestrator.v1.runs_pb2_grpc import RunServiceAsyncStub
    from piecework.orchestrator.v1.threads_pb2_grpc import ThreadServiceAsyncStub
    from piecework.orchestrator.v1.uploads_pb2_grpc import UploadServiceAsyncStub
    from piecework.tasks.v1.events_pb2_grpc import EventServiceAsyncStub
    from piecework.tasks.v1.market_pb2_grpc import MarketServiceAsyncStub
    from piecework.tasks.v1.queue_pb2_grpc import QueueServiceAsyncStub

_HEALTH_SECONDS = 2.0
_STORAGE_SERVICE = "piecework.tasks.v1.QueueService"


class Peers:
    """The stubs of the services that the gateway speaks to. Must be made on the event loop.

    Args:
        channels: the way to them.
        outgoing: puts the caller and the deadline on calls.
    """

    def __init__(self, channels: Channels, outgoing: Outgoing) -> None:
        tasks, agents, billing = channels.get("tasks"), channels.get("agents"), channels.get("billing")
        orchestrator = channels.get("orchestrator")
        self.outgoing = outgoing
        self.queue: QueueServiceAsyncStub = QueueServiceStub(tasks)
        self.events: EventServiceAsyncStub = EventServiceStub(tasks)
        self.identities: IdentityServiceAsyncStub = IdentityServiceStub(agents)
        self.sessions: SessionServiceAsyncStub = SessionServiceStub(agents)
        self.market: MarketServiceAsyncStub = MarketServiceStub(tasks)
        self.registry: RegistryServiceAsyncStub = RegistryServiceStub(agents)
        self.webhooks: WebhookServiceAsyncStub = WebhookServiceStub(agents)
        self.ledger: LedgerServiceAsyncStub = LedgerServiceStub(billing)
        self.plans: PlanServiceAsyncStub = PlanServiceStub(billing)
        self.runs: RunServiceAsyncStub = RunServiceStub(orchestrator)
        self.models: ModelServiceAsyncStub = ModelServiceStub(orchestrator)
        self.threads: ThreadServiceAsyncStub = ThreadServiceStub(orchestrator)
        self.files: FileServiceAsyncStub = FileServiceStub(orchestrator)
        self.uploads: UploadServiceAsyncStub = UploadServiceStub(orchestrator)
        self._health = health_pb2_grpc.HealthStub(tasks)

    async def storage_healthy(self) -> bool:
        """Tell whether the tasks service can be reached and says that its storage works."""
        request = health_pb2.HealthCheckRequest(service=_STORAGE_SERVICE)
        try:
            answer = await self._health.Check(request, timeout=_HEALTH_SECONDS)
        except grpc.aio.AioRpcError:
            return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)
