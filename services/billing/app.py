"""Builds the service `billing` from its parts."""

from __future__ import annotations

from typing import Any

from piecework.billing.v1 import ledger_pb2_grpc

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
        self._background = Background()

    def register(self, server: Any) -> None:
        """Add the servicers to a server."""
        ledger_pb2_grpc.add_LedgerServiceServicer_to_server(LedgerHandlers(self.ledger), server)

    async def start(self) -> None:
        """Prepare the indexes and start the loops."""
        await self.store.prepare()
        expiring, watching = self._leadership("hold-expiry"), self._leadership("invariants")
        self._background.start("billing: hold expiry", lambda: expiring.run(self.expiry.run))
        self._background.start("billing: invariants", lambda: watching.run(self.watch.run))

    async def stop(self) -> None:
        """End the loops and the writes under way."""
        await self._background.close()
        await self.journal.close()

    def _leadership(self, name: str) -> Leadership:
        resources = self._resources
        holder = resources.settings.replica or new_id()
        return Leadership(resources.database("billing"), name, holder, resources.clock)


def build(resources: Resources) -> Target:
    """Return the service, ready to be hosted."""
    app = BillingApp(resources)
    # Every method that moves money takes an id of the caller's, so no other key is needed.
    return Target(
        name="billing",
        registrations=[Registration(app.register, ["piecework.billing", "piecework.billing.v1.LedgerService"])],
        idempotent_methods=frozenset(),
        start=app.start,
        stop=app.stop,
    )
