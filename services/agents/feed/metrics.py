"""What operators see of the followers of the market."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import Counter, Gauge

if TYPE_CHECKING:
    from kit.metrics import Registry


class FeedMetrics:
    """Counts of all followers of this process.

    Args:
        registry: where the metrics are shown.
    """

    def __init__(self, registry: Registry) -> None:
        name = ["follower"]
        self.handled = Counter("piecework_feed_events", "Market events that were handled.", name, registry=registry)
        self.gaps = Counter(
            "piecework_feed_gaps", "Holes in the history that a follower could not read.", name, registry=registry
        )
        self.skipped = Counter(
            "piecework_feed_skipped", "Events that were set aside because handling them fails.", name, registry=registry
        )
        self.position = Gauge(
            "piecework_feed_position", "Number of the newest event that was handled.", name, registry=registry
        )
