"""One round: each scenario at both levels between two echoes, and Piecework as two processes between two floors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import msgspec

from bench import jobs
from bench.jobs import Drain, GrpcDrain, Repeat, create_body
from bench.load import Bounds, Series, Site
from bench.plan import Plan
from bench.product import BULK, Platform
from bench.rounds import Key, Rounds

CREATES_AT_ONCE = 16
BULKS_AT_ONCE = 4
WORKERS = (8, 64)
BATCHES_AT_ONCE = 4
WARMUP_BULKS = 2
WARMUP_BATCHES = 2

ECHO_CREATE = Key("echo of the create body", CREATES_AT_ONCE)
FLOOR = Key("floor: HTTP, gRPC, one insert", CREATES_AT_ONCE)
FLOOR_IN_ONE = Key("floor in one process: inserts grouped", CREATES_AT_ONCE)
TWO_PROCESSES = Key("single create, two processes", CREATES_AT_ONCE)
_NO_ID = "0192f0c1-2f6e-7c3a-9a55-0c7de5d9b1aa"


def echo_next(workers: int) -> Key:
    """The echo beside next-task and complete."""
    return Key("echo of the next-task body", workers)


class Level(msgspec.Struct, kw_only=True):
    """A platform kept at a number of stored tasks.

    Attributes:
        size: tasks stored when a round begins; the small level begins each round anew, the large one grows on.
        renew: whether each round gets a project of its own.
    """

    size: int
    platform: Platform
    renew: bool
    site: Site | None = None

    def prepare(self) -> None:
        """Make sure that `size` tasks are stored in a project to work on."""
        if self.site is not None and self.renew:
            self.platform.remove(self.site)
            self.site = None
        if self.site is None:
            self.site = self.platform.open_project(self.size)

    def current(self) -> Site:
        """The project to work on, with a fresh caller for gRPC.

        Raises:
            RuntimeError: the level could not be prepared.
        """
        if self.site is None:
            raise RuntimeError("there is no project to work on")
        return self.platform.site(self.site.project, self.site.type_id)


class Stage:
    """Runs the measurements of a round and keeps their series.

    Args:
        plan: how much.
        echo: where the echo listens.
        rounds: where the series go.
        say: shows progress to a person.
    """

    def __init__(self, plan: Plan, echo: Site, rounds: Rounds, say: Callable[[str], None]) -> None:
        self._plan = plan
        self._echo = echo
        self._rounds = rounds
        self._say = say
        self.number = 0

    def steps(self, levels: Sequence[Level]) -> Iterator[tuple[str, Callable[[], None]]]:
        """The steps of a round on Piecework in one process, each with a name for messages.

        A step visits both levels, every other round the large one first, and has its echo right before and after it:
        what is divided by another was measured within seconds of it.
        """
        order = levels if self.number % 2 == 0 else levels[::-1]
        yield "preparing the levels", lambda: self._prepare(order)
        yield "bulk create", lambda: self._bulks(order)
        yield "single create", lambda: self._singles(order)
        for workers in WORKERS:
            yield f"REST drain with {workers} workers", partial(self._drains, workers, order)
        yield "gRPC batches", lambda: self._batches(order)

    def floor_in_one(self, floor: Site) -> None:
        """Measure the floor in one process between two echoes."""
        self._post(ECHO_CREATE, self._echo, "/create", create_body(_NO_ID))
        self._post(FLOOR_IN_ONE, floor, "/create", create_body(_NO_ID))
        self._post(ECHO_CREATE, self._echo, "/create", create_body(_NO_ID))

    def floor(self, floor: Site, pair: tuple[Platform, Site] | None) -> None:
        """Measure the floor before and after Piecework as two processes."""
        self._post(FLOOR, floor, "/create", create_body(_NO_ID))
        if pair is not None:
            platform, site = pair
            self._single(TWO_PROCESSES, platform.site(site.project, site.type_id))
        self._post(FLOOR, floor, "/create", create_body(_NO_ID))

    def _prepare(self, levels: Sequence[Level]) -> None:
        for level in levels:
            level.prepare()

    def _bulks(self, levels: Sequence[Level]) -> None:
        for level in levels:
            self._bulk(Key("bulk create, 100 a call", BULKS_AT_ONCE, level.size), level.current())

    def _singles(self, levels: Sequence[Level]) -> None:
        self._post(ECHO_CREATE, self._echo, "/create", create_body(_NO_ID))
        for level in levels:
            self._single(Key("single create", CREATES_AT_ONCE, level.size), level.current())
        self._post(ECHO_CREATE, self._echo, "/create", create_body(_NO_ID))

    def _drains(self, workers: int, levels: Sequence[Level]) -> None:
        body = f'{{"projectId":"{_NO_ID}"}}'
        self._post(echo_next(workers), self._echo, "/next", body)
        for level in levels:
            self._drain(workers, level.size, level.current())
        self._post(echo_next(workers), self._echo, "/next", body)

    def _batches(self, levels: Sequence[Level]) -> None:
        for level in levels:
            key = Key("gRPC lease + complete, 100 a batch", BATCHES_AT_ONCE, level.size)
            bounds = self._bounds(key.in_flight, self._plan.batches, WARMUP_BATCHES)
            job = GrpcDrain(site=level.current(), bounds=bounds, batch=self._plan.batch)
            self._keep(key, jobs.run(job)["batch"])

    def _bounds(self, concurrency: int, count: int, warmup: int | None = None) -> Bounds:
        plan = self._plan
        return Bounds(
            concurrency=concurrency,
            warmup=plan.warmup if warmup is None else warmup,
            count=count,
            seconds=plan.seconds,
        )

    def _post(self, key: Key, site: Site, path: str, body: str) -> None:
        plan = self._plan
        bounds = Bounds(concurrency=key.in_flight, warmup=plan.warmup, count=1_000_000, seconds=plan.echo_seconds)
        self._keep(key, jobs.run(Repeat(site=site, bounds=bounds, method="POST", path=path, body=body))["all"])

    def _single(self, key: Key, site: Site) -> None:
        path = f"/api/projects/{site.project}/tasks"
        bounds = self._bounds(key.in_flight, self._plan.creates)
        job = Repeat(site=site, bounds=bounds, method="POST", path=path, body=create_body(site.type_id))
        self._keep(key, jobs.run(job)["all"])

    def _bulk(self, key: Key, site: Site) -> None:
        path = f"/api/projects/{site.project}/tasks/bulk"
        bounds = self._bounds(key.in_flight, self._plan.bulk_calls, WARMUP_BULKS)
        body = jobs.bulk_body(site.type_id, BULK)
        job = Repeat(site=site, bounds=bounds, method="POST", path=path, body=body, tasks_each=BULK)
        self._keep(key, jobs.run(job)["all"])

    def _drain(self, workers: int, stored: int, site: Site) -> None:
        found = jobs.run(Drain(site=site, bounds=self._bounds(workers, self._plan.drained)))
        self._keep(Key("REST drain: next-task + complete", workers, stored), found["drain"])
        self._keep(Key("  next-task alone", workers, stored), found["next"])
        self._keep(Key("  complete alone", workers, stored), found["complete"])

    def _keep(self, key: Key, series: Series) -> None:
        self._rounds.add(self.number, key, series)
        stored = f" at {key.stored:,} stored" if key.stored else ""
        self._say(
            f"round {self.number + 1}: {key.name.strip()} ({key.in_flight} in flight{stored}): {series.rate:,.0f}/s"
        )
