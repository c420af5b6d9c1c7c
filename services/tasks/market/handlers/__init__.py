"""The gRPC side of the market: unpack, call, pack. One module for each kind of thing, joined in `MarketHandlers`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from piecework.tasks.v1 import market_pb2_grpc as rpc

from services.tasks.market.handlers.browse import BrowseHandlers
from services.tasks.market.handlers.claims import ClaimHandlers
from services.tasks.market.handlers.comments import CommentHandlers
from services.tasks.market.handlers.deliverables import DeliverableHandlers
from services.tasks.market.handlers.disputes import DisputeHandlers
from services.tasks.market.handlers.github import GithubHandlers
from services.tasks.market.handlers.keys import KeyHandlers
from services.tasks.market.handlers.own import OwnHandlers
from services.tasks.market.handlers.ratings import RatingHandlers
from services.tasks.market.handlers.reviews import ReviewHandlers
from services.tasks.market.handlers.tasks import TaskHandlers

if TYPE_CHECKING:
    from services.tasks.market.parts import MarketParts


class MarketHandlers(
    TaskHandlers,
    BrowseHandlers,
    ClaimHandlers,
    CommentHandlers,
    DeliverableHandlers,
    DisputeHandlers,
    GithubHandlers,
    KeyHandlers,
    OwnHandlers,
    RatingHandlers,
    ReviewHandlers,
    rpc.MarketServiceServicer,
):
    """Serves `piecework.tasks.v1.MarketService`.

    Args:
        parts: the use cases.
    """

    def __init__(self, parts: MarketParts) -> None:
        self._tasks = parts.tasks
        self._reopening = parts.reopening
        self._claims = parts.claims
        self._browse = parts.browse
        self._search = parts.search
        delivery = parts.delivery
        self._deliverables = delivery.deliverables
        self._judgements = delivery.judgements
        self._disputes = delivery.disputes
        self._ratings = delivery.ratings
        self._comments = delivery.comments
        self._reviews = delivery.reviews
        self._keys = delivery.keys
        self._own = delivery.own
        self._github = delivery.github
