"""Every MongoDB query of threads. A message is there once for each run and role, whoever repeats what."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import DuplicateKeyError

from kit.mongo import Document, ensure_indexes, is_duplicate, translated
from services.orchestrator.numbers import Numbers
from services.orchestrator.threads.model import Message, Thread, ThreadRun

_NATIVE = (datetime,)
_MAX_COUNTED = 1_000_000
_THREAD_INDEXES = (
    IndexModel([("operator_id", ASCENDING), ("updated_at", DESCENDING), ("_id", DESCENDING)], name="recent"),
    IndexModel(
        [("operator_id", ASCENDING), ("idempotency", ASCENDING)],
        name="idempotency",
        unique=True,
        partialFilterExpression={"idempotency": {"$exists": True}},
    ),
)
_MESSAGE_INDEXES = (
    IndexModel([("thread_id", ASCENDING), ("_id", ASCENDING)], name="thread"),
    IndexModel(
        [("thread_id", ASCENDING), ("run_id", ASCENDING), ("role", ASCENDING)],
        name="run",
        unique=True,
        partialFilterExpression={"run_id": {"$exists": True}},
    ),
)


class ThreadStore:
    """The collections of threads and messages. Their shard keys are `operator_id` and `thread_id`.

    Args:
        database: the database of the orchestrator.
        numbers: gives numbers to threads and messages.
    """

    def __init__(self, database: AsyncDatabase[Document], numbers: Numbers) -> None:
        self._threads = database["threads"]
        self._messages = database["messages"]
        self._numbers = numbers

    async def prepare(self) -> None:
        """Create the indexes."""
        await ensure_indexes(self._threads, _THREAD_INDEXES)
        await ensure_indexes(self._messages, _MESSAGE_INDEXES)

    @translated()
    async def insert(self, thread: Thread, messages: Sequence[Message]) -> Thread:
        """Store a new thread under the next number, and its messages; return it, or what its key made before."""
        known = await self._made_by(thread)
        if known is not None:
            return known
        thread = msgspec.structs.replace(thread, id=(await self._numbers.take("threads"))[0])
        if messages:
            ids = await self._numbers.take("messages", len(messages))
            numbered = [
                msgspec.structs.replace(message, id=number, thread_id=thread.id)
                for message, number in zip(messages, ids, strict=True)
            ]
            # Before the thread: nobody sees messages without one.
            await self._messages.insert_many([_document(message) for message in numbered])
        try:
            await self._threads.insert_one(_document(thread))
        except DuplicateKeyError as error:
            if not is_duplicate(error, "idempotency"):
                raise
            await self._messages.delete_many({"thread_id": thread.id})
            known = await self._made_by(thread)
            assert known is not None
            return known
        return thread

    @translated()
    async def find(self, operator_id: int, thread_id: int) -> Thread | None:
        """Return a thread of an operator."""
        document = await self._threads.find_one({"_id": thread_id, "operator_id": operator_id})
        return msgspec.convert(document, Thread) if document else None

    @translated()
    async def page(self, operator_id: int, limit: int, offset: int) -> tuple[list[Thread], int]:
        """Return some of the threads of an operator, the one that changed last first, and how many there are."""
        mine = {"operator_id": operator_id}
        cursor = self._threads.find(mine).sort([("updated_at", DESCENDING), ("_id", DESCENDING)])
        documents = await cursor.skip(offset).limit(limit).to_list()
        total = await self._threads.count_documents(mine, limit=_MAX_COUNTED)
        return [msgspec.convert(document, Thread) for document in documents], total

    @translated()
    async def delete(self, operator_id: int, thread_id: int) -> bool:
        """Remove a thread and what was said in it; tells whether there was one."""
        found = await self._threads.delete_one({"_id": thread_id, "operator_id": operator_id})
        if not found.deleted_count:
            return False
        await self.forget(thread_id)
        return True

    @translated()
    async def forget(self, thread_id: int) -> None:
        """Remove what was said in a thread that is no more."""
        await self._messages.delete_many({"thread_id": thread_id})

    @translated()
    async def messages(self, thread_id: int, limit: int, offset: int) -> tuple[list[Message], int]:
        """Return some of the messages of a thread, oldest first, and how many there are."""
        mine = {"thread_id": thread_id}
        documents = await self._messages.find(mine).sort("_id", ASCENDING).skip(offset).limit(limit).to_list()
        total = await self._messages.count_documents(mine, limit=_MAX_COUNTED)
        return [msgspec.convert(document, Message) for document in documents], total

    @translated()
    async def last_messages(self, thread_id: int, limit: int) -> list[Message]:
        """Return the last messages of a thread, newest first."""
        cursor = self._messages.find({"thread_id": thread_id}).sort("_id", DESCENDING).limit(limit)
        return [msgspec.convert(document, Message) for document in await cursor.to_list()]

    @translated()
    async def occupy(self, run: ThreadRun, title: str, now: datetime) -> bool:
        """Give a thread to a run, unless another one has it; a thread without a title gets one."""
        given = {
            "active_run_id": {"$literal": run.id},
            "updated_at": now,
            "title": {"$cond": [{"$eq": ["$title", ""]}, {"$literal": title}, "$title"]},
        }
        found = await self._threads.update_one(
            {"_id": run.thread_id, "operator_id": run.operator_id, "active_run_id": {"$in": ["", run.id]}},
            [{"$set": given}],
        )
        return bool(found.matched_count)

    @translated()
    async def release(self, run: ThreadRun, elapsed: int, now: datetime) -> bool:
        """Take a thread from the run that has it, which took so many milliseconds; tells whether it had it."""
        told: dict[str, Any] = {
            "active_run_id": "",
            "model_id": run.model_id,
            "agent_count": len(run.agents),
            "execution_ms": elapsed,
            "updated_at": now,
        }
        if run.result:
            told["last_result"] = run.result
        found = await self._threads.update_one(_held_by(run), {"$set": told})
        return bool(found.matched_count)

    @translated()
    async def free(self, run: ThreadRun) -> None:
        """Take a thread from a run that did not begin."""
        await self._threads.update_one(_held_by(run), {"$set": {"active_run_id": ""}})

    @translated()
    async def say(self, message: Message) -> Message:
        """Store what a run says under the next number; return it, or what the run said in that role before."""
        message = msgspec.structs.replace(message, id=(await self._numbers.take("messages"))[0])
        try:
            await self._messages.insert_one(_document(message))
        except DuplicateKeyError as error:
            if not is_duplicate(error, "run"):
                raise
            said = {"thread_id": message.thread_id, "run_id": message.run_id, "role": message.role}
            document = await self._messages.find_one(said)
            return msgspec.convert(document, Message) if document else message
        return message

    @translated()
    async def unsay(self, thread_id: int, run_id: str) -> None:
        """Remove what a run said."""
        await self._messages.delete_many({"thread_id": thread_id, "run_id": run_id})

    async def _made_by(self, thread: Thread) -> Thread | None:
        if thread.idempotency is None:
            return None
        document = await self._threads.find_one({"operator_id": thread.operator_id, "idempotency": thread.idempotency})
        return msgspec.convert(document, Thread) if document else None


def _held_by(run: ThreadRun) -> dict[str, Any]:
    return {"_id": run.thread_id, "operator_id": run.operator_id, "active_run_id": run.id}


def _document(thing: Thread | Message) -> Document:
    document: Document = msgspec.to_builtins(thing, builtin_types=_NATIVE)
    return {name: value for name, value in document.items() if value is not None}
