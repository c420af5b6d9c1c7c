"""What is measured once: waiting on an empty queue, the cost of stats, the delay of events."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import msgspec

from bench import jobs
from bench.commands import Commands, Probe
from bench.jobs import Repeat, Wait, Watch, create_body
from bench.load import Bounds, Series, Site
from bench.plan import Plan
from bench.product import Platform
from bench.scenarios import Level

WAITERS = 64
EVENTS_PER_SECOND = 50.0
SETTLE_SECONDS = 2.0
ATTEMPTS = 3


class Waiting(msgspec.Struct, kw_only=True):
    """Database commands while workers wait on an empty queue, and in as long a span without them."""

    workers: int
    idle: Commands
    waiting: Commands
    statuses: dict[str, int]


def waiting(platform: Platform, plan: Plan) -> Waiting:
    """Let 64 workers wait on a queue that stays empty, and count what MongoDB does once all of them wait.

    Coming and going is left out: a request looks at the queue when it begins and when it gives up. Loops that run once
    a minute anyway may fall into the span, so a span with commands is measured anew: a cost of waiting comes each time.
    """
    site = platform.open_project(0)
    jobs.run(Wait(site=site, workers=WAITERS, wait_seconds=1))  # fills caches
    probe = Probe(platform.mongodb_uri)
    try:
        for _ in range(ATTEMPTS):
            seen = _wait_once(site, probe, plan)
            if seen.waiting.work <= seen.idle.work:
                break
    finally:
        probe.close()
    platform.remove(site)
    return seen


def _wait_once(site: Site, probe: Probe, plan: Plan) -> Waiting:
    span = plan.wait_seconds - 2 * SETTLE_SECONDS
    idle = probe.during(lambda: time.sleep(span))
    with ThreadPoolExecutor(1) as beside:
        held = beside.submit(jobs.run, Wait(site=site, workers=WAITERS, wait_seconds=plan.wait_seconds))
        time.sleep(SETTLE_SECONDS)
        busy = probe.during(lambda: time.sleep(span))
        if held.done():
            raise RuntimeError("the workers were not held: next-task answered before its waitSeconds were over")
        statuses = held.result()["all"].statuses
    return Waiting(workers=WAITERS, idle=idle, waiting=busy, statuses=statuses)


def stats(level: Level, plan: Plan) -> Series:
    """Read a project's stats again and again, one request at a time."""
    site = level.current()
    path = f"/api/projects/{site.project}/stats"
    bounds = Bounds(concurrency=1, warmup=10, count=plan.reads, seconds=plan.seconds)
    return jobs.run(Repeat(site=site, bounds=bounds, method="GET", path=path))["all"]


def events(platform: Platform, plan: Plan) -> Series:
    """Time events from the first byte of the request that causes them to their line on the SSE stream."""
    site = platform.open_project(0)
    job = Watch(site=site, count=plan.events, per_second=EVENTS_PER_SECOND, body=create_body(site.type_id))
    return jobs.run(job)["delay"]
