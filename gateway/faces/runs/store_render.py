"""Threads and files as the answers that this face documents."""

from __future__ import annotations

from typing import Any, cast

from msgspec import UNSET
from piecework.orchestrator.v1 import files_pb2, threads_pb2

from gateway.faces.runs import store_schemas as schemas
from gateway.faces.runs.generations import Generation
from gateway.faces.runs.render import json_object
from gateway.times import time_text


def conversation(thread: threads_pb2.Thread, client: Generation) -> schemas.Conversation:
    """Return a thread."""
    return schemas.Conversation(
        id=thread.id,
        title=thread.title,
        created_at=client.thread_time(thread.created_at),
        updated_at=client.thread_time(thread.updated_at),
        timestamp=time_text(thread.updated_at),
        user_input=thread.title,
        result=thread.last_result,
        execution_time=-(-thread.execution_ms // 1000),
        model=thread.model_id,
        agent_count=thread.agent_count,
        sources=[],
        agent_statuses=[],
        tool_events=[],
        metadata=json_object(thread.metadata_json) or UNSET,
        active_task_id=thread.active_run_id or UNSET,
    )


def conversations(
    found: threads_pb2.ListThreadsResponse, limit: int, offset: int, client: Generation
) -> schemas.Conversations:
    """Return a page of threads."""
    threads = [conversation(thread, client) for thread in found.threads]
    more = offset + len(threads) < found.total
    return schemas.Conversations(threads, threads, found.total, limit, offset, more)


def messages(
    found: threads_pb2.ListMessagesResponse, limit: int, offset: int, client: Generation
) -> schemas.ConversationMessages:
    """Return a page of messages."""
    shown = [_message(each, client) for each in found.messages]
    return schemas.ConversationMessages(shown, found.total, limit, offset, truncated=False)


def _message(said: threads_pb2.Message, client: Generation) -> schemas.ConversationMessage:
    at = client.thread_time(said.created_at)
    return schemas.ConversationMessage(
        id=said.id,
        message_id=str(said.id),
        thread_id=said.thread_id,
        role=cast(Any, said.role),
        content=said.content,
        is_agent_status=False,
        created_at=at,
        updated_at=at,
        rating=0,
        elapsed_seconds=said.elapsed_ms / 1000 if said.elapsed_ms else UNSET,
        error=said.error or UNSET,
        task_id=said.run_id or UNSET,
    )


def stored_file(file: files_pb2.File, client: Generation) -> schemas.StoredFile:
    """Return a file."""
    return schemas.StoredFile(
        id=file.id,
        object="file",
        filename=file.filename,
        purpose=file.purpose,
        bytes=file.size_bytes,
        created_at=client.file_time(file.created_at),
        mime_type=file.mime_type or UNSET,
    )


def stored_files(
    found: files_pb2.ListFilesResponse, limit: int, offset: int, client: Generation
) -> schemas.StoredFiles:
    """Return a page of files."""
    return schemas.StoredFiles([stored_file(each, client) for each in found.files], found.total, limit, offset)


def storage(found: files_pb2.GetStorageResponse) -> schemas.StorageUse:
    """Return how much files take."""
    parts = [schemas.StoragePart(each.id, each.label, each.size_bytes, each.count) for each in found.categories]
    return schemas.StorageUse(found.used_bytes, found.quota_bytes, parts)
