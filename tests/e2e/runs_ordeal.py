"""Runs that are started, followed and read back while the orchestrator and the gateway are killed."""

from __future__ import annotations

import asyncio
import json
import random
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from tests.e2e.kills_fleet import Fleet
from tests.e2e.kills_ordeal import say
from tests.e2e.piecework import until
from tests.e2e.runs_books import is_working
from tests.e2e.runs_provider import MODEL

MOCK_MODEL = "piecework/mock"
BUDGET = 60
_MOCK_PROMPT = "[[mock delay=0.1 tokens=12 pace=0.01]] Run number {}"
_COUNTED_PROMPT = "Counted run {}."
_AGENTS = 3
# So many runs are kept moving; those that a kill has stopped do not count until they move again.
_MOVING = 6
# How many more events come before the next kill.
_LEAST_EVENTS, _MOST_EVENTS = 10, 110
_SECONDS_PER_RUN = 4.0
_OVER = ("complete", "error")
_MISSED = (aiohttp.ClientError, OSError, TimeoutError)


@dataclass
class Followed:
    """One run, as a client saw it.

    Attributes:
        number: its number; among those of its model if that is the one that counts its calls.
        model: its model.
        prompt: what was asked.
        task_id: its id.
        seen: the events with an id, each id with the kind of the event, in the order in which they came.
        result: what the last event said.
        connections: how often the stream was opened.
        replay: the same as `seen`, over one connection when all was over.
        state: the run as it was read in the end.
        trace: all its steps.
    """

    number: int
    model: str
    prompt: str
    task_id: str = ""
    seen: list[tuple[int, str]] = field(default_factory=list)
    result: str = ""
    connections: int = 0
    replay: list[tuple[int, str]] = field(default_factory=list)
    state: dict[str, Any] = field(default_factory=dict)
    trace: dict[str, Any] = field(default_factory=dict)

    @property
    def steps(self) -> list[dict[str, Any]]:
        """All its steps, as they were read in the end."""
        return list(self.trace["trace"]["steps"])


def prompts(mock: int, counted: int) -> list[Followed]:
    """Return runs to follow: some on the mock model, some on the one that counts its calls, mixed."""
    runs = [Followed(number, MOCK_MODEL, _MOCK_PROMPT.format(number)) for number in range(mock)]
    for number in range(counted):
        place = number * len(runs) // counted
        runs.insert(place, Followed(number, MODEL, _COUNTED_PROMPT.format(number)))
    return runs


class RunsOrdeal:
    """Starts and follows runs.

    Args:
        fleet: the installation.
        runs: what to run.
    """

    def __init__(self, fleet: Fleet, runs: Sequence[Followed]) -> None:
        self.runs = runs
        self._fleet = fleet
        self._events = 0
        self._moving: set[int] = set()
        self._news = asyncio.Condition()
        self._http: Any = None

    async def undergo(self, kills: list[str], chance: random.Random) -> None:
        """Run everything while parts are killed, each after some more events, then read it all back."""
        began = time.monotonic()
        async with aiohttp.ClientSession(self._fleet.gateway, headers={"x-api-key": self._fleet.key}) as self._http:
            killing = asyncio.create_task(self._kill(kills, chance))
            async with asyncio.timeout(60 + _SECONDS_PER_RUN * len(self.runs)):
                await self._follow_all()
            # What is left of the kills hits nobody.
            killing.cancel()
            await asyncio.wait({killing})
            for run in self.runs:
                await self._read_back(run)
        say(f"{len(self.runs)} runs, {self._events} events and {len(kills)} kills in {time.monotonic() - began:.0f} s")

    async def _follow_all(self) -> None:
        following = []
        for index, run in enumerate(self.runs):
            async with self._news:
                await self._news.wait_for(lambda: len(self._moving) < _MOVING)
                self._moving.add(index)
            following.append(asyncio.create_task(self._follow(index, run)))
        await asyncio.gather(*following)

    async def _after(self, events: int) -> None:
        """Wait until so many more events have come."""
        wanted = self._events + events
        async with self._news:
            await self._news.wait_for(lambda: self._events >= wanted)

    async def _kill(self, kills: list[str], chance: random.Random) -> None:
        for name in kills:
            await self._after(chance.randint(_LEAST_EVENTS, _MOST_EVENTS))
            # Many events at once may be those of a while ago, which a gateway that is back tells late.
            await until(lambda: is_working(self._fleet), "steps are under way")
            await asyncio.shield(asyncio.ensure_future(self._fleet.strikes[name]()))
            async with self._news:
                # Steps that were under way are taken up when their leases have run out; others go on at once.
                self._moving.clear()
                self._news.notify_all()

    async def _follow(self, index: int, run: Followed) -> None:
        await self._start(run)
        while not run.seen or run.seen[-1][1] not in _OVER:
            try:
                await self._listen(index, run)
            except _MISSED:
                await asyncio.sleep(0.05)
        async with self._news:
            self._moving.discard(index)
            self._news.notify_all()

    async def _start(self, run: Followed) -> None:
        headers = {"Idempotency-Key": uuid.uuid4().hex}
        body = {"prompt": run.prompt, "modelId": run.model, "options": {"agentCount": _AGENTS, "budget": BUDGET}}
        while not run.task_id:
            try:
                async with self._http.post("/api/developer/run", json=body, headers=headers) as response:
                    if response.status == 200:
                        run.task_id = (await response.json())["taskId"]
                    else:
                        # 409: the one that was cut off is still running.
                        assert response.status in (409, 503), await response.text()
            except _MISSED:
                await asyncio.sleep(0.05)

    async def _listen(self, index: int, run: Followed) -> None:
        headers = {"Last-Event-ID": str(run.seen[-1][0])} if run.seen else {}
        run.connections += 1
        async for number, data in self._stream(run.task_id, headers):
            run.seen.append((number, data["type"]))
            run.result = data.get("result", "")
            async with self._news:
                self._events += 1
                self._moving.add(index)
                self._news.notify_all()

    async def _stream(self, task_id: str, headers: dict[str, str]) -> Any:
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=30)
        async with self._http.get(f"/api/v1/stream/{task_id}", headers=headers, timeout=timeout) as response:
            if response.status != 200:
                assert response.status == 503, await response.text()
                raise aiohttp.ClientError
            number = 0
            async for raw in response.content:
                line = raw.decode()
                if line.startswith("id: ") and line.endswith("\n"):
                    number = int(line[4:])
                elif line.startswith("data: ") and line.endswith("\n") and number:
                    yield number, json.loads(line[6:])
                    number = 0

    async def _read_back(self, run: Followed) -> None:
        run.replay = [(number, data["type"]) async for number, data in self._stream(run.task_id, {})]
        for name, path in (
            ("state", f"/api/developer/status/{run.task_id}"),
            ("trace", f"/api/v1/tasks/{run.task_id}/trace"),
        ):
            async with self._http.get(path) as response:
                setattr(run, name, await response.json())
