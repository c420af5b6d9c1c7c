"""A service reduced to what matters for events: subjects that change, each write carrying its change."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import DuplicateKeyError, PyMongoError

from kit import mongo
from kit.clock import Clock, SystemClock
from kit.events.model import Event, Gap, change_document
from kit.events.relay import EventRelay
from kit.leadership import Leadership
from tests.conditions import come_true

Database = AsyncDatabase[dict[str, Any]]
COLLECTIONS = ("tasks", "projects")


class Source:
    """Writes subjects and remembers every change that was acknowledged."""

    def __init__(self, database: Database, clock: Clock | None = None) -> None:
        self.database = database
        self.clock = clock or SystemClock()
        self.versions: dict[str, int] = {}
        self._progress = asyncio.Event()

    @property
    def changes(self) -> set[str]:
        return {f"{subject}:{v}" for subject, last in self.versions.items() for v in range(1, last + 1)}

    async def change(self, subject: str, collection: str = "tasks", **data: Any) -> None:
        """Insert the subject, or update it; a write that a crash interrupted is tried again until it is there."""
        version = self.versions.get(subject, 0) + 1
        change = self._change(subject, version, data)
        while True:
            try:
                if version == 1:
                    await self.database[collection].insert_one({"_id": subject, "version": 1, "change": change})
                else:
                    await self.database[collection].update_one(
                        {"_id": subject, "version": version - 1}, {"$set": {"version": version, "change": change}}
                    )
            except DuplicateKeyError:
                break
            except PyMongoError:
                continue
            else:
                break
        self.versions[subject] = version
        self._progress.set()

    async def written(self, count: int) -> None:
        """Wait until `count` changes are acknowledged."""
        while sum(self.versions.values()) < count:
            self._progress.clear()
            await self._progress.wait()

    def _change(self, subject: str, version: int, data: dict[str, Any]) -> dict[str, Any]:
        stream = f"project:{subject.split('-')[0]}"
        return change_document(
            event_type="task.changed",
            stream=stream,
            subject=subject,
            version=version,
            actor="operator:1",
            at=self.clock.now(),
            data=data,
        )

    async def churn(self, writers: int, subjects: int, versions: int) -> None:
        """Write `writers` x `subjects` x `versions` changes, as many at once as there are writers."""

        async def write(writer: int) -> None:
            for _ in range(versions):
                for subject in range(subjects):
                    await self.change(f"{writer}-{subject}", COLLECTIONS[writer % 2])

        await asyncio.gather(*(write(writer) for writer in range(writers)))


def make_relay(database: Database, *, lease: str = "relay", holder: str = "one", **options: Any) -> EventRelay:
    clock = options.pop("clock", SystemClock())
    leadership = options.pop("leadership", None) or Leadership(database, lease, holder, clock, poll_seconds=0.02)
    return EventRelay(database, COLLECTIONS, leadership, clock, **options)


@asynccontextmanager
async def running(relay: EventRelay) -> AsyncIterator[asyncio.Task[None]]:
    await relay.prepare()
    task = asyncio.create_task(relay.run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def own_connection(uri: str, name: str) -> AsyncIterator[Database]:
    client = mongo.connect(uri, app_name="tests-own")
    try:
        yield client[name]
    finally:
        await client.close()


async def take(items: AsyncGenerator[Event | Gap, None], count: int) -> list[Event | Gap]:
    return [await anext(items) for _ in range(count)]


async def stored(database: Database) -> list[dict[str, Any]]:
    return await database["events"].find().sort("_id").to_list()


async def wait_for_events(database: Database, count: int) -> list[dict[str, Any]]:
    async def there() -> bool:
        return await database["events"].count_documents({}) >= count

    await come_true(there)
    return await stored(database)


def assert_told_once(events: list[dict[str, Any]], source: Source) -> None:
    """Every change is an event, once; numbers have no hole; each subject's versions are in order."""
    assert [event["_id"] for event in events] == list(range(1, len(events) + 1))
    ids = [event["change"]["id"] for event in events]
    assert len(ids) == len(set(ids))
    assert set(ids) == source.changes
    seen: dict[str, int] = {}
    for event in events:
        change = event["change"]
        assert change["version"] == seen.get(change["subject"], 0) + 1
        seen[change["subject"]] = change["version"]
