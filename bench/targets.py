"""The targets, and how each came out. A target that was missed is told, and never fails anything."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from bench.market import tables as market
from bench.outcome import Outcome
from bench.rounds import Key
from bench.runs import tables as runs
from bench.scenarios import (
    BATCHES_AT_ONCE,
    BULKS_AT_ONCE,
    CREATES_AT_ONCE,
    ECHO_CREATE,
    FLOOR,
    FLOOR_IN_ONE,
    TWO_PROCESSES,
    WORKERS,
    echo_next,
)

CREATE_OF_ECHO = 0.35
WORK_OF_ECHO = 0.25
TWO_PROCESSES_OF_FLOOR = 0.7
LARGE_OVER_SMALL = 1.3


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """One target.

    Attributes:
        value: what was measured; None when it was not.
        wanted: the bound, in words and with its direction.
        met: None when there is no value.
    """

    target: str
    value: float | None
    wanted: str
    met: bool | None


def base_of(key: Key) -> Key | None:
    """What a measurement is divided by in the table."""
    if key.name == "single create" or key == FLOOR_IN_ONE:
        return ECHO_CREATE
    if key.name.endswith("alone"):
        return echo_next(key.in_flight)
    return FLOOR if key == TWO_PROCESSES else None


def judge(outcome: Outcome) -> list[Verdict]:
    """Every target with its value."""
    verdicts = [*_of_echo(outcome), *_of_floor(outcome), *_of_peers(outcome), *_of_size(outcome), *_of_waiting(outcome)]
    if outcome.mode.startswith(("market", "runs")):
        verdicts.clear()
    return [*verdicts, *_of_market(outcome), *_of_runs(outcome)]


def _at_least(target: str, value: float | None, bound: float) -> Verdict:
    met = None if value is None else value >= bound
    return Verdict(target=target, value=value, wanted=f"at least {bound}", met=met)


def _of_echo(outcome: Outcome) -> Iterator[Verdict]:
    single = Key("single create", CREATES_AT_ONCE, outcome.small)
    yield _at_least("single create / echo", outcome.rounds.ratio(single, ECHO_CREATE), CREATE_OF_ECHO)
    for name in ("next-task", "complete"):
        for workers in WORKERS:
            key = Key(f"  {name} alone", workers, outcome.small)
            ratio = outcome.rounds.ratio(key, echo_next(workers))
            yield _at_least(f"{name} / echo, {workers} workers", ratio, WORK_OF_ECHO)


def _of_floor(outcome: Outcome) -> Iterator[Verdict]:
    ratio = outcome.rounds.ratio(TWO_PROCESSES, FLOOR)
    yield _at_least("single create as two processes / floor", ratio, TWO_PROCESSES_OF_FLOOR)


def _of_peers(outcome: Outcome) -> Iterator[Verdict]:
    best = max(outcome.peers, key=lambda peer: peer.drain_per_second, default=None)
    drains = {
        "REST drain, 64 workers": Key("REST drain: next-task + complete", WORKERS[-1], outcome.small),
        "gRPC batch lease + complete": Key("gRPC lease + complete, 100 a batch", BATCHES_AT_ONCE, outcome.small),
    }
    for name, key in drains.items():
        rate = outcome.rounds.rate(key)
        value = rate / best.drain_per_second if rate is not None and best is not None else None
        fastest = f" ({best.name})" if best is not None else ""
        met = None if value is None else value > 1.0
        yield Verdict(target=f"{name} / fastest peer's drain{fastest}", value=value, wanted="more than 1", met=met)


def _of_size(outcome: Outcome) -> Iterator[Verdict]:
    for name, in_flight in (
        ("bulk create, 100 a call", BULKS_AT_ONCE),
        ("single create", CREATES_AT_ONCE),
        *(("REST drain: next-task + complete", workers) for workers in WORKERS),
        ("gRPC lease + complete, 100 a batch", BATCHES_AT_ONCE),
    ):
        # Cost is the inverse of the rate, so the small level's rate goes on top.
        small, large = Key(name, in_flight, outcome.small), Key(name, in_flight, outcome.large)
        value = outcome.rounds.ratio(small, large)
        target = f"cost of {name} ({in_flight}) at {outcome.large:,} / at {outcome.small:,} stored"
        met = None if value is None else value <= LARGE_OVER_SMALL
        yield Verdict(target=target, value=value, wanted=f"at most {LARGE_OVER_SMALL}", met=met)


def _of_waiting(outcome: Outcome) -> Iterator[Verdict]:
    """What the waiting adds: loops that run anyway, such as the reaper, also run while nobody waits."""
    seen = outcome.waiting
    value = None if seen is None else float(max(0, seen.waiting.work - seen.idle.work))
    met = None if value is None else value == 0.0
    yield Verdict(
        target="commands on work that 64 workers waiting on an empty queue add", value=value, wanted="0", met=met
    )


def _of_market(outcome: Outcome) -> Iterator[Verdict]:
    found = outcome.market
    if found is None:
        return
    for name, value in market.lists_within(found):
        yield _below(f"p99 of {name}, {found.stored:,} tasks", value, market.LIST_P99_MS)
    for run, value in market.live_within(found):
        target = f"p99 delay, {run.streams:,} streams, {run.name}"
        yield _below(target, value, market.LIVE_P99_MS)


def _of_runs(outcome: Outcome) -> Iterator[Verdict]:
    found = outcome.runs
    if found is None:
        return
    for run, delay in runs.words_within(found):
        yield _below(f"p99 delay of a word, {run.runs} runs at once, {run.name}", delay, runs.WORD_P99_MS)
    for share, ratio in runs.shares_within(found):
        met = None if ratio is None else ratio <= runs.SHARE_RATIO
        target = f"time of an operator with few runs beside one with many / alone, {share.name}"
        yield Verdict(target=target, value=ratio, wanted=f"at most {runs.SHARE_RATIO:.0f}", met=met)


def _below(target: str, value: float | None, bound_ms: float) -> Verdict:
    met = None if value is None else value < bound_ms
    return Verdict(target=target, value=value, wanted=f"under {bound_ms:,.0f} ms", met=met)
