"""Lists and searches of the market over many tasks: `python -m bench.market_lists`, from the root of the repository.

The tasks are written into the database of a running `piecework up`, which indexes them by itself; then 16 clients ask
for pages in a closed loop. The target of every row: a 99th percentile under 50 ms on two cores, which the load
generator shares.
"""

from __future__ import annotations

import argparse
import itertools
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pymongo
import uvloop
from pymongo.collection import Collection
from rich.console import Console
from rich.table import Table

from bench.load import Bounds, Clock, Connection, Series, Site, closed_loop, request
from bench.product import Platform, one_process
from launch.places import DataDirectory

CLIENTS = 16
TARGET_MS = 50.0
SEED = 20_000
BATCH = 5_000
WARMUP = 100
STATUSES = {"open": 50, "completed": 30, "claimed": 10, "delivered": 5, "cancelled": 5}
# Frequent words first; those that make up the rest of the language are made up, from the same few syllables.
FREQUENT = """
data python api build website analysis report write translate design test parse csv scrape review customer product
market code image text model train script server database cloud email content research video logo mobile
"""
SYLLABLES = "ba co di fer gra hin jol ket lum mor nis pol qua rin sto tur vex wil zan pre"
ROWS: dict[str, Sequence[str]] = {
    "newest": ["?"],
    "oldest": ["?sort=oldest"],
    "budget_high": ["?sort=budget_high"],
    "budget_low": ["?sort=budget_low"],
    "each sort, of a category": [f"?sort={sort}&category=3" for sort in ("newest", "oldest", "budget_high")],
    "newest, within budgets": ["?min_budget=200&max_budget=400", "?min_budget=1490", "?max_budget=12&category=2"],
    "budget_high, within budgets": ["?sort=budget_high&min_budget=200&max_budget=400&category=5"],
    "search: a frequent word": ["/search?q=data", "/search?q=python", "/search?q=website"],
    "search: several words": ["/search?q=parse+csv", "/search?q=customer+data+report", "/search?q=python+api+server"],
    "search: rare words": ["/search?q=baco", "/search?q=quarinsto", "/search?q=zanpre+data"],
    "search: beginnings": ["/search?q=da", "/search?q=s", "/search?q=webs"],
    "search: filtered": ["/search?q=data&category=3&min_budget=100&max_budget=900", "/search?q=code&status=completed"],
}


def words(pick: random.Random) -> Iterator[str]:
    """Words without end, as often as in a language (Zipf)."""
    syllables = SYLLABLES.split()
    made = ["".join(pick.choices(syllables, k=pick.randint(2, 4))) for _ in range(20_000)]
    vocabulary = [*FREQUENT.split(), *made]
    weights = list(itertools.accumulate(1 / (rank + 3) for rank in range(len(vocabulary))))
    while True:
        yield from pick.choices(vocabulary, cum_weights=weights, k=10_000)


def tasks(count: int) -> Iterator[dict[str, Any]]:
    """Tasks as the market stores them, not indexed; the same with every run."""
    pick = random.Random(SEED)
    source, now = words(pick), datetime.now(UTC)
    for number in range(1, count + 1):
        yield {
            "_id": number,
            "uuid": f"{number:032x}",
            "status": pick.choices(list(STATUSES), list(STATUSES.values()))[0],
            "version": 2,
            "title": " ".join(itertools.islice(source, 6)),
            "description": " ".join(itertools.islice(source, pick.randint(20, 100))),
            "budget": pick.randint(10, 1500),
            "category_id": pick.randint(1, 7),
            "poster_id": pick.randint(1, 500),
            "poster_name": "an operator",
            "poster_agent_id": 1,
            "max_revisions": 2,
            "created_at": now,
            "updated_at": now,
            "unindexed": 2,
        }


def fill(uri: str, count: int) -> float:
    """Store the tasks; returns how many seconds the platform needed to index them."""
    client: pymongo.MongoClient[dict[str, Any]]
    with pymongo.MongoClient(uri) as client:
        stored: Collection[dict[str, Any]] = client["piecework_tasks"]["market_tasks"]
        source = tasks(count)
        while batch := list(itertools.islice(source, BATCH)):
            stored.insert_many(batch, ordered=False)
        begun = time.perf_counter()
        while stored.find_one({"unindexed": {"$gte": 1}}) is not None:
            time.sleep(0.2)
        return time.perf_counter() - begun


async def ask(site: Site, paths: Sequence[str], seconds: float) -> Series:
    """Ask for these pages in turn on every connection, and look at each answer."""
    clock = Clock()
    messages = [request("GET", f"/api/v1/tasks{path}", b"", site.token) for path in paths]

    async def turn(connection: Connection, worker: int) -> bool:
        message = messages[(len(clock.latencies_ms) + worker) % len(messages)]
        reply = await clock.timed(connection, message)
        assert reply.status == 200, reply.body
        return True

    bounds = Bounds(concurrency=CLIENTS, warmup=WARMUP, count=1_000_000, seconds=seconds)
    return clock.series(await closed_loop(site, turn, bounds, [clock]))


def table(found: dict[str, Series], count: int, indexed: float) -> Table:
    """What was measured."""
    title = f"{CLIENTS} clients, {count:,} tasks (indexed in {indexed:.0f} s)"
    shown = Table("pages", "per second", "p50 ms", "p99 ms", "server CPU µs", "database CPU µs", title=title)
    for name, series in found.items():
        middle, last = statistics.median(series.latencies_ms), statistics.quantiles(series.latencies_ms, n=100)[98]
        cpu = (f"{series.facts[fact]:,.0f}" for fact in ("server_cpu_us", "database_cpu_us"))
        late = "" if last < TARGET_MS else " !"
        shown.add_row(name, f"{series.rate:,.0f}", f"{middle:.1f}", f"{last:.1f}{late}", *cpu)
    return shown


def agent_site(platform: Platform, folder: Path) -> Site:
    """Where an agent goes in."""
    credentials = msgspec.json.decode(DataDirectory(folder / "data").credentials.read_bytes())
    return msgspec.structs.replace(platform.site(), token=credentials["operators"][1]["agents"][0]["key"])


def main() -> int:
    """Measure and show."""
    parser = argparse.ArgumentParser(prog="bench.market_lists", description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--tasks", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each row")
    arguments = parser.parse_args()
    found: dict[str, Series] = {}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "platform"
        with one_process(folder) as platform:
            indexed = fill(platform.mongodb_uri, arguments.tasks)
            site = agent_site(platform, folder)
            for name, paths in ROWS.items():
                found[name] = uvloop.run(ask(site, paths, arguments.seconds))
    Console(width=120).print(table(found, arguments.tasks, indexed))
    return 0


if __name__ == "__main__":
    sys.exit(main())
