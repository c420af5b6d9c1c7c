"""Runs that are started, followed and read back while the orchestrator and the gateway are killed."""

from __future__ import annotations

import asyncio
import json
import random
import uuid
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import grpc.aio
from piecework.billing.v1 import plans_pb2
from piecework.billing.v1.plans_pb2_grpc import PlanServiceStub

from kit.caller import service_caller
from tests.e2e.kills_fleet import Fleet, outgoing

_PROMPT = "[[mock delay=0.2 tokens=15 pace=0.02]] Run number {}"
_AGENTS = 3
_AT_ONCE = 4
_PATIENCE_SECONDS = 180.0
_PLENTY = 1_000_000
_OVER = ("complete", "error")
_MISSED = (aiohttp.ClientError, OSError, TimeoutError)


@dataclass
class Followed:
    """One run, as a client saw it.

    Attributes:
        prompt: what was asked.
        task_id: its id.
        seen: the events with an id, each id with the kind of the event, in the order in which they came.
        result: what the last event said.
        connections: how often the stream was opened.
        replay: the same as `seen`, over one connection when all was over.
        state: the run as it was read in the end.
        trace: all its steps.
    """

    prompt: str
    task_id: str = ""
    seen: list[tuple[int, str]] = field(default_factory=list)
    result: str = ""
    connections: int = 0
    replay: list[tuple[int, str]] = field(default_factory=list)
    state: dict[str, Any] = field(default_factory=dict)
    trace: dict[str, Any] = field(default_factory=dict)


class RunsOrdeal:
    """Starts and follows runs.

    Args:
        fleet: the installation.
        count: how many runs.
    """

    def __init__(self, fleet: Fleet, count: int) -> None:
        self.runs = [Followed(_PROMPT.format(number)) for number in range(count)]
        self._fleet = fleet
        self._events = 0
        self._more = asyncio.Condition()
        self._http: Any = None

    async def undergo(self, kills: list[str], chance: random.Random) -> None:
        """Run everything while parts are killed, each after a few more events, then read it all back."""
        await self._plenty()
        async with aiohttp.ClientSession(self._fleet.gateway, headers={"x-api-key": self._fleet.key}) as self._http:
            killing = asyncio.create_task(self._kill(kills, chance))
            gate = asyncio.Semaphore(_AT_ONCE)
            async with asyncio.timeout(_PATIENCE_SECONDS):
                await asyncio.gather(*(self._follow(run, gate) for run in self.runs))
            # What is left of the kills hits nobody.
            killing.cancel()
            await asyncio.wait({killing})
            for run in self.runs:
                await self._read_back(run)

    async def _kill(self, kills: list[str], chance: random.Random) -> None:
        for name in kills:
            wanted = self._events + chance.randint(3, 12)
            async with self._more:
                await self._more.wait_for(lambda wanted=wanted: self._events >= wanted)
            await asyncio.shield(asyncio.create_task(self._fleet.strikes[name]()))

    async def _follow(self, run: Followed, gate: asyncio.Semaphore) -> None:
        async with gate:
            await self._start(run)
            while not run.seen or run.seen[-1][1] not in _OVER:
                try:
                    await self._listen(run)
                except _MISSED:
                    await asyncio.sleep(0.05)

    async def _start(self, run: Followed) -> None:
        headers = {"Idempotency-Key": uuid.uuid4().hex}
        body = {"prompt": run.prompt, "options": {"mock": True, "agentCount": _AGENTS}}
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

    async def _listen(self, run: Followed) -> None:
        headers = {"Last-Event-ID": str(run.seen[-1][0])} if run.seen else {}
        run.connections += 1
        async for number, data in self._stream(run.task_id, headers):
            run.seen.append((number, data["type"]))
            run.result = data.get("result", "")
            async with self._more:
                self._events += 1
                self._more.notify_all()

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

    async def _plenty(self) -> None:
        """Give every operator a plan that allows all of it."""
        limits = [
            plans_pb2.QuotaLimit(window=window, runs=_PLENTY)
            for window in (plans_pb2.QUOTA_WINDOW_HOUR, plans_pb2.QUOTA_WINDOW_MONTH)
        ]
        request = plans_pb2.SetPlanRequest(operator_id=1, plan_id="super", limits=limits)
        options = outgoing()(service_caller("tests"))
        async with grpc.aio.insecure_channel(self._fleet.addresses["billing"]) as channel:
            await PlanServiceStub(channel).SetPlan(request, **options)
