"""The measurements of the market, one after the other, on a platform that is full before it starts."""

from __future__ import annotations

import base64
import random
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from urllib.parse import quote

import msgspec

from bench import engines, jobs, product
from bench.jobs import Repeat
from bench.load import Bounds, Series, Site
from bench.market import corpus, people, stock
from bench.market.jobs import Action, Deals, Live, Pages, post_body
from bench.market.people import Operator
from bench.plan import Plan
from bench.product import Platform
from bench.rounds import Key, Rounds

CLIENTS = 16
OPERATORS = 10
AGENTS = 5
DEEP_PAGES = 500
ROWS: dict[str, Sequence[str]] = {
    "list: newest": ("",),
    "list: oldest": ("?sort=oldest",),
    "list: budget_high": ("?sort=budget_high",),
    "list: budget_low": ("?sort=budget_low",),
    "list: each sort, of a category": tuple(
        f"?sort={sort}&category=3" for sort in ("newest", "oldest", "budget_high", "budget_low")
    ),
    "list: newest, each time another page": ("?cursor={deep}",) * DEEP_PAGES,
    "list: newest, within budgets": ("?min_budget=200&max_budget=400", "?min_budget=1490", "?max_budget=12&category=2"),
    "list: by budget, within budgets": (
        "?sort=budget_high&min_budget=200&max_budget=400&category=5",
        "?sort=budget_low&min_budget=700",
    ),
    "search: a common word": ("/search?q=data", "/search?q=python", "/search?q=website"),
    "search: two words": ("/search?q=parse+csv", "/search?q=customer+report", "/search?q=python+api"),
    "search: two words, each time others": ("/search?q={pair}",) * DEEP_PAGES,
    "search: a rare word": ("/search?q={rare}",),
    "search: beginnings": ("/search?q=da", "/search?q=s", "/search?q=webs"),
    "search: filtered": ("/search?q=data&category=3&min_budget=100&max_budget=900", "/search?q=code&status=completed"),
}
ECHO = "echo of the body of a task,"
CREATE, CLAIM = "create: POST /tasks", "claim: POST /tasks/{id}/claims"
ROUND = "accept -> settle: a claim accepted, delivered, paid"
_PARTS = {"accept": "  accept the claim", "deliver": "  deliver", "pay": "  accept the deliverable, which pays"}


class LiveRun(msgspec.Struct, kw_only=True):
    """One run with open streams.

    Attributes:
        name: what was open and what happened.
        streams: how many.
        reached: streams that each event reaches.
        processes: what the site's processes are, in the order of their facts.
        fresh: whether they had no such streams before: memory that was freed is used again, and tells nothing.
        delay: one per event and stream.
    """

    name: str
    streams: int
    reached: int
    processes: tuple[str, ...]
    fresh: bool
    delay: Series


class Market(msgspec.Struct, kw_only=True):
    """What was found out about the market.

    Attributes:
        stored: tasks in it when the measurement began.
        rounds: lists, searches and deals.
        live: runs with open streams.
    """

    stored: int
    rounds: Rounds = msgspec.field(default_factory=Rounds)
    live: list[LiveRun] = []


