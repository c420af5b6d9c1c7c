"""Conversations and what was said in them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import msgspec

USER, ASSISTANT = "user", "assistant"
MAX_TITLE_CHARACTERS = 80


class Thread(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation.

    Attributes:
        id: from 1, among those of all operators.
        title: what it is about; empty until something was said.
        metadata_json: facts of the client's, a JSON object, or empty.
        last_result: the last answer.
        model_id: the model of the last run.
        agent_count: the agents of the last run.
        execution_ms: how long the last run took, in milliseconds.
        active_run_id: the run that is under way in it; empty for none.
        idempotency: the key of the call that made it.
    """

    id: int = msgspec.field(name="_id")
    operator_id: int
    created_at: datetime
    updated_at: datetime
    title: str = ""
    metadata_json: str = ""
    last_result: str = ""
    model_id: str = ""
    agent_count: int = 0
    execution_ms: int = 0
    active_run_id: str = ""
    idempotency: str | None = None


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was said.

    Attributes:
        id: from 1, among the messages of all threads; grows.
        role: `user` or `assistant`.
        content: what was said.
        run_id: the run that asked or answered; None for what came with the thread.
        elapsed_ms: how long the answer took.
        error: why there is no answer; empty when there is.
    """

    id: int = msgspec.field(name="_id")
    thread_id: int
    role: str
    content: str
    created_at: datetime
    run_id: str | None = None
    elapsed_ms: int = 0
    error: str = ""


class ThreadRun(Protocol):
    """What a thread has to know of a run in it."""

    @property
    def id(self) -> str: ...  # noqa: D102 - as it says

    @property
    def operator_id(self) -> int: ...  # noqa: D102

    @property
    def thread_id(self) -> int: ...  # noqa: D102

    @property
    def prompt(self) -> str: ...  # noqa: D102

    @property
    def model_id(self) -> str: ...  # noqa: D102

    @property
    def result(self) -> str: ...  # noqa: D102

    @property
    def error(self) -> str: ...  # noqa: D102

    @property
    def created_at(self) -> datetime: ...  # noqa: D102

    @property
    def ended_at(self) -> datetime | None: ...  # noqa: D102

    @property
    def agents(self) -> Sequence[object]: ...  # noqa: D102


def title_of(text: str) -> str:
    """Return a title made of the first words of a text."""
    words = " ".join(text.split())
    if len(words) <= MAX_TITLE_CHARACTERS:
        return words
    cut = words[: MAX_TITLE_CHARACTERS - 1]
    return f"{cut.rsplit(' ', 1)[0] if ' ' in cut else cut}…"


def elapsed_ms(run: ThreadRun) -> int:
    """Return how long a run took, in milliseconds."""
    if run.ended_at is None:
        return 0
    return max(0, round((run.ended_at - run.created_at).total_seconds() * 1000))
