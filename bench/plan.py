"""How much is measured: the full run stays under twenty minutes, the quick one under six."""

from __future__ import annotations

import msgspec


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Counts and bounds of a run.

    Attributes:
        rounds: how often everything is measured, interleaved.
        small: tasks stored at the small level.
        large: tasks stored at the large level.
        creates: single creates a round and level.
        bulk_calls: bulk creates (100 tasks each) a round and level.
        drained: tasks drained over REST a round, level and number of workers.
        batches: batches leased and completed over gRPC a round and level.
        batch: tasks in one such batch.
        warmup: operations before each measurement that count nowhere.
        seconds: the longest that one measurement may take.
        echo_seconds: how long the echo and the floor are measured, before and after each round.
        reads: stats requests.
        events: tasks whose events are timed.
        wait_seconds: how long workers wait on an empty queue.
        peer_tasks: tasks that each peer enqueues and drains.
        peer_runs: how often; the best run counts.
        market_tasks: tasks in the market.
        market_seconds: how long each kind of list and search is asked for.
        deals: tasks that are posted, claimed, delivered and paid.
        live_streams: event streams that are open at once; ten operators share them, a hundred each at the most.
        live_events: events that are timed while they are open.
        live_per_second: the pace of these events.
        runs_alone: runs that are done one after the other.
        runs_at_once: runs that are done many at once.
        run_seconds: the longest that one such measurement may take.
        words: words of each answer of the model that tells the time.
        words_per_second: the pace of one such answer.
        share_waiting: runs of the operator beside whom another one waits.
        share_times: how often that one's time is taken, alone and beside.
    """

    rounds: int
    small: int
    large: int
    creates: int
    bulk_calls: int
    drained: int
    batches: int
    batch: int
    warmup: int
    seconds: float
    echo_seconds: float
    reads: int
    events: int
    wait_seconds: int
    peer_tasks: int
    peer_runs: int
    market_tasks: int
    market_seconds: float
    deals: int
    live_streams: int
    live_events: int
    live_per_second: float
    runs_alone: int
    runs_at_once: int
    run_seconds: float
    words: int
    words_per_second: float
    share_waiting: int
    share_times: int


FULL = Plan(
    rounds=3,
    small=2_000,
    large=50_000,
    creates=2_000,
    bulk_calls=20,
    drained=1_800,
    batches=20,
    batch=100,
    warmup=100,
    seconds=10.0,
    echo_seconds=1.0,
    reads=300,
    events=300,
    wait_seconds=14,
    peer_tasks=3_000,
    peer_runs=2,
    market_tasks=100_000,
    market_seconds=4.0,
    deals=800,
    live_streams=1_000,
    live_events=500,
    live_per_second=50.0,
    runs_alone=150,
    runs_at_once=480,
    run_seconds=40.0,
    words=80,
    words_per_second=20.0,
    share_waiting=1_000,
    share_times=3,
)
QUICK = Plan(
    rounds=1,
    small=2_000,
    large=10_000,
    creates=1_000,
    bulk_calls=10,
    drained=800,
    batches=10,
    batch=100,
    warmup=50,
    seconds=5.0,
    echo_seconds=0.7,
    reads=100,
    events=100,
    wait_seconds=9,
    peer_tasks=1_000,
    peer_runs=1,
    market_tasks=10_000,
    market_seconds=1.0,
    deals=200,
    live_streams=200,
    live_events=100,
    live_per_second=50.0,
    runs_alone=20,
    runs_at_once=96,
    run_seconds=15.0,
    words=20,
    words_per_second=20.0,
    share_waiting=200,
    share_times=1,
)
