"""Any sequence of calls to two replicas on a real database: what must hold of every task and every event."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from piecework.tasks.v1 import queue_pb2 as pb

from kit.errors import DomainError
from services.tasks.work.documents import to_item
from services.tasks.work.model import COMPLETED, DELETED, FAILED, LEASED, QUEUED, TIMEOUT, WorkItem
from tests.service.tasks.platform import Queue, TasksPlatform

AGENTS = st.sampled_from(["a", "b", "c"])
REPLICAS = st.integers(0, 1)
NUMBERS = st.integers(0, 7)
REASONS = {
    "TASK_NOT_RUNNING",
    "TASK_NOT_FOUND",
    "TASK_NOT_QUEUED",
    "STALE_TOKEN",
    "OTHER_HOLDER",
    "PROJECT_CLOSED",
    "DUPLICATE_TASK",
}


class Installation:
    """Two replicas, called from the thread that the machine runs in."""

    def __init__(self, replicas: tuple[TasksPlatform, TasksPlatform], loop: asyncio.AbstractEventLoop) -> None:
        self.replicas = replicas
        self._loop = loop

    def run(self, call: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(call, self._loop).result(60)

    def attempt(self, call: Coroutine[Any, Any, Any]) -> Any:
        """Return the answer, or None when the call was refused for one of the documented reasons."""
        try:
            return self.run(call)
        except DomainError as error:
            if error.reason not in REASONS:
                raise
            return None


class Machine(RuleBasedStateMachine):
    """One project, and what was acknowledged in it."""

    installation: Installation

    @initialize(max_retries=st.integers(0, 2), handling=st.sampled_from([1, 2, 3]))
    def make_project(self, max_retries: int, handling: int) -> None:
        self.run = self.installation.run
        self.attempt = self.installation.attempt
        here = self.installation.replicas[0]
        self.queue: Queue = self.run(here.new_queue(max_retries=max_retries, duplicate_handling=handling))
        self.max_attempts = max_retries + 1
        self.ids: list[str] = []
        self.final: dict[str, tuple[str, str]] = {}
        self.deleted: set[str] = set()
        self.tokens: Counter[str] = Counter()
        self.closed = False

    def on(self, replica: int) -> TasksPlatform:
        return self.installation.replicas[replica]

    def some(self, number: int) -> str:
        return self.ids[number % len(self.ids)] if self.ids else "none"

    @rule(replica=REPLICAS, variable=st.sampled_from(["1", "2", "3"]), count=st.integers(1, 3))
    def create(self, replica: int, variable: str, count: int) -> None:
        items = [pb.NewTask(type_id=self.queue.type_id, variables={"v": variable}) for _ in range(count)]
        request = pb.CreateTasksRequest(project_id=self.queue.project_id, tasks=items)
        here = self.on(replica)
        answer = self.attempt(here.call(here.queue.CreateTasks, request))
        for task in answer.tasks if answer else ():
            if task.id not in self.ids:
                self.ids.append(task.id)

    @rule(replica=REPLICAS, agent=AGENTS)
    def take(self, replica: int, agent: str) -> None:
        task = self.attempt(self.on(replica).next(self.queue, agent))
        if task is not None:
            assert task.lease.holder == agent
            assert task.lease.token >= self.tokens[task.id]
            self.tokens[task.id] = task.lease.token

    @rule(agents=st.lists(AGENTS, min_size=2, max_size=4))
    def take_at_once(self, agents: list[str]) -> None:
        async def ask() -> list[pb.Task | None]:
            calls = (self.on(number % 2).next(self.queue, agent) for number, agent in enumerate(agents))
            return list(await asyncio.gather(*calls))

        tasks = self.attempt(ask())
        for agent, task in zip(agents, tasks or [], strict=False):
            same = [other for other_agent, other in zip(agents, tasks, strict=True) if other_agent == agent]
            assert all(other == task for other in same)
            if task is not None:
                self.tokens[task.id] = max(self.tokens[task.id], task.lease.token)
        held = {task.id: agent for agent, task in zip(agents, tasks or [], strict=False) if task}
        assert len(held) == len({agent for agent, task in zip(agents, tasks or [], strict=False) if task})

    @rule(replica=REPLICAS, number=NUMBERS, agent=AGENTS, token=st.none() | st.integers(1, 3))
    def complete(self, replica: int, number: int, agent: str, token: int | None) -> None:
        result = f"{agent}-{token}"
        task = self.attempt(self.on(replica).complete(self.some(number), agent, result, token))
        if task is not None:
            # The first acknowledged outcome stands; a repeat of it is told the same.
            assert self.final.setdefault(task.id, (COMPLETED, result)) == (COMPLETED, result)

    @rule(replica=REPLICAS, number=NUMBERS, agent=AGENTS, token=st.none() | st.integers(1, 3), can_retry=st.booleans())
    def fail(self, replica: int, number: int, agent: str, token: int | None, can_retry: bool) -> None:
        self.attempt(self.on(replica).fail(self.some(number), agent, token, can_retry=can_retry))

    @rule(replica=REPLICAS, number=NUMBERS, agent=AGENTS)
    def extend(self, replica: int, number: int, agent: str) -> None:
        self.attempt(self.on(replica).extend(self.some(number), 5, agent))

    @rule(replica=REPLICAS, number=NUMBERS)
    def change(self, replica: int, number: int) -> None:
        here = self.on(replica)
        request = pb.UpdateTaskRequest(task_id=self.some(number), description="changed")
        self.attempt(here.call(here.queue.UpdateTask, request))

    @rule(replica=REPLICAS, number=st.integers(0, 40))
    def delete(self, replica: int, number: int) -> None:
        here, task_id = self.on(replica), self.some(number)
        if self.attempt(here.call(here.queue.DeleteTask, pb.DeleteTaskRequest(task_id=task_id))) is not None:
            self.deleted.add(task_id)

    @rule(minutes=st.sampled_from([1, 5, 10]))
    def pass_time(self, minutes: int) -> None:
        self.on(0).pass_time(minutes=minutes)

    @rule(replica=REPLICAS, by_hand=st.booleans())
    def take_back(self, replica: int, by_hand: bool) -> None:
        here = self.on(replica)
        self.run(here.cleanup(self.queue) if by_hand else here.app.reaper.tick())

    @rule(replica=REPLICAS)
    def close_or_open(self, replica: int) -> None:
        self.closed = not self.closed
        status = pb.PROJECT_STATUS_CLOSED if self.closed else pb.PROJECT_STATUS_ACTIVE
        self.run(self.on(replica).update_project(self.queue.project_id, status=status))

    @invariant()
    def every_task_is_sound(self) -> None:
        if not hasattr(self, "queue"):
            return
        items: list[WorkItem] = self.run(self._items())
        assert {item.id for item in items} == set(self.ids)
        assert {item.id for item in items if item.state == DELETED} == self.deleted
        for item in items:
            self._check(item)
        seats = Counter(item.lease.seat for item in items if item.lease)
        assert set(seats.values()) <= {1}
        keys = Counter(item.dedupe for item in items if item.dedupe)
        assert set(keys.values()) <= {1}

    def _check(self, item: WorkItem) -> None:
        assert item.token >= self.tokens[item.id]
        assert [attempt.token for attempt in item.attempts] == list(range(1, item.token + 1))
        outcomes = Counter(attempt.outcome for attempt in item.attempts)
        assert item.failures == outcomes[FAILED] + outcomes[TIMEOUT] <= self.max_attempts
        assert outcomes[COMPLETED] <= 1
        if item.state == DELETED:
            return
        assert outcomes[None] == (item.state == LEASED) == (item.lease is not None)
        if item.id in self.final:
            assert (item.state, item.result) == self.final[item.id]
        if item.state in (COMPLETED, FAILED):
            self.final.setdefault(item.id, (item.state, item.result or ""))

    async def _items(self) -> list[WorkItem]:
        found = self.on(0).database["work_items"].find({"queue": self.queue.name}, {"change": 0})
        return [to_item(document) async for document in found]

    def teardown(self) -> None:
        if hasattr(self, "queue"):
            self.run(self._check_counts_and_events())

    async def _check_counts_and_events(self) -> None:
        items = {item.id: item for item in await self._items()}
        states = Counter(item.state for item in items.values())
        counts = await self.on(1).counts(self.queue)
        assert (counts.queued, counts.running) == (states[QUEUED], states[LEASED])
        assert (counts.completed, counts.failed) == (states[COMPLETED], states[FAILED])
        assert counts.total == len(items) - states[DELETED]
        wanted = sum(item.version for item in items.values())
        events: list[dict[str, Any]] = []
        async with asyncio.timeout(20):
            while len(events) < wanted:
                await asyncio.sleep(0.01)
                found = self.on(0).database["events"].find({"change.stream": self.queue.name}).sort("_id", 1)
                events = [document["change"] for document in await found.to_list()]
        for item in items.values():
            mine = [event for event in events if event["subject"] == item.id]
            assert [event["version"] for event in mine] == list(range(1, item.version + 1))
            ends = [event["type"] for event in mine if event["type"] in ("task.completed", "task.failed")]
            assert len(ends) == (item.ended_at is not None)
            tokens = [event["data"]["token"] for event in mine if event["type"] == "task.assigned"]
            assert tokens == list(range(1, item.token + 1))


async def test_any_sequence_of_calls(platform: TasksPlatform, replica: TasksPlatform) -> None:
    class Run(Machine):
        installation = Installation((platform, replica), asyncio.get_running_loop())

    options = settings(
        max_examples=15,
        stateful_step_count=30,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    # The rules wait for their calls: they need a thread of their own, beside the loop that serves them.
    await asyncio.to_thread(run_state_machine_as_test, Run, settings=options)
