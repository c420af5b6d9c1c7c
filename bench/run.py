"""The order of a run: peers, then everything that is compared within a round, round after round."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec

from bench import engines, extras, facts, product
from bench.load import Site
from bench.market.scenes import Market, Scenes
from bench.outcome import Outcome
from bench.peers import race
from bench.plan import Plan
from bench.product import Platform
from bench.runs import rivals, scenes
from bench.runs.jobs import run_body
from bench.scenarios import Level, Stage

Say = Callable[[str], None]
PARTS = ("peers", "product", "market", "runs")


def run(plan: Plan, mode: str, parts: tuple[str, ...], say: Say) -> Outcome:
    """Measure `parts` and return what was found.

    The echo and the floor are measured with `product`. A part that fails is told in `not_measured`; the others go on.
    """
    begun = time.monotonic()
    outcome = Outcome(mode=mode, facts=facts.gather(), small=plan.small, large=plan.large)
    with tempfile.TemporaryDirectory(prefix="piecework-bench-") as name:
        folder = Path(name)
        folder.chmod(0o711)  # PostgreSQL runs under another account and must reach its own folder
        if "peers" in parts:
            for peer in race.PEERS:
                with _told(outcome, f"{peer.name}"):
                    _race(outcome, peer, folder / "peers", plan, say)
        if "product" in parts:
            with _told(outcome, "Piecework, the echo and the floor"):
                _compare(outcome, folder, plan, say)
        if "market" in parts:
            _market(outcome, folder, plan, say)
        if "runs" in parts:
            _runs(outcome, folder, plan, say)
    outcome.seconds = time.monotonic() - begun
    return outcome


@contextmanager
def _told(outcome: Outcome, part: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # noqa: BLE001 - told in the report, and the run's status is 1
        outcome.not_measured.append(f"{part}: {error}")


def _race(outcome: Outcome, peer: race.Peer, folder: Path, plan: Plan, say: Say) -> None:
    if not race.available(peer.environment):
        outcome.not_measured.append(f"{peer.name}: run make bench-peers first")
        return
    runs = []
    for number in range(plan.peer_runs):
        found = race.run(peer, folder / f"{peer.script}-{number}", plan.peer_tasks)
        say(f"{peer.name}: enqueue {found.enqueue.rate:,.0f}/s, drain {found.drain_per_second:,.0f}/s")
        runs.append(found)
    outcome.peers.append(max(runs, key=lambda one: one.drain_per_second))


class _Field:
    """Everything that runs side by side while rounds are measured; idle parts cost next to nothing.

    Attributes:
        levels: Piecework in one process, once with few and once with many tasks stored.
        pair: Piecework as two processes on the floor's MongoDB, and its project.
    """

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        self._stack = stack
        self._folder = folder
        self.echo = stack.enter_context(_server(folder, "echo"))
        self._mongodb = stack.enter_context(engines.mongodb(folder / "floor"))
        backend = stack.enter_context(_server(folder, "floor", "backend", self._mongodb.uri))
        edge = stack.enter_context(_server(folder, "floor", "edge", str(backend.port)))
        whole = stack.enter_context(_server(folder, "floor", "whole", self._mongodb.uri))
        database_pids = (self._mongodb.pid or 0,)
        self.floor = msgspec.structs.replace(
            edge, server_pids=edge.server_pids + backend.server_pids, database_pids=database_pids
        )
        self.floor_in_one = msgspec.structs.replace(whole, database_pids=database_pids)
        self.levels: list[Level] = []
        self.pair: tuple[Platform, Site] | None = None

    def add_levels(self, plan: Plan) -> None:
        """Start Piecework in one process, twice, and fill the large one."""
        for size, renew in ((plan.small, True), (plan.large, False)):
            platform = self._stack.enter_context(product.one_process(self._folder / f"at-{size}"))
            self.levels.append(Level(size=size, platform=platform, renew=renew))

    def add_pair(self) -> None:
        """Start Piecework as two processes."""
        pair = self._stack.enter_context(product.two_processes(self._folder / "pair", self._mongodb))
        self.pair = (pair, pair.open_project(0))


@contextmanager
def _server(folder: Path, module: str, *arguments: str) -> Iterator[Site]:
    """Run one of our own small servers; `python -m bench.MODULE [SIDE] PORT [TARGET]`."""
    port = engines.free_port()
    command = [sys.executable, "-m", f"bench.{module}", *arguments[:1], str(port), *arguments[1:]]
    name = "-".join((module, *arguments[:1]))
    with engines.running(command, name, lambda: engines.answers(port), folder, cwd=product.ROOT) as pid:
        yield Site(host="127.0.0.1", port=port, server_pids=(pid,))


def _compare(outcome: Outcome, folder: Path, plan: Plan, say: Say) -> None:
    with ExitStack() as stack:
        field = _Field(stack, folder)
        stage = Stage(plan, field.echo, outcome.rounds, say)
        say(f"starting Piecework twice; storing {plan.small:,} and {plan.large:,} tasks")
        with _told(outcome, "Piecework in one process"):
            field.add_levels(plan)
        with _told(outcome, "Piecework as two processes"):
            field.add_pair()
        for number in range(plan.rounds):
            stage.number = number
            _round(outcome, stage, field)
        _finish(outcome, field.levels, plan, say)


def _market(outcome: Outcome, folder: Path, plan: Plan, say: Say) -> None:
    outcome.market = Market(stored=plan.market_tasks)
    scenes = Scenes(plan, outcome.market, say)
    with _told(outcome, "the market in one process"), _server(folder, "echo") as echo:
        scenes.full(folder / "market", echo)
    with _told(outcome, "streams of a gateway of its own"):
        scenes.parted(folder / "market-apart")


def _runs(outcome: Outcome, folder: Path, plan: Plan, say: Say) -> None:
    outcome.runs = scenes.Runs()
    for rival in rivals.RIVALS:
        with _told(outcome, rival.name):
            _rival(outcome, outcome.runs, rival, folder / "rivals", plan, say)
    measured = scenes.Scenes(plan, outcome.runs, say)
    with _told(outcome, "runs in one process"):
        measured.full(folder / "runs")
    with _told(outcome, "runs through a gateway of its own"):
        measured.parted(folder / "runs-apart")
    for name, script in (("models of no delay", ""), (f"{scenes.SHARE_MODEL_MS} ms a call", scenes.SHARE_SCRIPT)):
        with _told(outcome, f"fair share with {name}"):
            measured.share(folder / f"share-{len(script)}", name, run_body(script=script))


def _rival(outcome: Outcome, runs: scenes.Runs, rival: rivals.Rival, folder: Path, plan: Plan, say: Say) -> None:
    if not race.available(rival.environment):
        outcome.not_measured.append(f"{rival.name}: run make bench-peers first")
        return
    found = rivals.run(rival, folder / rival.script, plan.runs_alone, plan.runs_at_once, scenes.AT_ONCE)
    say(f"{rival.name}: {found.at_once.rate:,.1f} runs/s, {scenes.AT_ONCE} at once")
    runs.rivals.append(found)


def _round(outcome: Outcome, stage: Stage, field: _Field) -> None:
    for name, step in stage.steps(field.levels):
        with _told(outcome, f"{name}, round {stage.number + 1}"):
            step()
    with _told(outcome, f"floor, round {stage.number + 1}"):
        stage.floor_in_one(field.floor_in_one)
        stage.floor(field.floor, field.pair)


def _finish(outcome: Outcome, levels: list[Level], plan: Plan, say: Say) -> None:
    for level in levels:
        with _told(outcome, f"stats at {level.size:,}"):
            outcome.stats[level.size] = extras.stats(level, plan)
    if levels:
        with _told(outcome, "events"):
            say("timing events on SSE")
            outcome.events = extras.events(levels[0].platform, plan)
        with _told(outcome, "waiting on an empty queue"):
            say("counting commands while workers wait")
            outcome.waiting = extras.waiting(levels[0].platform, plan)
