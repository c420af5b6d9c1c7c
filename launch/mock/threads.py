"""Threads in memory, and runs in them that answer at once."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Literal

import msgspec

from gateway.faces.runs.store_schemas import Conversation, ConversationMessage, ConversationMessages, Conversations
from gateway.times import now_text
from launch.mock.tasks import RESULT

_KEPT = 1_000
_KEPT_MESSAGES = 1_000
_MODEL = "piecework/mock"
_TITLE = "New thread"
_TITLE_CHARACTERS = 80


class MockThreads:
    """Keeps the newest threads."""

    def __init__(self) -> None:
        self._threads: OrderedDict[int, Conversation] = OrderedDict()
        self._messages: dict[int, list[ConversationMessage]] = {}
        self._last_thread = 0
        self._last_message = 0

    def create(self, body: dict[str, Any]) -> Conversation:
        """Begin a thread."""
        self._last_thread += 1
        now, title = now_text(), str(body.get("title") or _TITLE)
        made = Conversation(self._last_thread, title, now, now, now, title, "", 0, _MODEL, 0, [], [], [])
        if isinstance(body.get("metadata"), dict):
            made.metadata = body["metadata"]
        self._threads[made.id] = made
        self._messages[made.id] = []
        for message in body.get("messages") or []:
            if isinstance(message, dict):
                role: Literal["user", "assistant"] = "assistant" if message.get("role") == "assistant" else "user"
                self._say(made.id, role, str(message.get("content", "")))
        while len(self._threads) > _KEPT:
            self.delete(next(iter(self._threads)))
        return made

    def find(self, thread_id: int) -> Conversation | None:
        """Return a thread, None when there is none."""
        return self._threads.get(thread_id)

    def delete(self, thread_id: int) -> bool:
        """Remove a thread, and tell whether there was one."""
        self._messages.pop(thread_id, None)
        return self._threads.pop(thread_id, None) is not None

    def page(self, limit: int, offset: int) -> Conversations:
        """Return some threads, the newest first."""
        newest = list(reversed(self._threads.values()))
        shown, total = newest[offset : offset + limit], len(newest)
        return Conversations(shown, shown, total, limit, offset, offset + len(shown) < total)

    def messages(self, thread_id: int, limit: int, offset: int) -> ConversationMessages:
        """Return some messages of a thread, the oldest first."""
        said = self._messages[thread_id]
        return ConversationMessages(said[offset : offset + limit], len(said), limit, offset, truncated=False)

    def run(self, thread: Conversation, prompt: str, task_id: str) -> int:
        """Say a prompt and its answer, and return the number of the prompt."""
        asked = self._say(thread.id, "user", prompt)
        self._say(thread.id, "assistant", RESULT, task_id)
        if thread.title == _TITLE:
            thread.title = thread.user_input = prompt[:_TITLE_CHARACTERS] or _TITLE
        thread.result, thread.agent_count = RESULT, 1
        thread.updated_at = thread.timestamp = now_text()
        return asked

    def _say(self, thread_id: int, role: Literal["user", "assistant"], content: str, task_id: str = "") -> int:
        self._last_message += 1
        now = now_text()
        said = ConversationMessage(
            self._last_message,
            str(self._last_message),
            thread_id,
            role,
            content,
            is_agent_status=False,
            created_at=now,
            updated_at=now,
            rating=0,
            task_id=task_id or msgspec.UNSET,
        )
        messages = self._messages[thread_id]
        messages.append(said)
        del messages[:-_KEPT_MESSAGES]
        return said.id
