"""The ordeal: a drain that goes on while the parts of an installation are killed, one after the other."""

from __future__ import annotations

import asyncio
import os
import random
import sys
import time
from collections import defaultdict
from dataclasses import dataclass
from typing import Any, Protocol

import aiohttp
import pytest

from kit.engines import EphemeralDirectory
from tests.e2e.kills_clients import Reply
from tests.e2e.kills_drain import Drain
from tests.e2e.kills_fleet import Fleet, Installation, OneProcess
from tests.e2e.kills_reader import Reader
from tests.e2e.kills_record import Create, Pulse, Record
from tests.e2e.piecework import until

_REPLAYS = 25
_PAIRED = 0.75
# When a part is killed: as a creating request goes out, as any answer comes, as any request goes out.
_MOMENTS = ("create", "answered", "sent")
# A leader that was killed keeps its lease for ten seconds; what was not told by then comes all at once.
_CATCH_UP_SECONDS = 60.0


def rounds(usual: int) -> int:
    """Return how often each part is killed; more for a soak."""
    return int(os.environ.get("PIECEWORK_TEST_KILL_ROUNDS", usual))


def seed() -> int:
    """Return what decides the order and the moments of the kills."""
    return int(os.environ.get("PIECEWORK_TEST_SEED", "1"))


class Work(Protocol):
    """What goes on while parts are killed."""

    pulse: Pulse

    def allow_more(self, count: int) -> None:
        """Let about `count` more things begin."""
        ...


@dataclass
class Aftermath:
    """What is left when the last task has its outcome.

    Attributes:
        kills: the parts that were killed, in order.
        items: the documents of the tasks, by id.
        listed: the tasks as the gateway lists them.
        events: the collection `events`, in order.
        replays: accepted requests that were sent once more.
        told: the logs of all processes.
    """

    kills: list[str]
    project_id: str
    record: Record
    reader: Reader
    items: dict[str, dict[str, Any]]
    listed: list[dict[str, Any]]
    events: list[dict[str, Any]]
    replays: list[tuple[Create, Reply]]
    told: str


async def undergo(installation: Installation, times: dict[str, int], *, pairs: bool) -> Aftermath:
    """Kill each part as often as `times` says while work goes on, then let the work end and look what there is.

    With `pairs`, many kills take two parts at once.
    """
    chance, began = random.Random(seed()), time.monotonic()
    kills = plan(times, chance, _PAIRED if pairs else 0.0)
    say(f"seed {seed()}, kills: {', '.join('+'.join(volley) for volley in kills)}")
    timeout = aiohttp.ClientTimeout(total=20)
    async with aiohttp.ClientSession(installation.gateway, timeout=timeout) as http:
        drain = Drain(http, installation.key, random.Random(seed()))
        await drain.open()
        reader = Reader(http, installation.key, drain.project_id)
        reading, working = asyncio.create_task(reader.run()), asyncio.create_task(drain.run())
        try:
            await unless_broken(working, kill(installation, drain, kills, chance))
            fought = time.monotonic()
            drain.enough.set()
            await working
            worked = time.monotonic()
            aftermath = await _look(installation, drain, reader, kills)
        finally:
            reading.cancel()
            working.cancel()
            await asyncio.wait({reading, working})
    _tell(aftermath, fought - began, worked - fought, time.monotonic() - worked)
    return aftermath


def plan(times: dict[str, int], chance: random.Random, paired: float) -> list[list[str]]:
    """Return what is killed one after the other, each time one part or two at once."""
    names = [name for name, count in times.items() for _ in range(count)]
    chance.shuffle(names)
    volleys: list[list[str]] = []
    for name in names:
        if volleys and len(volleys[-1]) == 1 and name not in volleys[-1] and chance.random() < paired:
            volleys[-1].append(name)
        else:
            volleys.append([name])
    return volleys


