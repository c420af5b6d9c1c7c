"""Threads: conversations that runs continue."""

from __future__ import annotations

from piecework.orchestrator.v1 import threads_pb2

from gateway.call import Call
from gateway.faces.runs import store_render, store_schemas
from gateway.faces.runs.generations import generation
from gateway.faces.runs.requests import MessagePage, NewThread, ThreadPage
from gateway.faces.runs.routes.table import READ, Rows
from gateway.routing import Route

_LIST = "/threads"
_PATH = "/threads/{threadId}"


async def create_thread(call: Call) -> store_schemas.Conversation:
    """Begin a thread."""
    made: threads_pb2.CreateThreadResponse = await call.send(call.peers.threads.CreateThread)
    return store_render.conversation(made.thread, generation(call.request))


async def list_threads(call: Call) -> store_schemas.Conversations:
    """List the threads of the caller's operator."""
    found: threads_pb2.ListThreadsResponse = await call.send(call.peers.threads.ListThreads)
    page: ThreadPage = call.query
    return store_render.conversations(found, page.limit, page.offset, generation(call.request))


async def get_thread(call: Call) -> store_schemas.Conversation:
    """Read a thread."""
    found: threads_pb2.GetThreadResponse = await call.send(call.peers.threads.GetThread)
    return store_render.conversation(found.thread, generation(call.request))


async def delete_thread(call: Call) -> store_schemas.RemovedThread:
    """Remove a thread."""
    await call.send(call.peers.threads.DeleteThread)
    return store_schemas.RemovedThread(call.message.thread_id, deleted=True)


async def list_messages(call: Call) -> store_schemas.ConversationMessages:
    """List what was said in a thread."""
    found: threads_pb2.ListMessagesResponse = await call.send(call.peers.threads.ListMessages)
    page: MessagePage = call.query
    return store_render.messages(found, page.limit, page.offset, generation(call.request))


def routes(rows: Rows) -> list[Route]:
    """Return the rows of threads."""
    return [*_all(rows), *_single(rows)]


def _all(rows: Rows) -> list[Route]:
    return [
        *rows.under_bases(
            "POST",
            _LIST,
            "createThread",
            "Begin a thread, with what was said already if there is anything",
            create_thread,
            answer=store_schemas.Conversation,
            request=threads_pb2.CreateThreadRequest,
            places={"metadata": "metadata_json"},
            body=NewThread,
            body_required=False,
            errors=(403,),
            idempotent=True,
            tag="Threads",
        ),
        *rows.under_bases(
            "GET",
            _LIST,
            "listThreads",
            "List threads, the one that changed last first",
            list_threads,
            answer=store_schemas.Conversations,
            request=threads_pb2.ListThreadsRequest,
            query=ThreadPage,
            errors=(400, 403),
            tag="Threads",
        ),
    ]


def _single(rows: Rows) -> list[Route]:
    by_id = {"errors": READ, "tag": "Threads"}
    return [
        *rows.under_bases(
            "GET",
            _PATH,
            "getThread",
            "Read a thread",
            get_thread,
            answer=store_schemas.Conversation,
            request=threads_pb2.GetThreadRequest,
            **by_id,
        ),
        *rows.under_bases(
            "DELETE",
            _PATH,
            "deleteThread",
            "Remove a thread with its messages",
            delete_thread,
            answer=store_schemas.RemovedThread,
            request=threads_pb2.DeleteThreadRequest,
            **by_id,
        ),
        *rows.under_bases(
            "GET",
            f"{_PATH}/messages",
            "listThreadMessages",
            "List what was said in a thread, oldest first",
            list_messages,
            answer=store_schemas.ConversationMessages,
            request=threads_pb2.ListMessagesRequest,
            query=MessagePage,
            **by_id,
        ),
    ]
