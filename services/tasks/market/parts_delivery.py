"""The parts of the market from a delivery on: work, judgement, payment, and what is said about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.tasks.market.deploy.choice import chosen
from services.tasks.market.service.attempts import FailedAttempts
from services.tasks.market.service.comments import CommentService
from services.tasks.market.service.deliverables import DeliverableService
from services.tasks.market.service.disputes import DisputeService
from services.tasks.market.service.github import GithubService
from services.tasks.market.service.judgements import JudgementService
from services.tasks.market.service.keys import KeyService
from services.tasks.market.service.own import OwnService
from services.tasks.market.service.ratings import RatingService
from services.tasks.market.service.reviews import ReviewService
from services.tasks.market.service.roles import Roles
from services.tasks.market.store.comments import CommentStore
from services.tasks.market.store.deliverables import DeliverableStore
from services.tasks.market.store.deployments import DeploymentStore
from services.tasks.market.store.keys import KeyStore
from services.tasks.market.store.own import OwnStore
from services.tasks.market.store.reviews import ReviewStore

if TYPE_CHECKING:
    from kit.keyring import KeyRing
    from kit.target import Resources
    from services.tasks.market.money import Money
    from services.tasks.market.service.access import TaskAccess
    from services.tasks.market.service.tasks import Names
    from services.tasks.market.store.counters import Counters
    from services.tasks.market.store.tasks import TaskStore

# Methods that take an idempotency key.
IDEMPOTENT = ("SubmitDeliverable", "SubmitGithubDeliverable", "CreateComment", "CreateReview")


class DeliveryParts:
    """Builds the second half of the market from the first.

    Args:
        resources: what the process shares.
        access: reads and changes tasks.
        store: tasks.
        counters: gives numbers.
        money: pays.
        names: knows operators.
        ring: seals secrets.
    """

    def __init__(
        self,
        resources: Resources,
        access: TaskAccess,
        store: TaskStore,
        counters: Counters,
        money: Money,
        names: Names,
        ring: KeyRing,
    ) -> None:
        database, clock = resources.database("tasks"), resources.clock
        self.deliverable_store = DeliverableStore(database)
        self.comment_store = CommentStore(database)
        self.review_store = ReviewStore(database)
        self.own_store = OwnStore(database)
        self.roles = Roles(resources.settings.reviewer_agent_id)
        self.deliverables = DeliverableService(access, store, self.deliverable_store, counters, clock)
        self.judgements = JudgementService(access, store, self.deliverable_store, money, self.roles)
        self.disputes = DisputeService(access, store, money)
        self.ratings = RatingService(access, store, clock)
        self.comments = CommentService(access, store, self.comment_store, counters, names, clock)
        self.keys = KeyService(KeyStore(database), ring, clock)
        self.reviews = ReviewService(
            access, store, self.deliverable_store, self.review_store, counters, self.keys, self.roles, clock
        )
        self.own = OwnService(self.own_store)
        self.deployer = chosen(resources.settings)
        self.github = GithubService(
            access,
            self.deliverables,
            FailedAttempts(access, store, self.deliverable_store, counters, clock),
            self.deliverable_store,
            DeploymentStore(database),
            self.deployer,
            ring,
            clock,
        )

    async def prepare(self) -> None:
        """Create the indexes."""
        for store in (self.deliverable_store, self.comment_store, self.review_store, self.own_store):
            await store.prepare()
