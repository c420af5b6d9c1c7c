"""Checks of what runs already: the platform of the data directory, and the services that are configured."""

from __future__ import annotations

import aiohttp
import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from kit.settings import Settings, variable
from launch.doctor.finding import Finding, ok, problem
from launch.places import RunningPlatform
from launch.targets import SERVICES

_TIMEOUT_SECONDS = 5.0


async def platform(running: RunningPlatform | None) -> list[Finding]:
    """Check the health of the platform that runs on the data directory, if one does."""
    if running is None:
        return [ok("Platform", "none runs on this data directory; start one with piecework up")]
    advice = f"It may be starting or ending; look into its log, or end process {running.pid} and start again."
    try:
        timeout = aiohttp.ClientTimeout(total=_TIMEOUT_SECONDS)
        async with aiohttp.ClientSession(timeout=timeout) as http, http.get(f"{running.gateway}/health") as response:
            if response.status == 200:
                return [ok("Platform", f"{running.gateway} is healthy")]
            return [problem("Platform", f"{running.gateway}/health says {response.status}", advice)]
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        return [problem("Platform", f"{running.gateway} does not answer: {error}", advice)]


async def services(settings: Settings) -> list[Finding]:
    """Check the health of the services whose addresses are configured."""
    configured = [(name, getattr(settings, f"{name}_address")) for name in SERVICES]
    return [await _service(name, address) for name, address in configured if address]


async def _service(name: str, address: str) -> Finding:
    check = f"Service {name}"
    async with grpc.aio.insecure_channel(address) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        try:
            answer = await stub.Check(health_pb2.HealthCheckRequest(), timeout=_TIMEOUT_SECONDS)
        except grpc.aio.AioRpcError as error:
            advice = f"Check {variable(f'{name}_address')}, and that `piecework serve {name}` runs there."
            return problem(check, f"{address} does not answer: {error.code().name}", advice)
    if answer.status != health_pb2.HealthCheckResponse.SERVING:
        return problem(check, f"{address} is not ready", "It may be starting or ending; look into its log.")
    return ok(check, f"{address} is healthy")
