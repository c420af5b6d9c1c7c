"""The results of the market as rows of tables, and what they had to reach."""

from __future__ import annotations

from collections.abc import Iterator

from bench.load import Series
from bench.market.scenes import CLIENTS, ROWS, LiveRun, Market
from bench.rounds import Key

LIST_P99_MS = 50.0
LIVE_P99_MS = 1_000.0
COLUMNS = ("what", "in flight", "stored", "per second", "p50 ms", "p99 ms", "server µs", "MongoDB µs", "errors")
LIVE_COLUMNS = ("what", "streams", "events/s delivered", "p50 ms", "p99 ms", "kB a stream", "µs a delivery", "wrong")
NOTE = (
    "A page has 20 tasks; every row asks for its pages in turn, and clients that ask for the same page at once share "
    "its read, but for the row where each page is another one. The tasks stand in the database before the platform "
    "starts, half of them open, without holds. Create holds the budget in the ledger; a round is accept, deliver and "
    "pay with the settlement, ten posters and ten workers of different operators. The rate of a part is what the loop "
    "would do of that request only."
)
LIVE_NOTE = (
    "50 events a second, ten posting operators. `of a task`: every stream watches one task, and an event is for one. "
    "`of an agent`: the agents of an operator watch everything of it, an event is for as many streams as it has. The "
    "delay runs from when the request that causes the event was due to the frame, request included. Memory is what "
    "the processes grew by while the streams were opened, the first time. Wrong are frames that did not come, or twice."
)


def rows(market: Market) -> Iterator[tuple[str, ...]]:
    """Lists, searches and deals."""
    found = market.rounds
    for key in found:
        odd = {status: count for status, count in found.statuses(key).items() if status not in ("200", "201")}
        yield (
            key.name.replace("  ", "· "),
            str(key.in_flight),
            f"{key.stored:,}" if key.stored else "",
            _shown(found.rate(key), 0),
            _shown(found.percentile_ms(key, 0.50), 1),
            _shown(found.percentile_ms(key, 0.99), 1),
            _shown(found.fact(key, "server_cpu_us"), 0),
            _shown(found.fact(key, "database_cpu_us"), 0),
            ", ".join(f"{count} x {status}" for status, count in sorted(odd.items())),
        )


def live_rows(market: Market) -> Iterator[tuple[str, ...]]:
    """Runs with open streams."""
    for run in market.live:
        facts = run.delay.facts
        sizes = [facts[f"bytes_per_stream_{place}"] / 1000 for place in range(len(run.processes))]
        size = ", ".join(f"{process} {size:,.0f}" for process, size in zip(run.processes, sizes, strict=True))
        wrong = f"{facts['missing']:.0f} missing, {facts['doubled']:.0f} twice"
        yield (
            run.name,
            f"{run.streams:,}",
            _shown(run.delay.rate, 0),
            _shown(within(run.delay, 0.50), 1),
            _shown(within(run.delay, 0.99), 1),
            size if run.fresh else "",
            _shown(facts["server_cpu_us"], 0),
            "" if not facts["missing"] and not facts["doubled"] else wrong,
        )


def lists_within(market: Market) -> Iterator[tuple[str, float | None]]:
    """The 99th percentile of each kind of list and search."""
    for name in ROWS:
        yield name, market.rounds.percentile_ms(Key(name, CLIENTS, market.stored), 0.99)


def live_within(market: Market) -> Iterator[tuple[LiveRun, float | None]]:
    """The 99th percentile of each run with open streams; none when a frame is missing."""
    for run in market.live:
        yield run, None if run.delay.facts["missing"] else within(run.delay, 0.99)


def within(series: Series, share: float) -> float | None:
    """The time that `share` of the operations stayed within, in milliseconds."""
    ordered = sorted(series.latencies_ms)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else None


def _shown(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:,.{digits}f}"
