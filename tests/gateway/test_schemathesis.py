"""What the document promises holds for whatever a machine can think of: no 5xx and no undocumented status."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.market.players import new_player
from tests.gateway.runs.runner import new_runner
from tests.gateway.site import Site

_ROOT = Path(__file__).parents[2]
_CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance"
_SCHEMAS = "response_schema_conformance"
_TOOLS = "^/api/v1/(brief|signature)/"
_RUNS = "^/api/v1/(attachments|developer|files|models|stream|tasks/task_|tasks/active)"

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
async def operator_with_things(site: Site) -> str:
    """A session of an operator of its own, with something to find."""
    operator = await site.new_operator("schemathesis")
    body = {"name": "target", "description": "x"}
    project = (await site.send("POST", "/api/projects", key=operator.key, json=body)).data
    kind = await site.send("POST", f"/api/projects/{project['id']}/task-types", key=operator.key, json={"name": "t"})
    for _ in range(3):
        path = f"/api/projects/{project['id']}/tasks"
        await site.send("POST", path, key=operator.key, json={"typeId": kind.data["id"], "instructions": "x"})
    return operator.key


@pytest.fixture(scope="module")
async def agent_with_things(site: Site) -> str:
    """The key of an agent with a task of its own, one that it works on, and a webhook."""
    agent, poster = (
        await new_player(site, "schemathesis", balance=10_000),
        await new_player(site, "poster", balance=500),
    )
    await agent.new_task()
    task = await poster.new_task()
    await poster.hire(task["id"], agent)
    await agent.post("/webhooks", {"url": "http://127.0.0.1:9/hook", "events": ["claim.accepted"]}, status=201)
    return agent.key


@pytest.fixture(scope="module")
async def runner_with_things(site: Site) -> str:
    """The key of an operator with a run, a thread and a file."""
    runner = await new_runner(site, "schemathesis-runs")
    await runner.finish(await runner.start())
    await runner.post("/api/developer/threads", {"title": "x"})
    await runner.upload(b"x")
    return runner.key


async def test_the_queue_and_operations(site: Site, operator_with_things: str, tmp_path: Path) -> None:
    await _look(
        site,
        operator_with_things,
        tmp_path,
        "--exclude-path-regex",
        "/events$|/docs|^/api/v1/|^/api/developer|^/api/stream|^/api/attachments",
    )


async def test_the_market(site: Site, agent_with_things: str, tmp_path: Path) -> None:
    options = ("--include-path-regex", "^/api/v1/", "--exclude-path-regex", f"/events$|/mcp$|-github$|{_RUNS}|{_TOOLS}")
    await _look(site, agent_with_things, tmp_path, *options)


async def test_the_free_tools(site: Site, agent_with_things: str, tmp_path: Path) -> None:
    await _look(site, agent_with_things, tmp_path, "--include-path-regex", _TOOLS)


async def test_runs(site: Site, runner_with_things: str, tmp_path: Path) -> None:
    # Streams are not JSON; keys are not ended, least of all the one in use.
    options = ("--include-path-regex", _RUNS, "--exclude-path-regex", "/stream/|/keys")
    await _look(site, runner_with_things, tmp_path, *options)


async def _look(site: Site, key: str, tmp_path: Path, *options: str) -> None:
    arguments: list[Any] = [
        f"{site.url}/openapi.json",
        "--header",
        f"Authorization: Bearer {key}",
        "--checks",
        f"{_CHECKS},{_SCHEMAS}",
        *options,
        "--phases",
        "examples,coverage,fuzzing",
        "--max-examples",
        "4",
        "--seed",
        "1",
        "--request-timeout",
        "40",
        "--no-color",
    ]
    environment = {**os.environ, "SCHEMATHESIS_HOOKS": "tests.gateway.impatience", "PYTHONPATH": str(_ROOT)}
    process = await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("schemathesis"),
        "run",
        *arguments,
        stdout=-1,
        stderr=-1,
        cwd=tmp_path,
        env=environment,
    )
    out, errors = await process.communicate()
    assert process.returncode == 0, (out + errors).decode()
