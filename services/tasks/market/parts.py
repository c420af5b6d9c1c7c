"""The parts of the market and how they hang together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kit.channels import Outgoing
from kit.keyring import KeyRing
from services.tasks.market import parts_delivery
from services.tasks.market.convert import to_row
from services.tasks.market.loops import Expiry, Reconciler
from services.tasks.market.metrics import MarketMetrics
from services.tasks.market.money import Money
from services.tasks.market.peers import AgentsPeer, BillingPeer
from services.tasks.market.service.access import TaskAccess
from services.tasks.market.service.browse import BrowseService
from services.tasks.market.service.claims import ClaimService
from services.tasks.market.service.indexing import RecentWords, SearchIndexer
from services.tasks.market.service.reopening import Reopening
from services.tasks.market.service.search import IndexReader, SearchService
from services.tasks.market.service.tasks import TaskService
from services.tasks.market.service.turns import Turns
from services.tasks.market.store.browse import BrowseStore
from services.tasks.market.store.claims import ClaimStore
from services.tasks.market.store.counters import Counters
from services.tasks.market.store.search import SearchStore
from services.tasks.market.store.tasks import TaskStore

if TYPE_CHECKING:
    from kit.target import Resources

# Methods that take an idempotency key.
IDEMPOTENT = ("PostTask", "CreateClaim", "CreateClaims", *parts_delivery.IDEMPOTENT)


class MarketParts:
    """Builds the market.

    Args:
        resources: what the process shares.
    """

    def __init__(self, resources: Resources) -> None:
        database, clock = resources.database("tasks"), resources.clock
        outgoing = Outgoing(resources.signer)
        self.keys = KeyRing(resources.settings.encryption_keys)
        self.ledger = BillingPeer(resources.channels, outgoing)
        self.agents = AgentsPeer(resources.channels, outgoing)
        self.counters = Counters(database)
        self.task_store = TaskStore(database, clock)
        self.claim_store = ClaimStore(database)
        self.money = Money(self.task_store, self.ledger, clock)
        self.turns = Turns()
        self.access = TaskAccess(self.task_store, self.money, self.turns)
        self.tasks = TaskService(
            self.access,
            self.task_store,
            self.claim_store,
            self.counters,
            self.money,
            self.ledger,
            self.agents,
            self.keys,
            clock,
        )
        self.reopening = Reopening(self.access, self.task_store, self.claim_store, self.money, clock)
        self.claims = ClaimService(
            self.access, self.task_store, self.claim_store, self.counters, self.money, self.reopening, clock
        )
        self.browse_store, self.search_store = BrowseStore(database, to_row), SearchStore(database)
        words = RecentWords(self.search_store)
        index = IndexReader(self.search_store, words)
        self.browse = BrowseService(self.browse_store, index)
        self.search = SearchService(index, self.browse_store)
        self.indexer = SearchIndexer(self.search_store, words)
        self.delivery = parts_delivery.DeliveryParts(
            resources, self.access, self.task_store, self.counters, self.money, self.agents, self.keys
        )
        self.reconciler = Reconciler(self.task_store, self.access, clock)
        self.expiry = Expiry(self.task_store, self.tasks, clock)
        self.metrics = MarketMetrics(resources.registry, self.task_store, clock)

    async def close(self) -> None:
        """Wait for what is being written."""
        await self.task_store.close()
        await self.counters.close()

    async def prepare(self) -> None:
        """Create the indexes."""
        for store in (self.task_store, self.claim_store, self.browse_store, self.search_store):
            await store.prepare()
        await self.delivery.prepare()
