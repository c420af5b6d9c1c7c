"""Work that goes on while things are killed: posters make tasks, workers drain them, and some workers get lost."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import Awaitable
from typing import Any

import aiohttp

from tests.e2e.kills_clients import Client, Reply, log_in
from tests.e2e.kills_record import Create, Promise, Pulse, Record

WORKERS = 8
_BACKLOG = 30
_POSTERS = 3
_SOON_SECONDS = 0.1
_MAX_BULK = 12


def plan_of(number: int) -> str:
    """Return what the worker does that gets the task with this number."""
    if number % 17 == 7:
        return "get lost"
    if number % 11 == 3:
        return "give up"
    return "stumble" if number % 7 == 2 else "complete"


class Drain:
    """One project with its posters and workers.

    Args:
        http: a session with the gateway's address.
        key: the operator's key.
        chance: decides the sizes of requests.
    """

    def __init__(self, http: aiohttp.ClientSession, key: str, chance: random.Random) -> None:
        self.record = Record()
        self.pulse = Pulse()
        self.project_id = ""
        self.enough = asyncio.Event()
        self._http = http
        self._chance = chance
        self._owner = Client(http, key, self.record, self.pulse)
        self._type_id = ""
        self._last_number = 0
        self._allowed = 0
        self._posted = asyncio.Event()
        self._lost: list[asyncio.Task[None]] = []
        self._handed_on: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)

    async def open(self) -> None:
        """Make the project, and a type with leases of six seconds."""
        name = f"kills-{self._chance.getrandbits(40):x}"
        made = await self._owner.send("POST", "/api/projects", {"name": name, "description": "Under fire"})
        assert made.status == 201, made
        self.project_id = made.data["id"]
        kind = {"name": "work", "maxRetries": 10, "leaseDurationMinutes": 0.1}
        path = f"/api/projects/{self.project_id}/task-types"
        self._type_id = (await self._owner.send("POST", path, kind)).data["id"]

    def allow_more(self, count: int) -> None:
        """Let the posters make about `count` tasks now, so that something is under way."""
        self._allowed = self._last_number + count

    async def run(self) -> None:
        """Make and drain tasks until `enough` is set and every task has its outcome."""
        workers = [asyncio.create_task(self._work(f"hand-{number}")) for number in range(WORKERS)]
        try:
            await _all([self._post(), *workers])
            await _all(self._lost)
        finally:
            for task in (*workers, *self._lost):
                task.cancel()

    async def replay(self, count: int) -> list[tuple[Create, Reply]]:
        """Send some of the accepted requests once more, under their keys."""
        retried = [create for create in self.record.creates if create.key in self.record.retried]
        others = [create for create in self.record.creates if create.key not in self.record.retried]
        chosen = (retried + others)[:count]
        return [(each, await self._owner.send("POST", each.path, each.body, key=each.key)) for each in chosen]

    async def listed(self) -> list[dict[str, Any]]:
        """Return all tasks of the project, as the gateway lists them."""
        tasks: list[dict[str, Any]] = []
        while True:
            path = f"/api/projects/{self.project_id}/tasks?limit=500&offset={len(tasks)}"
            page = (await self._owner.send("GET", path)).data
            tasks += page
            if len(page) < 500:
                return tasks

    async def _post(self) -> None:
        """Keep the queue filled, some tasks at a time and some alone."""
        await _all([self._post_one_after_the_other() for _ in range(_POSTERS)])
        self._posted.set()

    async def _post_one_after_the_other(self) -> None:
        slow: set[asyncio.Task[None]] = set()
        while not self.enough.is_set():
            if self.record.open >= _BACKLOG and self._last_number >= self._allowed:
                await self.pulse.after("answered", 1)
                continue
            create = asyncio.create_task(self._accept(self._next_create()))
            # A request that is not answered soon goes on by itself: one that waits for its key must not stop the rest.
            await asyncio.wait({create}, timeout=_SOON_SECONDS)
            slow.add(create)
            for done in [task for task in slow if task.done()]:
                done.result()
                slow.discard(done)
        await _all(list(slow))

    def _next_create(self) -> Create:
        size = self._chance.randint(2, _MAX_BULK) if self._chance.random() < 0.3 else 1
        numbers = tuple(range(self._last_number + 1, self._last_number + size + 1))
        self._last_number += size
        tasks = [{"typeId": self._type_id, "variables": {"number": str(number)}} for number in numbers]
        path = f"/api/projects/{self.project_id}/tasks"
        key = f"key-{numbers[0]}-{self._chance.getrandbits(64):x}"
        if size == 1:
            return Create(key, path, tasks[0], numbers)
        return Create(key, f"{path}/bulk", {"tasks": tasks}, numbers)

    async def _accept(self, create: Create) -> None:
        reply = await self._owner.send("POST", create.path, create.body, key=create.key)
        assert reply.status == 201, reply
        made = reply.data["createdTasks"] if create.path.endswith("/bulk") else [reply.data]
        assert [int(task["variables"]["number"]) for task in made] == list(create.numbers), reply
        self.record.made.update({number: task["id"] for number, task in zip(create.numbers, made, strict=True)})
        self.record.creates.append(create)
        if reply.tries > 1:
            self.record.retried.add(create.key)

    async def _work(self, name: str) -> None:
        life = 1
        me, client = f"{name}-{life}", await self._log_in(f"{name}-{life}")
        while not (self._posted.is_set() and self.record.open == 0):
            body = {"projectId": self.project_id, "waitSeconds": 1}
            reply = await client.send("POST", f"/api/agents/{me}/next-task", body)
            assert reply.status == 200, reply
            task = reply.data["task"]
            if task is None:
                continue
            if task["leaseToken"] > 1:
                self._handed_on[task["id"]].set()
            if plan_of(_number(task)) == "get lost" and task["leaseToken"] == 1 and not self.enough.is_set():
                self._lost.append(asyncio.create_task(self._return_late(client, task)))
                life += 1
                me, client = f"{name}-{life}", await self._log_in(f"{name}-{life}")
            else:
                await self._settle(client, me, task)

    async def _settle(self, client: Client, me: str, task: dict[str, Any]) -> None:
        """Hand in what the plan of the task says, with the lease's token."""
        token, plan = task["leaseToken"], plan_of(_number(task))
        text = f"{plan} {task['id']} by {me} as {token}"
        if plan == "give up" or (plan == "stumble" and token == 1):
            status, path = "failed", f"/api/tasks/{task['id']}/fail"
            body = {"error": text, "canRetry": plan == "stumble", "leaseToken": token}
        else:
            status, path = "completed", f"/api/tasks/{task['id']}/complete"
            body = {"result": text, "outputs": {"number": _number(task)}, "leaseToken": token}
        reply = await client.send("POST", path, body)
        if reply.status == 409:
            self.record.lost.append(f"{text}: {reply.error}")
            return
        assert reply.status == 200, reply
        final = not (status == "failed" and body["canRetry"])
        kept = self.record.outcomes if final else self.record.failures
        kept.setdefault(task["id"], set()).add(Promise(status, text, token, me))
        self.pulse.beat("settled")

    async def _return_late(self, client: Client, task: dict[str, Any]) -> None:
        """Come back with an old token when the task has gone to somebody else: nothing can be done with it."""
        path, token = f"/api/tasks/{task['id']}", task["leaseToken"]
        await self._handed_on[task["id"]].wait()
        for action, body in (
            ("complete", {"result": "too late"}),
            ("fail", {"error": "too late", "canRetry": False}),
            ("extend-lease", {"extensionMinutes": 5}),
        ):
            reply = await client.send("POST", f"{path}/{action}", {**body, "leaseToken": token})
            self.record.stale.append((action, reply.status, reply.error))

    async def _log_in(self, name: str) -> Client:
        return await log_in(self._http, self.project_id, name, self.record, self.pulse)


def _number(task: dict[str, Any]) -> int:
    return int(task["variables"]["number"])


async def _all(jobs: list[Any]) -> None:
    """Wait for all jobs, or for the first that fails."""
    pending: set[Awaitable[None]] = {asyncio.ensure_future(job) for job in jobs}
    try:
        await asyncio.gather(*pending)
    finally:
        for job in pending:
            job.cancel()  # type: ignore[attr-defined]
