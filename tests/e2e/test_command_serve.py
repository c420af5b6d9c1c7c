"""`piecework serve`: targets as processes of their own, against engines that run elsewhere."""

from __future__ import annotations

import asyncio
import re
import signal
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import NamedTuple

import aiohttp
import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from piecework.agents.v1 import identity_pb2 as identity
from piecework.agents.v1.identity_pb2_grpc import IdentityServiceStub

from kit.caller import CallerSigner, service_caller
from kit.channels import Outgoing
from kit.engines.ports import free_port
from tests.e2e.piecework import LIMIT_SECONDS, finish, run, spawn, until

_KEY = "0123456789abcdef0123456789abcdef"
_READY = re.compile(r"piecework ready: (http://\S+)(?: grpc://(\S+))? \((.*)\)")


class Served(NamedTuple):
    """A process that serves."""

    process: Process
    http: str
    grpc: str


@pytest.fixture
def engines(mongodb_uri: str, redis_url: str, database_prefix: str) -> dict[str, str]:
    """The settings of an installation with a database of this test alone."""
    return {
        "PIECEWORK_MONGODB_URI": mongodb_uri,
        "PIECEWORK_REDIS_URL": redis_url,
        "PIECEWORK_DATABASE_PREFIX": database_prefix,
        "PIECEWORK_CALLER_KEY": _KEY,
        "PIECEWORK_PORT": "0",
        "PIECEWORK_RATE_LIMITS": "off",
    }


@asynccontextmanager
async def served(*names: str, **settings: str) -> AsyncIterator[Served]:
    """Serve targets; at the end they must stop in good order."""
    process = await spawn("serve", *names, **settings)
    assert process.stdout is not None
    try:
        async with asyncio.timeout(LIMIT_SECONDS):
            line = (await process.stdout.readline()).decode()
        found = _READY.match(line)
        assert found, (await finish(process)).err
        yield Served(process, found[1], found[2] or "")
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
    ended = await finish(process)
    assert ended.status == 0, ended.err
    assert "Traceback" not in ended.err


async def make_key(address: str) -> str:
    """Make an operator with a key."""
    options = Outgoing(CallerSigner(_KEY))
    async with grpc.aio.insecure_channel(address) as channel:
        stub = IdentityServiceStub(channel)
        caller = service_caller("tests")
        made = await stub.CreateOperator(identity.CreateOperatorRequest(name="acme"), **options(caller))
        request = identity.CreateOperatorKeyRequest(operator_id=made.operator.id)
        return str((await stub.CreateOperatorKey(request, **options(caller))).secret)


async def test_each_target_in_a_process_of_its_own(engines: dict[str, str]) -> None:
    ports = {name: str(free_port()) for name in ("tasks", "agents", "billing", "orchestrator")}
    peers = {f"PIECEWORK_{name.upper()}_ADDRESS": f"127.0.0.1:{port}" for name, port in ports.items()}
    async with AsyncExitStack() as processes:
        for name, port in ports.items():
            await processes.enter_async_context(served(name, **engines, **peers, PIECEWORK_GRPC_PORT=port))
        gateway = await processes.enter_async_context(served("gateway", **engines, **peers))
        assert gateway.grpc == ""
        await _use(gateway.http, await make_key(peers["PIECEWORK_AGENTS_ADDRESS"]))
        doctor = await run("doctor", "--port", "0", "--data-dir", "/dev/shm/none", **engines, **peers)
        assert doctor.status == 0, doctor.out


async def test_all_targets_in_one_process(engines: dict[str, str]) -> None:
    async with served("all", **engines) as platform:
        await _use(platform.http, await make_key(platform.grpc))


async def test_what_is_under_way_ends_before_the_process_does(engines: dict[str, str]) -> None:
    async with served("all", **engines) as platform:
        headers = {"x-api-key": await make_key(platform.grpc)}
        async with aiohttp.ClientSession(platform.http, headers=headers) as http:
            async with http.post("/api/projects", json={"name": "mail", "description": "letters"}) as response:
                project = (await response.json())["data"]["id"]
            body = {"projectId": project, "waitSeconds": 3}
            waiting = asyncio.create_task(http.post("/api/agents/me/next-task", json=body))
            series = "piecework_http_in_flight 2.0"
            await until(lambda: _shows(http, series), "the request is under way")
            platform.process.send_signal(signal.SIGTERM)
            async with await waiting as response:
                assert response.status == 200
                assert (await response.json())["error"] == "No tasks available for assignment"


async def test_a_service_tells_its_health_and_metrics(engines: dict[str, str]) -> None:
    nowhere = {"PIECEWORK_TASKS_ADDRESS": "127.0.0.1:9"}
    async with served("agents", "billing", **engines, **nowhere) as process:
        async with aiohttp.ClientSession(process.http) as http:
            async with http.get("/health") as response:
                assert response.status == 200
            async with http.get("/metrics") as response:
                assert "piecework_rpc_duration_seconds" in await response.text()
        async with grpc.aio.insecure_channel(process.grpc) as channel:
            request = health_pb2.HealthCheckRequest(service="piecework.agents.v1.IdentityService")
            answer = await health_pb2_grpc.HealthStub(channel).Check(request, timeout=5)
            assert answer.status == health_pb2.HealthCheckResponse.SERVING


@pytest.mark.parametrize(
    ("names", "missing", "reason"),
    [
        (["no-such-target"], [], "there is no target no-such-target"),
        (["agents"], ["PIECEWORK_MONGODB_URI", "PIECEWORK_CALLER_KEY"], "PIECEWORK_MONGODB_URI"),
        (["gateway"], [], "PIECEWORK_AGENTS_ADDRESS"),
    ],
)
async def test_what_is_missing_is_named(
    engines: dict[str, str], names: list[str], missing: list[str], reason: str
) -> None:
    settings = {name: value for name, value in engines.items() if name not in missing}
    ended = await run("serve", *names, **settings)
    assert ended.status in (1, 2)
    assert reason in ended.err
    assert "Traceback" not in ended.err


async def test_a_taken_port_is_refused(engines: dict[str, str]) -> None:
    async with served("all", **engines) as platform:
        port = platform.http.rpartition(":")[2]
        ended = await run("serve", "all", **{**engines, "PIECEWORK_PORT": port})
        assert ended.status == 1
        assert port in ended.err
        assert "Traceback" not in ended.err


async def _shows(http: aiohttp.ClientSession, series: str) -> bool:
    """Tell whether the metrics contain a line."""
    async with http.get("/metrics") as response:
        return series in (await response.text()).splitlines()


async def _use(gateway: str, key: str) -> None:
    async with aiohttp.ClientSession(gateway, headers={"x-api-key": key}) as http:
        body = {"name": "mail", "description": "letters"}
        async with http.post("/api/projects", json=body) as response:
            assert response.status == 201, await response.text()
            made = (await response.json())["data"]
        async with http.get(f"/api/projects/{made['id']}") as response:
            assert (await response.json())["data"]["name"] == "mail"