async def kill(installation: Installation, work: Work, kills: list[list[str]], chance: random.Random) -> None:
    """Kill what `kills` says, each while work goes on, and wait until it goes on again."""
    pauses: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
    for volley in kills:
        # Outcomes that were acknowledged show that everything works again; then some requests may pass, few or many.
        await work.pulse.after("settled", chance.randint(8, 24))
        work.allow_more(chance.randint(9, 15))
        name = "+".join(sorted(volley))
        await work.pulse.after(_MOMENTS[len(pauses[name]) % len(_MOMENTS)], chance.randint(1, 9))
        began = time.monotonic()
        await asyncio.gather(*(installation.strikes[part]() for part in volley))
        back = time.monotonic()
        await work.pulse.after("settled", 1)
        pauses[name].append((back - began, time.monotonic() - back))
    for names, seconds in sorted(pauses.items()):
        starts, works = ([round(each, 1) for each in column] for column in zip(*seconds, strict=True))
        say(f"{names}: seconds to start again {starts}, then to the next outcome {works}")


async def unless_broken(working: asyncio.Task[None], killing: Any) -> None:
    """Wait for the end of the kills; when a client breaks first, tell why."""
    task = asyncio.create_task(killing)
    await asyncio.wait({working, task}, return_when=asyncio.FIRST_COMPLETED)
    if not task.done():
        task.cancel()
        working.result()
    await task


async def _look(installation: Installation, drain: Drain, reader: Reader, kills: list[list[str]]) -> Aftermath:
    replays = await drain.replay(_REPLAYS)
    database = installation.database()
    stream = f"project:{drain.project_id}"
    items = {item["_id"]: item async for item in database["work_items"].find({"queue": stream})}
    wanted = sum(item["version"] for item in items.values())

    async def is_told() -> bool:
        return bool(await database["events"].count_documents({"change.stream": stream}) >= wanted)

    await until(is_told, "every change is told", _CATCH_UP_SECONDS)
    events = [event async for event in database["events"].find({}, sort=[("_id", 1)])]
    await reader.up_to(max(event["_id"] for event in events if event["change"]["stream"] == stream), _CATCH_UP_SECONDS)
    return Aftermath(
        kills=[name for volley in kills for name in volley],
        project_id=drain.project_id,
        record=drain.record,
        reader=reader,
        items=items,
        listed=await drain.listed(),
        events=events,
        replays=replays,
        told=installation.told(),
    )


def _tell(aftermath: Aftermath, fought: float, ended: float, looked: float) -> None:
    record = aftermath.record
    say(
        f"{len(aftermath.kills)} kills in {fought:.0f} s, then {ended:.0f} s to the last outcome and {looked:.0f} s to "
        f"the last event; {len(aftermath.items)} tasks by {len(record.creates)} requests, {len(record.retried)} of "
        f"them sent again; {len(record.stale) // 3} stale leases, {len(record.lost)} leases lost; statuses "
        f"{dict(sorted(record.statuses.items()))}; {len(aftermath.reader.seen)} events over "
        f"{aftermath.reader.connections} connections"
    )


def say(line: str) -> None:
    """Print a line; pytest shows it with a failure."""
    sys.stdout.write(f"{line}\n")


@pytest.fixture(scope="session")
async def fleet_aftermath() -> Aftermath:
    """What is left after every process of an installation was killed again and again."""
    with EphemeralDirectory() as directory:
        fleet = Fleet(directory)
        try:
            await fleet.start()
            times = dict.fromkeys(("tasks-1", "gateway", "mongod"), rounds(10))
            return await undergo(fleet, {**times, "agents": 1, "valkey": 1}, pairs=True)
        finally:
            await fleet.stop()


@pytest.fixture(scope="session")
async def replicas_aftermath() -> Aftermath:
    """What is left after two replicas of the tasks service were killed and paused, each while the other went on."""
    with EphemeralDirectory() as directory:
        fleet = Fleet(directory, replicas=2)
        try:
            await fleet.start()
            times = dict.fromkeys(("tasks-1", "tasks-2", "mongod", "leader"), rounds(1))
            return await undergo(fleet, times, pairs=False)
        finally:
            await fleet.stop()


@pytest.fixture(scope="session")
async def up_aftermath() -> Aftermath:
    """What is left after `piecework up` and its MongoDB were killed."""
    with EphemeralDirectory() as directory:
        up = OneProcess(directory)
        try:
            await up.start()
            # The supervisor of an installation gives up after five crashes of an engine within a minute.
            return await undergo(up, {"up": rounds(2), "mongod of up": min(rounds(2), 4)}, pairs=False)
        finally:
            await up.stop()
