"""Builds the service `agents` from its parts."""

from __future__ import annotations

from typing import Any

from piecework.agents.v1 import identity_pb2_grpc, registry_pb2_grpc, webhooks_pb2_grpc

from kit.background import Background
from kit.channels import Outgoing
from kit.host import Registration
from kit.ids import new_id
from kit.keyring import KeyRing
from kit.leadership import Leadership
from kit.outbound.client import OutboundClient
from kit.outbound.targets import Rules
from kit.redis import REVOKED_CHANNEL, Wakeups
from kit.target import Resources, Target
from services.agents.feed.follower import Follower
from services.agents.feed.metrics import FeedMetrics
from services.agents.identity.handlers import IdentityHandlers
from services.agents.identity.service import IdentityService
from services.agents.identity.store import IdentityStore
from services.agents.registry.handlers import RegistryHandlers
from services.agents.registry.service import RegistryService
from services.agents.registry.store import RegistryStore
from services.agents.reputation.service import ReputationService
from services.agents.reputation.store import ReputationStore
from services.agents.sessions.handlers import SessionHandlers
from services.agents.sessions.loops import ActivityRecorder
from services.agents.sessions.service import SessionService
from services.agents.sessions.store import SessionStore
from services.agents.webhooks.courier import Courier
from services.agents.webhooks.handlers import WebhookHandlers
from services.agents.webhooks.loops import Sender
from services.agents.webhooks.metrics import WebhookMetrics
from services.agents.webhooks.publisher import Publisher
from services.agents.webhooks.service import WebhookService
from services.agents.webhooks.store.deliveries import DeliveryStore
from services.agents.webhooks.store.endpoints import EndpointStore
from services.agents.webhooks.store.webhooks import WebhookStore
from services.agents.welcome.loops import Welcomer
from services.agents.welcome.peers import LedgerPeer
from services.agents.welcome.service import WelcomeService
from services.agents.welcome.store import WelcomeStore

_PACKAGE = "piecework.agents.v1"
# Of the creating calls only these may keep their answers for a retry: the answers of the others hold a secret, which is
# shown once and never stored. A lost answer is made up for by another key, or by opening the session again.
_IDEMPOTENT = frozenset({f"/{_PACKAGE}.IdentityService/CreateOperator", f"/{_PACKAGE}.RegistryService/ClaimAgent"})


class AgentsApp:
    """The parts of the service and how they hang together.

    Args:
        resources: what the process shares.
    """

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        database, channels, clock = resources.database("agents"), resources.channels, resources.clock
        outgoing = Outgoing(resources.signer)
        self.revocations = Wakeups(resources.redis, REVOKED_CHANNEL)
        revoke = self.revocations.publish
        self.welcome_store = WelcomeStore(database)
        self.welcome = WelcomeService(self.welcome_store, LedgerPeer(channels, outgoing))
        self.welcomer = Welcomer(self.welcome)
        self.session_store = SessionStore(database)
        self.activity = ActivityRecorder(self.session_store.note_activity)
        self.sessions = SessionService(self.session_store, self.activity.note, revoke, clock)
        self.identity_store = IdentityStore(database, self.welcome_store)
        self.uses = ActivityRecorder(self.identity_store.note_use)
        self.identity = IdentityService(
            self.identity_store, self.sessions, self.uses.note, revoke, self.welcome.greet, clock
        )
        self.reputation_store = ReputationStore(database)
        learn = ReputationService(self.reputation_store).learn
        self.feed_metrics = FeedMetrics(resources.registry)
        self.reputation = Follower("reputation", channels, outgoing, database, learn, metrics=self.feed_metrics)
        self.registry_store = RegistryStore(database, self.welcome_store)
        self.registry = RegistryService(self.registry_store, self.reputation_store, revoke, self.welcome.greet, clock)
        self._join_webhooks(outgoing)
        self._background = Background()

    def _join_webhooks(self, outgoing: Outgoing) -> None:
        resources = self._resources
        database, clock, settings = resources.database("agents"), resources.clock, resources.settings
        self.outbound = OutboundClient(Rules(allow_loopback=bool(settings.webhooks_allow_loopback)))
        self.ring = KeyRing(settings.encryption_keys)
        self.webhook_store, self.delivery_store = WebhookStore(database), DeliveryStore(database)
        self.endpoints = EndpointStore(database)
        self.courier = Courier(self.outbound, self.ring, resources.tracer, clock)
        self.webhook_metrics = WebhookMetrics(resources.registry, self.delivery_store, self.endpoints, clock)
        self.sender = Sender(self.endpoints, self.delivery_store, self.courier, self.webhook_metrics, clock)
        self.webhooks = WebhookService(
            self.webhook_store, self.delivery_store, self.ring, self.outbound.check, self._wake_sender, clock
        )
        self.publisher = Publisher(self.webhook_store, self.endpoints, self.delivery_store, self._wake_sender, clock)
        self.publishing = Follower(
            "webhooks", resources.channels, outgoing, database, self.publisher.publish, metrics=self.feed_metrics
        )

    def _wake_sender(self) -> None:
        self.sender.wake()

    def register(self, server: Any) -> None:
        """Add the servicers to a server."""
        identity_pb2_grpc.add_IdentityServiceServicer_to_server(IdentityHandlers(self.identity), server)
        identity_pb2_grpc.add_SessionServiceServicer_to_server(SessionHandlers(self.sessions), server)
        registry_pb2_grpc.add_RegistryServiceServicer_to_server(RegistryHandlers(self.registry), server)
        webhooks_pb2_grpc.add_WebhookServiceServicer_to_server(WebhookHandlers(self.webhooks), server)

    async def start(self) -> None:
        """Prepare the indexes and start the loops."""
        await self.identity_store.prepare()
        await self.welcome_store.prepare()
        await self.session_store.prepare()
        await self.registry_store.prepare()
        await self.reputation_store.prepare()
        await self.webhook_store.prepare()
        await self.delivery_store.prepare()
        await self.webhooks.finish_deletions()
        await self.revocations.start()
        welcoming, learning = self._leadership("welcomer"), self._leadership("reputation")
        self._background.start("agents: welcomer", lambda: welcoming.run(self.welcomer.run))
        self._background.start("agents: reputation", lambda: learning.run(self.reputation.run))
        publishing = self._leadership("webhooks")
        self._background.start("agents: webhooks", lambda: publishing.run(self.publishing.run))
        self._background.start("agents: sender", lambda: self.sender.run())

    async def stop(self) -> None:
        """End the loops and the writes under way."""
        await self._background.close()
        await self.activity.close()
        await self.uses.close()
        await self.revocations.close()

    def _leadership(self, name: str) -> Leadership:
        resources = self._resources
        holder = resources.settings.replica or new_id()
        return Leadership(resources.database("agents"), name, holder, resources.clock)


def build(resources: Resources) -> Target:
    """Return the service, ready to be hosted."""
    app = AgentsApp(resources)
    services = ("IdentityService", "SessionService", "RegistryService", "WebhookService")
    names = [f"{_PACKAGE}.{service}" for service in services]
    return Target(
        name="agents",
        registrations=[Registration(app.register, names)],
        idempotent_methods=_IDEMPOTENT,
        start=app.start,
        stop=app.stop,
    )
