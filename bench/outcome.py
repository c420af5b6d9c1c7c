"""Everything that one run found out."""

from __future__ import annotations

import msgspec

from bench.extras import Waiting
from bench.load import Series
from bench.market.scenes import Market
from bench.peers.race import PeerRun
from bench.rounds import Rounds
from bench.runs.scenes import Runs


class Outcome(msgspec.Struct, kw_only=True):
    """The results of a run.

    Attributes:
        mode: `full` or `quick`, or those of one part: `market`, `market-quick`, `runs`, `runs-quick`.
        facts: machine and versions.
        small: tasks stored at the small level.
        large: tasks stored at the large level.
        stats: reads of project stats, by tasks stored.
        market: None when it was left out; likewise `runs`.
        not_measured: what could not be measured, with the reason.
        seconds: how long the run took.
    """

    mode: str
    facts: dict[str, str]
    small: int
    large: int
    rounds: Rounds = msgspec.field(default_factory=Rounds)
    peers: list[PeerRun] = []
    waiting: Waiting | None = None
    stats: dict[int, Series] = {}
    events: Series | None = None
    market: Market | None = None
    runs: Runs | None = None
    not_measured: list[str] = []
    seconds: float = 0.0
