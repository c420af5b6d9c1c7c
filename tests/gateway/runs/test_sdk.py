"""The published client, `taskforceai` 1.3.1, as it is, against the real thing: every method, both of its kinds."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from taskforceai import (
    AsyncTaskForceAIClient,
    TaskForceAIClient,
    TaskForceAIError,
)

from tests.gateway.runs.runner import BASES, Runner
from tests.gateway.site import Site

_POLL = 0.05
_ATTEMPTS = 400
_PROMPT = "Compare three ways to cross a river"


def sync_client(runner: Runner, base: str, **more: Any) -> TaskForceAIClient:
    return TaskForceAIClient(runner.key, base_url=runner.site.url + base, **more)


def async_client(runner: Runner, base: str, **more: Any) -> AsyncTaskForceAIClient:
    return AsyncTaskForceAIClient(runner.key, base_url=runner.site.url + base, **more)


@pytest.mark.parametrize("base", BASES)
async def test_every_method_of_the_asynchronous_client(runner: Runner, base: str) -> None:
    responses: list[httpx.Response] = []
    seen: list[Any] = []
    async with async_client(runner, base, response_hook=responses.append) as client:
        task_id = await client.submit_task(_PROMPT, mock=True, silent=True)
        status = await client.get_task_status(task_id)
        assert status.task_id == task_id
        assert status.status in ("processing", "completed")
        result = await client.get_task_result(task_id)
        assert result.task_id == task_id
        done = await client.wait_for_completion(
            task_id, poll_interval=_POLL, max_attempts=_ATTEMPTS, on_status=seen.append
        )
        assert done.status == "completed"
        assert isinstance(done.result, str)
        assert done.result
        assert (await client.get_task_result(task_id)).result == done.result
        again = await client.run_task(_PROMPT, mock=True, poll_interval=_POLL, max_attempts=_ATTEMPTS)
        assert again.status == "completed"
        stream = client.stream_task_status(task_id, poll_interval=_POLL)
        assert [each.status async for each in stream] == ["completed"]
        running = await client.run_task_stream(_PROMPT, mock=True, poll_interval=_POLL, max_attempts=_ATTEMPTS)
        statuses = [each.status async for each in running]
        assert statuses[-1] == "completed"
        assert set(statuses[:-1]) <= {"processing"}
    assert seen[-1].result == done.result
    for response in responses:
        assert response.headers["request-id"]
        assert int(response.headers["x-ratelimit-remaining"]) >= 0
        assert int(response.headers["x-ratelimit-reset"]) > 1_700_000_000


@pytest.mark.parametrize("base", BASES)
async def test_every_method_of_the_synchronous_client(runner: Runner, base: str) -> None:
    def use() -> None:
        responses: list[httpx.Response] = []
        with sync_client(runner, base, response_hook=responses.append) as client:
            task_id = client.submit_task(_PROMPT, options={"mock": True, "model_id": "piecework/mock"})
            assert client.get_task_status(task_id).status in ("processing", "completed")
            assert client.get_task_result(task_id).task_id == task_id
            done = client.wait_for_completion(task_id, poll_interval=_POLL, max_attempts=_ATTEMPTS)
            assert done.result
            assert client.get_task_result(task_id).result == done.result
            again = client.run_task(
                _PROMPT, mock=True, model_id="piecework/mock", poll_interval=_POLL, max_attempts=_ATTEMPTS
            )
            assert again.result
            stream = client.stream_task_status(task_id, poll_interval=_POLL)
            assert [each.status for each in stream] == ["completed"]
            running = client.run_task_stream(
                _PROMPT, mock=True, vercel_ai_key="sk-ignored", poll_interval=_POLL, max_attempts=_ATTEMPTS
            )
            assert [each.status for each in running][-1] == "completed"
        assert all(response.headers["request-id"] for response in responses)

    await asyncio.to_thread(use)


async def test_what_it_says_when_it_is_refused(runner: Runner, bystander: Runner) -> None:
    async with async_client(runner, BASES[0]) as client:
        with pytest.raises(TaskForceAIError, match=r"^Task not found$") as caught:
            await client.get_task_status("task_00000000-0000-0000-0000-000000000000")
        assert caught.value.status_code == 404
        with pytest.raises(TaskForceAIError, match=r'^model "no-such-model" is not available$') as caught:
            await client.submit_task("x", model_id="no-such-model")
        assert caught.value.status_code == 400
        with pytest.raises(TaskForceAIError, match="prompt") as caught:
            await client.submit_task("x" * 10_001, mock=True)
        assert caught.value.status_code == 400
        task_id = await client.submit_task("x", mock=True)
    async with async_client(bystander, BASES[0]) as client:
        with pytest.raises(TaskForceAIError, match=r"^Task not found$"):
            await client.get_task_result(task_id)
    async with AsyncTaskForceAIClient("pw_live_wrong", base_url=runner.site.url + BASES[0]) as client:
        with pytest.raises(TaskForceAIError, match=r"^Invalid or missing API key$") as caught:
            await client.submit_task("x")
        assert caught.value.status_code == 401


async def test_a_run_that_was_canceled_is_a_failure_to_it(runner: Runner) -> None:
    script = {"mock": True, "agentCount": 1}
    task_id = await runner.start("[[mock delay=30]] wait", options=script)
    await runner.post(f"/api/v1/tasks/{task_id}/cancel")
    async with async_client(runner, BASES[1]) as client:
        with pytest.raises(TaskForceAIError, match="ancel"):
            await client.wait_for_completion(task_id, poll_interval=_POLL, max_attempts=_ATTEMPTS)


async def test_its_own_mock_mode_is_like_ours(runner: Runner, site: Site) -> None:
    del site
    async with AsyncTaskForceAIClient(mock_mode=True) as client:
        theirs = await client.run_task("x", poll_interval=0.0)
    async with async_client(runner, BASES[0]) as client:
        ours = await client.run_task("x", mock=True, poll_interval=_POLL, max_attempts=_ATTEMPTS)
    assert type(theirs) is type(ours)
    assert ours.result == theirs.result
