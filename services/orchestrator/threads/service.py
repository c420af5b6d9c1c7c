"""Conversations: made, read, continued by runs, and removed. What is said in one goes to its operator alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from kit.caller import READ, WRITE, Caller
from services.orchestrator.access import operator_of
from services.orchestrator.threads.errors import MetadataInvalid, ThreadBusy, ThreadNotFound
from services.orchestrator.threads.model import (
    ASSISTANT,
    USER,
    Message,
    Thread,
    ThreadRun,
    elapsed_ms,
    title_of,
)

if TYPE_CHECKING:
    from kit.clock import Clock
    from services.orchestrator.threads.store import ThreadStore

_DEFAULT_THREADS, _DEFAULT_MESSAGES = 20, 50
_LISTED_CHARACTERS = 16_384
_HISTORY_MESSAGES = 200
_HISTORY_BYTES = 256 * 1024


class ThreadService:
    """The use cases of threads.

    Args:
        store: where they are kept.
        clock: the time.
    """

    def __init__(self, store: ThreadStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def create(
        self, caller: Caller, title: str, messages: Sequence[tuple[str, str]], metadata_json: str, key: str | None
    ) -> Thread:
        """Make a thread with what was said already, as roles and contents.

        Raises:
            InvalidInput: the metadata is not a JSON object.
        """
        operator_id = operator_of(caller, WRITE)
        if metadata_json:
            _require_object(metadata_json)
        now = self._clock.now()
        thread = Thread(
            id=0,
            operator_id=operator_id,
            title=title.strip() or (title_of(messages[0][1]) if messages else ""),
            metadata_json=metadata_json,
            last_result=next((text for role, text in reversed(messages) if role == ASSISTANT), ""),
            created_at=now,
            updated_at=now,
            idempotency=key,
        )
        said = [Message(id=0, thread_id=0, role=role, content=text, created_at=now) for role, text in messages]
        return await self._store.insert(thread, said)

    async def list(self, caller: Caller, limit: int, offset: int) -> tuple[Sequence[Thread], int]:
        """Return a page of the caller's threads, the one that changed last first, and how many there are."""
        threads, total = await self._store.page(operator_of(caller, READ), limit or _DEFAULT_THREADS, offset)
        # A hundred long answers would not fit into a message; the whole ones are in the threads.
        cut = [msgspec.structs.replace(each, last_result=each.last_result[:_LISTED_CHARACTERS]) for each in threads]
        return cut, total

    async def get(self, caller: Caller, thread_id: int) -> Thread:
        """Return a thread.

        Raises:
            ThreadNotFound: there is none, or it belongs to somebody else.
        """
        return await self._found(operator_of(caller, READ), thread_id)

    async def delete(self, caller: Caller, thread_id: int) -> None:
        """Remove a thread with its messages; a run under way in it goes on without it.

        Raises:
            ThreadNotFound: there is none, or it belongs to somebody else.
        """
        if not await self._store.delete(operator_of(caller, WRITE), thread_id):
            raise ThreadNotFound(thread_id)

    async def messages(self, caller: Caller, thread_id: int, limit: int, offset: int) -> tuple[Sequence[Message], int]:
        """Return a page of what was said in a thread, oldest first, and how much there is.

        Raises:
            ThreadNotFound: there is none, or it belongs to somebody else.
        """
        await self._found(operator_of(caller, READ), thread_id)
        return await self._store.messages(thread_id, limit or _DEFAULT_MESSAGES, offset)

    async def history(self, operator_id: int, thread_id: int) -> Sequence[Message]:
        """Return what was said in a thread before the run that is under way, oldest first: the last 256 KiB.

        Answers that failed are left out. A thread that was removed has no history.
        """
        thread = await self._store.find(operator_id, thread_id)
        if thread is None:
            return ()
        kept: list[Message] = []
        room = _HISTORY_BYTES
        for message in await self._store.last_messages(thread_id, _HISTORY_MESSAGES):
            if message.error or (message.run_id is not None and message.run_id == thread.active_run_id):
                continue
            room -= len(message.content.encode())
            if room < 0:
                break
            kept.append(message)
        return kept[::-1]

    async def begin(self, run: ThreadRun) -> int:
        """Let a run begin in its thread, and return the number of the message that asks; again for the same run too.

        Raises:
            ThreadNotFound: there is no such thread of the run's operator.
            ThreadBusy: another run is under way in it.
        """
        now = self._clock.now()
        if not await self._store.occupy(run, title_of(run.prompt), now):
            thread = await self._found(run.operator_id, run.thread_id)
            raise ThreadBusy(run.thread_id, thread.active_run_id)
        message = Message(id=0, thread_id=run.thread_id, role=USER, content=run.prompt, created_at=now, run_id=run.id)
        return (await self._store.say(message)).id

    async def finish(self, run: ThreadRun) -> None:
        """Put the answer of a run into its thread, and free that for the next run; again changes nothing.

        A thread that was removed stays removed.
        """
        thread = await self._store.find(run.operator_id, run.thread_id)
        if thread is None:
            await self._store.forget(run.thread_id)
            return
        if thread.active_run_id != run.id:
            return
        now = self._clock.now()
        answer = Message(
            id=0,
            thread_id=run.thread_id,
            role=ASSISTANT,
            content=run.result or run.error,
            created_at=now,
            run_id=run.id,
            elapsed_ms=elapsed_ms(run),
            error="" if run.result else run.error,
        )
        await self._store.say(answer)
        if not await self._store.release(run, elapsed_ms(run), now):
            # It was removed, or another replica has done the same.
            await self._forget_removed(run)

    async def cancel(self, run: ThreadRun) -> None:
        """Undo what `begin` did for a run that did not begin; also when that did nothing."""
        await self._store.unsay(run.thread_id, run.id)
        await self._store.free(run)

    async def _forget_removed(self, run: ThreadRun) -> None:
        if await self._store.find(run.operator_id, run.thread_id) is None:
            await self._store.forget(run.thread_id)

    async def _found(self, operator_id: int, thread_id: int) -> Thread:
        thread = await self._store.find(operator_id, thread_id)
        if thread is None:
            raise ThreadNotFound(thread_id)
        return thread


def _require_object(text: str) -> None:
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        raise MetadataInvalid from None
    if not isinstance(value, dict):
        raise MetadataInvalid