class Scenes:
    """Measures.

    Args:
        plan: how much.
        found: where it goes.
        say: shows progress to a person.
    """

    def __init__(self, plan: Plan, found: Market, say: Callable[[str], None]) -> None:
        self._plan = plan
        self._found = found
        self._say = say
        self._said = corpus.texts(stock.DISTINCT)
        self._pick = random.Random(corpus.SEED)
        self._rare = corpus.rare_word(self._said, plan.market_tasks)

    def full(self, folder: Path, echo: Site) -> None:
        """Lists, searches, deals and streams on `piecework up`, full of tasks; `echo` tells what the machine can do."""
        count = self._plan.market_tasks
        self._say(f"market: storing {count:,} tasks")
        with product.one_process(folder, partial(stock.fill, count=count, said=self._said)) as platform:
            operators = people.enlist(platform, 2 * OPERATORS, AGENTS)
            site = msgspec.structs.replace(platform.site(), token=operators[0].keys[0])
            self._echo(f"{ECHO} before", echo)
            for name, paths in ROWS.items():
                self._pages(name, paths, site)
            self._echo(f"{ECHO} after", echo)
            self._deals(site, operators)
            self._streams("one process", platform, operators)

    def parted(self, folder: Path) -> None:
        """Streams on a gateway that is a process of its own."""
        with engines.mongodb(folder) as mongodb:
            stock.fill(mongodb.uri, self._plan.live_streams * 3, self._said)
            with product.two_processes(folder / "pair", mongodb) as platform:
                operators = people.enlist(platform, 2 * OPERATORS, AGENTS)
                self._streams("gateway and services apart", platform, operators)

    def _pages(self, name: str, paths: Sequence[str], site: Site) -> None:
        plan = self._plan
        bounds = Bounds(concurrency=CLIENTS, warmup=plan.warmup, count=1_000_000, seconds=plan.market_seconds)
        job = Pages(site=site, bounds=bounds, paths=tuple(map(self._path, paths)))
        self._keep(name, jobs.run(job)["all"])

    def _path(self, path: str) -> str:
        """Return a path with what it asks for: the rare word, a pair of words, the cursor of a page."""
        task_id = self._pick.randint(100, self._plan.market_tasks)
        deep = quote(base64.b64encode(b'{"id":%d}' % task_id))
        pair = "+".join(self._pick.sample(corpus.FREQUENT.split(), 2))
        values = {"rare": self._rare, "pair": pair, "deep": deep}
        return f"/api/v1/tasks{path.format_map(values)}"

    def _echo(self, name: str, echo: Site) -> None:
        plan = self._plan
        bounds = Bounds(concurrency=CLIENTS, warmup=plan.warmup, count=1_000_000, seconds=plan.echo_seconds)
        job = Repeat(site=echo, bounds=bounds, method="POST", path="/create", body=post_body())
        self._keep(name, jobs.run(job)["all"], stored=0)

    def _deals(self, site: Site, operators: Sequence[Operator]) -> None:
        plan = self._plan
        bounds = Bounds(concurrency=CLIENTS, warmup=plan.warmup, count=plan.deals, seconds=plan.seconds)
        posters = tuple(each.keys[0] for each in operators[:OPERATORS])
        workers = tuple(each.keys[0] for each in operators[OPERATORS:])
        found = jobs.run(Deals(site=site, bounds=bounds, posters=posters, workers=workers))
        self._keep(CREATE, found["create"])
        self._keep(CLAIM, found["claim"])
        self._keep(ROUND, found["round"])
        for part, name in _PARTS.items():
            self._keep(name, found[part])

    def _streams(self, where: str, platform: Platform, operators: Sequence[Operator]) -> None:
        """Time one stream, many streams with an event each, and many streams that share their events."""
        many = self._plan.live_streams
        posters, workers = operators[:OPERATORS], operators[OPERATORS:]
        posts = tuple(Action("/api/v1/tasks", each.keys[0], post_body()) for each in posters)
        first = posters[0].keys[0]
        self._live(f"{where}: one stream", platform, [("/api/v1/events", first)], posts[:1], 1)
        tasks = stock.open_tasks(platform.mongodb_uri, many)
        watched = [(f"/api/v1/tasks/{task}/events", _key(operators, place)) for place, task in enumerate(tasks)]
        claims = tuple(
            Action(f"/api/v1/tasks/{task}/claims", _key(workers, place), '{"proposed_credits":5}', task)
            for place, task in enumerate(tasks[: self._plan.live_events])
        )
        self._live(f"{where}: each stream of a task", platform, watched, claims, 1, fresh=True)
        agents = [("/api/v1/events", _key(posters, place)) for place in range(many)]
        self._live(f"{where}: each stream of an agent", platform, agents, posts, many // OPERATORS)

    def _live(
        self,
        name: str,
        platform: Platform,
        streams: Sequence[tuple[str, str]],
        actions: Sequence[Action],
        reached: int,
        *,
        fresh: bool = False,
    ) -> None:
        plan = self._plan
        job = Live(
            site=platform.site(),
            streams=tuple(streams),
            actions=tuple(actions),
            count=plan.live_events,
            per_second=plan.live_per_second,
            reached=reached,
        )
        delay = jobs.run(job)["delay"]
        processes = ("gateway", "services") if len(platform.server_pids) > 1 else ("all",)
        fresh = len(streams) > 1 and "task" in name
        run = LiveRun(name=name, streams=len(streams), reached=reached, processes=processes, fresh=fresh, delay=delay)
        self._found.live.append(run)
        last = sorted(delay.latencies_ms)[int(len(delay.latencies_ms) * 0.99)] if delay.latencies_ms else 0.0
        self._say(f"market: {name}, {len(streams)} open: p99 {last:,.0f} ms, {delay.facts['missing']:.0f} missing")

    def _keep(self, name: str, series: Series, stored: int | None = None) -> None:
        stored = self._found.stored if stored is None else stored
        self._found.rounds.add(0, Key(name, CLIENTS, stored), series)
        last = sorted(series.latencies_ms)[int(len(series.latencies_ms) * 0.99)] if series.latencies_ms else 0.0
        self._say(f"market: {name.strip()}: {series.rate:,.0f}/s, p99 {last:,.1f} ms")


def _key(operators: Sequence[Operator], place: int) -> str:
    """Return the key of an agent, so that neighbours belong to different operators."""
    keys = operators[place % len(operators)].keys
    return keys[place // len(operators) % len(keys)]
