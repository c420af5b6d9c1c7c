"""Threads as messages."""

from __future__ import annotations

from piecework.orchestrator.v1 import threads_pb2 as pb

from kit.timestamps import to_timestamp
from services.orchestrator.threads.model import Message, Thread


def thread_to_proto(thread: Thread) -> pb.Thread:
    """Return the message of a thread."""
    return pb.Thread(
        id=thread.id,
        title=thread.title,
        metadata_json=thread.metadata_json,
        last_result=thread.last_result,
        model_id=thread.model_id,
        agent_count=thread.agent_count,
        execution_ms=thread.execution_ms,
        active_run_id=thread.active_run_id,
        created_at=to_timestamp(thread.created_at),
        updated_at=to_timestamp(thread.updated_at),
    )


def message_to_proto(message: Message) -> pb.Message:
    """Return the message of something that was said."""
    return pb.Message(
        id=message.id,
        thread_id=message.thread_id,
        role=message.role,
        content=message.content,
        run_id=message.run_id or "",
        elapsed_ms=message.elapsed_ms,
        error=message.error,
        created_at=to_timestamp(message.created_at),
    )
