"""The measurements of runs, one after the other; fair share on platforms of its own, for it leaves many runs behind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import NamedTuple

import msgspec
import pymongo

from bench import engines, jobs, product
from bench.jobs import Repeat
from bench.load import Bounds, Series, Site
from bench.plan import Plan
from bench.product import Platform
from bench.rounds import Key, Rounds
from bench.runs import models, people
from bench.runs.jobs import RUN_PATH, Burst, Loop, Tokens, run_body
from bench.runs.people import Operator
from bench.runs.rivals import RivalRun

AT_ONCE = 32
FEW = 10
CALLS_ON_THE_WAY = 4  # taking apart, the agents side by side, joining, checking
MODEL_MS = 100
SHARE_MODEL_MS = 500
SHARE_SCRIPT = f"delay={SHARE_MODEL_MS / 1000}"
_WARMUP_ALONE = 5
_DATABASE = "piecework_orchestrator"
_SUBMIT_SECONDS = 90.0


class Row(NamedTuple):
    """A kind of run: its name, the body that starts it, and how long its models take from end to end."""

    name: str
    body: str
    model_ms: float = 0.0


PLAYED = Row("4 agents", run_body())
PAID = Row("4 agents, paid from a budget", run_body(model_id="piecework/mock"))
SLOW = Row(
    f"4 agents, {MODEL_MS} ms a call", run_body(script=f"delay={MODEL_MS / 1000}"), float(CALLS_ON_THE_WAY * MODEL_MS)
)


class WordRun(msgspec.Struct, kw_only=True):
    """Runs whose models tell the time: what was run, how many at once, and the delay of each word."""

    name: str
    runs: int
    delay: Series


class Share(msgspec.Struct, kw_only=True):
    """Ten runs of an operator, alone and beside another one with many.

    Attributes:
        alone: seconds until the last of the ten had ended, once for each time.
        beside: likewise, while the other one's runs waited.
        waiting: how many of those were not over before the first time and after the last.
    """

    name: str
    alone: list[float]
    beside: list[float]
    waiting: tuple[int, int]

    @property
    def ratio(self) -> float | None:
        """How much longer it takes beside the other one; None when that had not enough to do."""
        return median(self.beside) / median(self.alone) if self.waiting[1] else None


class Runs(msgspec.Struct, kw_only=True):
    """What was found out about runs."""

    rounds: Rounds = msgspec.field(default_factory=Rounds)
    words: list[WordRun] = []
    shares: list[Share] = []
    rivals: list[RivalRun] = []


class Scenes:
    """Measures.

    Args:
        plan: how much.
        found: where it goes.
        say: shows progress to a person.
    """

    def __init__(self, plan: Plan, found: Runs, say: Callable[[str], None]) -> None:
        self._plan = plan
        self._found = found
        self._say = say

    def full(self, folder: Path) -> None:
        """What a run costs, how many end in a second, and how soon words are seen, on `piecework up`."""
        with (
            models.clock(folder, self._plan) as file,
            product.one_process(folder / "up", models_file=str(file)) as platform,
        ):
            operator = people.enlist(platform, 1)[0]
            site = operator.site(platform)
            for row in (PLAYED, PAID, SLOW):
                self._loop(row, site, 1)
            for row in (PLAYED, PAID):
                self._loop(row, site, AT_ONCE)
            self._words("one process: 1 agent", site, 1, quick=True)
            self._words("one process: 4 agents", site, 1)
            self._words("one process: 4 agents", site, AT_ONCE)

    def parted(self, folder: Path) -> None:
        """How soon words are seen through a gateway that is a process of its own."""
        with (
            models.clock(folder, self._plan) as file,
            engines.mongodb(folder) as mongodb,
            product.two_processes(folder / "pair", mongodb, models_file=str(file)) as platform,
        ):
            operator = people.enlist(platform, 1)[0]
            self._words("gateway and services apart: 4 agents", operator.site(platform), AT_ONCE)

    def share(self, folder: Path, name: str, body: str) -> None:
        """How long an operator with ten runs waits beside one with many."""
        times, many = self._plan.share_times, self._plan.share_waiting
        with product.one_process(folder) as platform:
            few, other = people.enlist(platform, 2)
            burst = Burst(site=few.site(platform), body=body, runs=FEW)
            jobs.run(burst)  # fills caches
            alone = [_seconds(burst) for _ in range(times)]
            bounds = Bounds(concurrency=AT_ONCE, warmup=0, count=many, seconds=_SUBMIT_SECONDS)
            jobs.run(Repeat(site=other.site(platform), bounds=bounds, method="POST", path=RUN_PATH, body=body))
            before = _not_over(platform, other)
            beside = [_seconds(burst) for _ in range(times)]
            waiting = (before, _not_over(platform, other))
        share = Share(name=name, alone=alone, beside=beside, waiting=waiting)
        self._found.shares.append(share)
        self._say(f"runs: fair share, {name}: {median(alone):.2f} s alone, {median(beside):.2f} s beside {before:,}")

    def _loop(self, row: Row, site: Site, at_once: int) -> None:
        plan = self._plan
        count, warmup = (plan.runs_alone, _WARMUP_ALONE) if at_once == 1 else (plan.runs_at_once, at_once)
        bounds = Bounds(concurrency=at_once, warmup=warmup, count=count, seconds=plan.run_seconds)
        found = jobs.run(Loop(site=site, bounds=bounds, body=row.body))
        self._found.rounds.add(0, Key(row.name, at_once), found["whole"])
        self._found.rounds.add(0, start_of(row, at_once), found["start"])
        self._say(f"runs: {row.name} ({at_once} at once): {found['whole'].rate:,.1f}/s")

    def _words(self, name: str, site: Site, runs: int, *, quick: bool = False) -> None:
        calls = 1 if quick else models.CALLS_THAT_TELL
        body = run_body(model_id=models.CLOCK, quick=quick)
        delay = jobs.run(Tokens(site=site, body=body, runs=runs, words=calls * self._plan.words))["delay"]
        self._found.words.append(WordRun(name=name, runs=runs, delay=delay))
        last = sorted(delay.latencies_ms)[int(len(delay.latencies_ms) * 0.99)] if delay.latencies_ms else 0.0
        self._say(f"runs: words, {name}, {runs} at once: p99 {last:,.0f} ms, {delay.facts['missing']:.0f} missing")


def start_of(row: Row, at_once: int) -> Key:
    """Return the key of the requests that start runs of a row."""
    return Key(f"start of {row.name}", at_once)


def _seconds(burst: Burst) -> float:
    whole = jobs.run(burst)["whole"]
    if whole.statuses != {"done": burst.runs}:
        raise RuntimeError(f"runs did not complete: {whole.statuses}")
    return whole.seconds


def _not_over(platform: Platform, operator: Operator) -> int:
    client: pymongo.MongoClient[dict[str, object]]
    with pymongo.MongoClient(platform.mongodb_uri) as client:
        return client[_DATABASE]["runs"].count_documents({"operator_id": operator.id, "active": 1})
