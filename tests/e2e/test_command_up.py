"""`piecework up`: what it leaves, what it refuses, how it ends."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import stat
import time
from pathlib import Path

import aiohttp
import pytest

from kit.engines import DataDirectoryLock
from tests.e2e.piecework import READY, Up, descendants, finish, is_running, run, spawn, until


async def test_credentials_have_the_documented_shape_and_are_private(up: Up) -> None:
    credentials = up.credentials
    assert list(credentials) == ["gateway", "operators", "project"]
    assert credentials["gateway"] == up.gateway
    poster, worker = credentials["operators"]
    assert [(operator["name"], operator["id"]) for operator in (poster, worker)] == [("poster", 1), ("worker", 2)]
    assert poster["key"].startswith("pw_live_")
    (agent,) = poster["agents"]
    assert list(agent) == ["id", "uuid", "name", "key"]
    assert agent["name"] == "poster-agent"
    assert agent["key"].startswith("th_agent_")
    assert credentials["project"]["name"] == "demo"
    for name in ("credentials.json", "secrets.json"):
        assert stat.S_IMODE((up.data_dir / name).stat().st_mode) == 0o600


async def test_it_says_where_it_can_be_reached(up: Up) -> None:
    platform = json.loads((up.data_dir / "platform.json").read_text())
    assert platform["gateway"] == up.gateway
    assert platform["pid"] == up.process.pid
    assert platform["grpc"].startswith("127.0.0.1:")


async def test_it_serves_with_the_key_and_not_without(up: Up) -> None:
    async with aiohttp.ClientSession(up.gateway) as http:
        async with http.get("/health") as response:
            assert response.status == 200
        async with http.get(f"/api/projects/{up.project_id}") as response:
            assert response.status == 401
        async with http.get(f"/api/projects/{up.project_id}", headers={"x-api-key": up.key}) as response:
            assert (await response.json())["data"]["name"] == "demo"


async def test_it_logs_json_and_no_key(up: Up) -> None:
    text = (up.data_dir / "logs" / "piecework.log").read_text()
    assert all("event" in json.loads(line) for line in text.splitlines())
    assert "pw_live_" not in text
    assert "th_agent_" not in text


async def test_a_locked_directory_is_refused(up: Up) -> None:
    refused = await run("up", "--data-dir", up.data_dir, "--port", "0")
    assert refused.status == 1
    assert "in use by another piecework" in refused.err
    assert str(up.process.pid) in refused.err
    assert "Traceback" not in refused.err


async def test_a_taken_port_is_refused_before_anything_starts(up: Up, memory_dir: Path) -> None:
    port = up.gateway.rpartition(":")[2]
    refused = await run("up", "--data-dir", memory_dir / "other", "--port", port)
    assert refused.status == 1
    assert f"port {port} on 127.0.0.1 is taken" in refused.err
    assert not (memory_dir / "other").exists()
    refused = await run("up", "--ephemeral", "--data-dir", memory_dir / "other", "--port", port)
    assert refused.status == 1
    assert not (memory_dir / "other").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it_in_good_order_and_the_next_start_finds_everything(
    memory_dir: Path, number: signal.Signals
) -> None:
    first = await Up.start(memory_dir / "data")
    before = first.credentials
    children = descendants(first.process.pid)
    assert len(children) >= 2
    began = time.monotonic()
    ended = await first.stop(number)
    assert ended.status == 0, ended.err
    assert time.monotonic() - began < 10
    assert not any(is_running(child) for child in children)
    assert not (memory_dir / "data" / "platform.json").exists()

    second = await Up.start(memory_dir / "data")
    try:
        assert second.gateway != first.gateway
        assert second.credentials == {**before, "gateway": second.gateway}
        async with (
            aiohttp.ClientSession(second.gateway, headers={"x-api-key": second.key}) as http,
            http.get("/api/projects") as response,
        ):
            assert [project["id"] for project in (await response.json())["data"]] == [before["project"]["id"]]
    finally:
        await second.stop()


async def test_a_signal_ends_it_while_it_starts(memory_dir: Path) -> None:
    process = await spawn("up", "--data-dir", memory_dir / "data", "--port", "0")
    await until(lambda: (memory_dir / "data" / "mongodb").exists() and descendants(process.pid), "the engines start")
    children = descendants(process.pid)
    process.terminate()
    ended = await finish(process)
    assert ended.status == 0, ended.err
    assert not READY.search(ended.out)
    assert not any(is_running(child) for child in children)


async def test_a_second_signal_ends_it_at_once(memory_dir: Path) -> None:
    platform = await Up.start(memory_dir / "data")
    children = descendants(platform.process.pid)
    platform.process.terminate()
    assert platform.process.stderr is not None
    async with asyncio.timeout(5):
        assert "stopping" in (await platform.process.stderr.readline()).decode()
        platform.process.terminate()
        assert (await finish(platform.process)).status == 0
    assert not any(is_running(child) for child in children)


async def test_an_ephemeral_platform_leaves_nothing(memory_dir: Path) -> None:
    platform = await Up.start(memory_dir / "shown", "--ephemeral")
    children = descendants(platform.process.pid)
    data = Path(command_line(mongod_of(platform))[2]).parents[1]
    assert data.is_relative_to("/dev/shm")
    assert (data / "logs" / "piecework.log").exists()
    assert platform.credentials["gateway"] == platform.gateway
    ended = await platform.stop()
    assert ended.status == 0, ended.err
    assert not data.exists()
    assert not (memory_dir / "shown").exists()
    assert not any(is_running(child) for child in children)


async def test_an_ephemeral_platform_keeps_off_the_data_of_another(memory_dir: Path) -> None:
    (memory_dir / "data").mkdir()
    (memory_dir / "data" / "credentials.json").write_text("{}")
    refused = await run("up", "--ephemeral", "--data-dir", memory_dir / "data", "--port", "0")
    assert refused.status == 1
    assert "keeps its data" in refused.err
    assert (memory_dir / "data" / "credentials.json").read_text() == "{}"
    assert not (memory_dir / "data" / "lock").exists()


async def test_an_ephemeral_platform_is_told_of_one_that_runs_there(up: Up) -> None:
    refused = await run("up", "--ephemeral", "--data-dir", up.data_dir, "--port", "0")
    assert refused.status == 1
    assert f"in use by another piecework (process {up.process.pid})" in refused.err


async def test_an_ephemeral_platform_takes_nothing_from_one_that_starts(memory_dir: Path) -> None:
    with DataDirectoryLock(memory_dir / "data"):
        (memory_dir / "data" / "secrets.json").write_text("{}")
        refused = await run("up", "--ephemeral", "--data-dir", memory_dir / "data", "--port", "0")
        assert refused.status == 1
        assert "in use by another piecework" in refused.err
        assert (memory_dir / "data" / "secrets.json").read_text() == "{}"
        assert (memory_dir / "data" / "lock").exists()


async def test_an_engine_that_dies_comes_back(up: Up) -> None:
    os.kill(mongod_of(up), signal.SIGKILL)
    headers = {"x-api-key": up.key}
    async with aiohttp.ClientSession(up.gateway, headers=headers) as http, http.get("/api/projects") as response:
        assert response.status == 200
        assert len((await response.json())["data"]) == 1


def mongod_of(platform: Up) -> int:
    """Return the process of a platform's MongoDB."""
    (mongod,) = [pid for pid in descendants(platform.process.pid) if command_line(pid)[0].endswith("mongod")]
    return mongod


def command_line(pid: int) -> list[str]:
    """Return the arguments of a process."""
    return Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
