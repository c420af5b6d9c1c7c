"""Several limits per client address, each for a part of a face."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

# The part of everything that is no part by itself: paths that do not exist have no bound, so they share one count.
OTHER = "other"
# What counts credentials that are not valid, where no part has counted the request. No path belongs to it.
STRANGERS = "strangers"


@dataclass(frozen=True)
class Buckets:
    """The limits of a face. Preflights of browsers are in none of them.

    Attributes:
        rates: the limit of each part by its name, in the notation of the `limits` library; one is `OTHER`.
        part: names the part that a method and a path belong to; None: they are not limited. A name that has no rate
            stands for `OTHER`.
        refusals: what is said when a limit is passed, by the name of its part, where a face says more than usual.
        strangers: the limit of requests with a credential that is not valid; they take nothing from the parts.
    """

    rates: Mapping[str, str]
    part: Callable[[str, str], str | None]
    refusals: Mapping[str, str] = field(default_factory=dict)
    strangers: str = "300/minute"

    def choose(self, method: str, path: str) -> str | None:
        """Return the part that a request belongs to, None when it is not limited."""
        if method == "OPTIONS":
            return None
        part = self.part(method, path)
        return part if part is None or part in self.rates else OTHER
