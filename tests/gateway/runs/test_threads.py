"""Threads, in the words of both generations of clients."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from tests.gateway.runs.runner import BASES, MOCK, Runner, good, refused

# What clients of the newer generation need in every thread, and of which kind.
_NEW = {
    "id": int,
    "timestamp": str,
    "user_input": str,
    "result": str,
    "execution_time": int,
    "model": str,
    "agent_count": int,
    "sources": list,
    "agentStatuses": list,
    "toolEvents": list,
}
_OLD = {"id": int, "title": str, "created_at": str, "updated_at": str}
_RUST = {"X-SDK-Language": "rust"}


def check(thread: Any) -> None:
    for name, kind in (_NEW | _OLD).items():
        assert type(thread[name]) is kind, name
    assert thread["timestamp"]
    assert thread["title"] == thread["user_input"]
    assert datetime.fromisoformat(thread["created_at"])
    assert None not in thread.values()


@pytest.mark.parametrize("base", BASES)
async def test_a_thread_from_its_beginning_to_its_end(runner: Runner, base: str) -> None:
    made = await runner.post(f"{base}/threads", {"title": "Rivers", "metadata": {"a": [1]}})
    check(made)
    assert (made["title"], made["metadata"]) == ("Rivers", {"a": [1]})
    path = f"{base}/threads/{made['id']}"
    assert await runner.get(path) == made
    listed = await runner.get(f"{base}/threads?limit=1&offset=0")
    assert listed["threads"] == listed["conversations"] == [made]
    assert (listed["limit"], listed["offset"]) == (1, 0)
    assert listed["has_more"] is (listed["total"] > 1)
    removed = await runner.send("DELETE", path)
    assert good(removed) == {"id": made["id"], "deleted": True}
    assert refused(await runner.send("GET", path), 404, "THREAD_NOT_FOUND") == "Thread not found"


@pytest.mark.parametrize("body", [None, {}, {"title": None, "messages": None, "metadata": None}])
async def test_a_thread_of_nothing(runner: Runner, body: Any) -> None:
    check(await runner.post("/api/v1/developer/threads", body))


@pytest.mark.parametrize("base", BASES)
async def test_runs_continue_a_thread(runner: Runner, base: str) -> None:
    said = [{"role": "user", "content": "I have a boat", "is_agent_status": False}]
    thread = await runner.post(f"{base}/threads", {"title": "t", "messages": said})
    path = f"{base}/threads/{thread['id']}"
    begun = await runner.post(f"{path}/runs", {"prompt": "How do I cross?", "model_id": None, "options": MOCK})
    assert begun["taskId"] == begun["task_id"]
    assert (begun["threadId"], begun["thread_id"]) == (str(thread["id"]), thread["id"])
    assert begun["status"] == "processing"
    assert begun["message_id"] >= 1
    lines = await runner.finish(begun["taskId"])
    assert lines[-1].data["conversation_id"] == str(thread["id"])
    page = await runner.get(f"{path}/messages")
    assert (page["total"], page["truncated"]) == (3, False)
    assert [message["role"] for message in page["messages"]] == ["user", "user", "assistant"]
    assert [message["content"] for message in page["messages"]][:2] == ["I have a boat", "How do I cross?"]
    assert page["messages"][2]["content"] == lines[-1].data["result"]
    for message in page["messages"]:
        assert message["message_id"] == str(message["id"])
        assert (message["thread_id"], message["is_agent_status"], message["rating"]) == (thread["id"], False, 0)
        assert None not in message.values()
    assert page["messages"][1]["id"] == begun["message_id"]
    assert page["messages"][2]["elapsed_seconds"] > 0
    second = await runner.get(f"{path}/messages?limit=1&offset=1")
    assert [message["content"] for message in second["messages"]] == ["How do I cross?"]
    after = await runner.get(path)
    assert (after["result"], after["agent_count"]) == (lines[-1].data["result"], 4)
    assert after["execution_time"] >= 1


async def test_one_run_at_a_time_in_a_thread(runner: Runner) -> None:
    thread = await runner.post("/api/developer/threads", {})
    path = f"/api/developer/threads/{thread['id']}/runs"
    first = await runner.post(path, {"prompt": "[[mock delay=30]] x", "options": MOCK})
    reply = await runner.send("POST", path, json={"prompt": "y", "options": MOCK})
    refused(reply, 409, "THREAD_BUSY")
    await runner.post(f"/api/v1/tasks/{first['taskId']}/cancel")


async def test_old_rust_clients_read_seconds(runner: Runner) -> None:
    thread = await runner.post("/api/developer/threads", {"messages": [{"role": "user", "content": "x"}]})
    old = await runner.get(f"/api/developer/threads/{thread['id']}", headers=_RUST)
    assert type(old["created_at"]) is int
    page = await runner.get(f"/api/developer/threads/{thread['id']}/messages", headers=_RUST)
    assert type(page["messages"][0]["created_at"]) is int
    new = await runner.get(f"/api/v1/developer/threads/{thread['id']}", headers=_RUST)
    assert type(new["created_at"]) is str


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/threads/x", "threadId"),
        ("/threads/0", "threadId"),
        ("/threads?limit=0", "limit"),
        ("/threads?offset=x", "offset"),
    ],
)
async def test_what_is_wrong_with_a_request(runner: Runner, path: str, text: str) -> None:
    assert text in refused(await runner.send("GET", f"/api/developer{path}"), 400, "VALIDATION_FAILED")


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"messages": [{"role": "system", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": ""}]}, "messages[0].content"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"title": 5}, "title"),
        ({"title": "x" * 501}, "title"),
        ({"metadata": []}, "metadata"),
    ],
)
async def test_what_is_wrong_with_a_thread(runner: Runner, body: Any, text: str) -> None:
    reply = await runner.send("POST", "/api/v1/developer/threads", json=body)
    assert text in refused(reply, 400, "VALIDATION_FAILED")
    assert reply.json["errors"][0]["location"] == f"body.{text}"
