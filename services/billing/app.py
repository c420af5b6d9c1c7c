"""Builds the service `billing` from its parts."""

from __future__ import annotations

from typing import Any

from piecework.billing.v1 import ledger_pb2_grpc, plans_pb2_grpc

from kit.background import Background
from kit.host import Registration
from kit.ids import new_id
from kit.leadership import Leadership
from kit.target import Resources, Target
from services.billing.ledger.audit import Audit
from services.billing.ledger.handlers import LedgerHandlers
from services.billing.ledger.journal import Journal
from services.billing.ledger.loops import HoldExpiry, InvariantWatch
from services.billing.ledger.metrics import LedgerMetrics
from services.billing.ledger.service import LedgerService
from services.billing.ledger.store import LedgerStore
from services.billing.plans.catalogue import read_catalogue
from services.billing.plans.handlers import PlanHandlers
from services.billing.plans.service import PlanService
from services.billing.plans.store import PlanStore


class BillingApp:
    """The parts of the service and how they hang together.

    Args:
        resources: what the process shares.
    """

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        database, clock = resources.database("billing"), resources.clock
        self.store = LedgerStore(database)
        self.journal = Journal(database, clock)
        self.audit = Audit(database)
        self.ledger = LedgerService(self.journal, self.store, self.audit)
        self.metrics = LedgerMetrics(resources.registry, self.journal)
        self.expiry = HoldExpiry(self.store, self.journal, clock)
        self.watch = InvariantWatch(self.audit, self.metrics.show_signs, self.metrics.show_report)
        catalogue = read_catalogue()
        self.plan_store = PlanStore(database, catalogue, clock)
        self.plans = PlanService(self.plan_store, catalogue, clock)
        self._background = Background()

    def register(self, server: Any) -> None:
        """Add the servicers to a server."""
        ledger_pb2_grpc.add_LedgerServiceServicer_to_server(LedgerHandlers(self.ledger), server)
        plans_pb2_grpc.add_PlanServiceServicer_to_server(PlanHandlers(self.plans), server)

    async def start(self) -> None:
        """Prepare the indexes and start the loops."""
        await self.store.prepare()
        await self.plan_store.prepare()
        expiring, watching = self._leadership("hold-expiry"), self._leadership("invariants")
        self._background.start("billing: hold expiry", lambda: expiring.run(self.expiry.run))
        self._background.start("billing: invariants", lambda: watching.run(self.watch.run))

    async def stop(self) -> None:
        """End the loops and the writes under way."""
        await self._background.close()
        await self.journal.close()
        await self.plan_store.close()

    def _leadership(self, name: str) -> Leadership:
        resources = self._resources
        holder = resources.settings.replica or new_id()
        return Leadership(resources.database("billing"), name, holder, resources.clock)


def build(resources: Resources) -> Target:
    """Return the service, ready to be hosted."""
    app = BillingApp(resources)
    names = ["piecework.billing", "piecework.billing.v1.LedgerService", "piecework.billing.v1.PlanService"]
    # Every method that moves money or counts takes an id of the caller's, so no other key is needed.
    return Target(
        name="billing",
        registrations=[Registration(app.register, names)],
        idempotent_methods=frozenset(),
        start=app.start,
        stop=app.stop,
    )
