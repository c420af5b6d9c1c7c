"""The results as tables: the same rows for a terminal, for Markdown and for JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from bench.load import Series
from bench.market import tables as market
from bench.outcome import Outcome
from bench.rounds import Key
from bench.runs import tables as runs
from bench.targets import base_of, judge


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """Rows of text under a title; `note` explains what the columns cannot."""

    title: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    note: str = ""


def tables(outcome: Outcome) -> list[Table]:
    """Every table that has rows, targets first."""
    found = (
        _targets(outcome),
        _measurements(outcome),
        _peers(outcome),
        _extras(outcome),
        *_market(outcome),
        *_runs(outcome),
    )
    return [table for table in found if table.rows]


def _targets(outcome: Outcome) -> Table:
    words = {True: "met", False: "NOT MET", None: "not measured"}
    rows = [
        (verdict.target, _number(verdict.value, 2), verdict.wanted, words[verdict.met]) for verdict in judge(outcome)
    ]
    note = "Ratios are medians over rounds; both sides of a ratio are of the same round."
    return Table(title="Targets", columns=("target", "measured", "wanted", "result"), rows=rows, note=note)


_HOW_TO_READ = (
    "Per second counts tasks (requests for the echo and the floor). A drain's latency is next-task and complete "
    "together; `alone` is the rate of one of the two, from the share of time that the workers spent in it. The "
    "latency of a bulk or batch is that of the whole call. The base of single create and of the floor in one process "
    "is the echo of the create body, of next-task and complete that of the next-task body at as many in flight, of two "
    "processes the floor. "
    "The µs are processor time per task of the server's processes and of MongoDB; they move less with other load "
    "than rates do."
)


def _measurements(outcome: Outcome) -> Table:
    rounds = outcome.rounds
    rows: list[tuple[str, ...]] = []
    for key in rounds:
        base = base_of(key)
        ratio = rounds.ratio(key, base) if base is not None else None
        rows.append(
            (
                key.name.replace("  ", "· "),
                str(key.in_flight),
                f"{key.stored:,}" if key.stored else "",
                _number(rounds.rate(key), 0),
                _number(rounds.percentile_ms(key, 0.50), 2),
                _number(rounds.percentile_ms(key, 0.99), 2),
                _number(ratio, 2) if ratio is not None else "",
                _processor(outcome, key, "server_cpu_us"),
                _processor(outcome, key, "database_cpu_us"),
                _oddities(rounds.statuses(key)),
            )
        )
    columns = (
        "what",
        "in flight",
        "stored",
        "per second",
        "p50 ms",
        "p99 ms",
        "of its base",
        "server µs",
        "MongoDB µs",
        "errors",
    )
    return Table(title="Piecework, the echo and the floor", columns=columns, rows=rows, note=_HOW_TO_READ)


def _processor(outcome: Outcome, key: Key, name: str) -> str:
    value = outcome.rounds.fact(key, name)
    return _number(value, 0) if value else ""


def _peers(outcome: Outcome) -> Table:
    rows: list[tuple[str, ...]] = [
        (
            f"{peer.name} {peer.version}",
            _number(peer.enqueue.rate, 0),
            _number(percentile(peer.enqueue, 0.50), 2),
            _number(percentile(peer.enqueue, 0.99), 2),
            _number(peer.drain_per_second, 0),
            peer.guarantee,
        )
        for peer in outcome.peers
    ]
    rows += [(*row, PIECEWORK_GUARANTEE) for row in _own_rows(outcome)]
    columns = ("queue", "enqueue/s", "p50 ms", "p99 ms", "drain/s", "what it guarantees here")
    note = (
        "Peers enqueue in their own client, 16 at a time (Celery: from 4 threads, which is its best), and drain a full "
        "queue with 64 tasks in flight in two worker processes (Celery: two prefork processes); no HTTP, no tenants, "
        "no server of their own is between them and their store. The better of the runs counts."
    )
    return Table(
        title="Other queues doing the same work", columns=columns, rows=rows if outcome.peers else [], note=note
    )


PIECEWORK_GUARANTEE = (
    "at least once with exactly one accepted outcome (fencing token), result kept; journaled before it is acknowledged"
)


def _own_rows(outcome: Outcome) -> Iterator[tuple[str, ...]]:
    rounds = outcome.rounds
    single = next((key for key in rounds if key.name == "single create"), None)
    for key in rounds:
        if key.stored == outcome.small and key.name.startswith(("REST drain", "gRPC lease")) and single is not None:
            name = f"Piecework, {key.name.partition(':')[0].partition(',')[0]} ({key.in_flight} in flight)"
            enqueue = [_number(rounds.percentile_ms(single, share), 2) for share in (0.50, 0.99)]
            yield (name, _number(rounds.rate(single), 0), *enqueue, _number(rounds.rate(key), 0))


def _extras(outcome: Outcome) -> Table:
    rows: list[tuple[str, ...]] = []
    for stored, series in outcome.stats.items():
        cost = f"p50 {_number(percentile(series, 0.5), 2)} ms, p99 {_number(percentile(series, 0.99), 2)} ms"
        rows.append((f"GET /api/projects/{{id}}/stats at {stored:,} stored, one at a time", cost))
    if outcome.events is not None:
        series = outcome.events
        delay = f"p50 {_number(percentile(series, 0.5), 1)} ms, p99 {_number(percentile(series, 0.99), 1)} ms"
        missing = int(series.facts.get("missing", 0))
        rows.append(("from a create's first byte to its event on SSE, 50 a second", f"{delay}, {missing} missing"))
    if outcome.waiting is not None:
        for name, span in (
            ("nobody", outcome.waiting.idle),
            (f"{outcome.waiting.workers} workers", outcome.waiting.waiting),
        ):
            kinds = ", ".join(f"{kind} {count}" for kind, count in span.server.items() if count)
            rows.append(
                (f"MongoDB in {span.seconds:.0f} s while {name} wait", f"work collections {span.work}; server: {kinds}")
            )
    note = "The server's own counts hold heartbeats, leadership renewals, change-stream getMores and the probe itself."
    return Table(title="Waiting, reading, watching", columns=("what", "measured"), rows=rows, note=note)


def _market(outcome: Outcome) -> Iterator[Table]:
    if outcome.market is not None:
        rows, live = list(market.rows(outcome.market)), list(market.live_rows(outcome.market))
        yield Table(title="The market", columns=market.COLUMNS, rows=rows, note=market.NOTE)
        yield Table(title="Live events of the market", columns=market.LIVE_COLUMNS, rows=live, note=market.LIVE_NOTE)


def _runs(outcome: Outcome) -> Iterator[Table]:
    found = outcome.runs
    if found is not None:
        yield Table(title="Runs", columns=runs.COLUMNS, rows=list(runs.rows(found)), note=runs.NOTE)
        words = list(runs.word_rows(found))
        yield Table(
            title="From a model's word to its reader", columns=runs.WORD_COLUMNS, rows=words, note=runs.WORD_NOTE
        )
        shares = list(runs.share_rows(found))
        yield Table(title="Fair share of runs", columns=runs.SHARE_COLUMNS, rows=shares, note=runs.SHARE_NOTE)
        rivals = list(runs.rival_rows(found))
        title = "Other engines doing a run of the same shape"
        yield Table(title=title, columns=runs.RIVAL_COLUMNS, rows=rivals, note=runs.RIVAL_NOTE)


def percentile(series: Series, share: float) -> float | None:
    """The latency that `share` of the operations stayed within, in milliseconds."""
    ordered = sorted(series.latencies_ms)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else None


def _oddities(statuses: dict[str, int]) -> str:
    odd = {status: count for status, count in statuses.items() if status not in ("200", "201", "done")}
    return ", ".join(f"{count} x {status}" for status, count in sorted(odd.items()))


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:,.{digits}f}"
