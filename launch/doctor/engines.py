"""Checks of MongoDB and Redis: those that are configured, or the programs that `up` would start."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import redis.asyncio
from pymongo import AsyncMongoClient
from pymongo.errors import OperationFailure, PyMongoError
from redis.exceptions import RedisError

from kit.engines import EngineError
from kit.engines.binaries import find_mongod, find_valkey
from launch.doctor.finding import Finding, ok, problem, warning

_TIMEOUT_SECONDS = 5.0
_MIN_MONGODB, _MIN_REDIS = (6, 0), (6, 2)
_MAX_CLOCK_DIFFERENCE_SECONDS = 5.0
_MAX_TRANSACTION_SECONDS = 5
_VERSION = re.compile(r"v(?:ersion )?=?(\d+\.\d+\.\d+)")


async def mongodb(uri: str) -> Finding:
    """Check the configured MongoDB, or the program of the embedded one."""
    if not uri:
        return await _program("MongoDB", find_mongod, "PIECEWORK_MONGODB_URI")
    client: AsyncMongoClient[dict[str, object]] = AsyncMongoClient(
        uri, serverSelectionTimeoutMS=_TIMEOUT_SECONDS * 1000
    )
    try:
        hello = await client.admin.command("hello")
        version = (await client.admin.command("buildInfo"))["version"]
        lifetime = await _transaction_seconds(client)
    except PyMongoError as error:
        reason = str(error).split(",")[0]
        return problem("MongoDB", f"cannot be reached: {reason}", "Check PIECEWORK_MONGODB_URI and that it runs.")
    finally:
        await client.close()
    return _judge_mongodb(hello, version, lifetime)


async def _transaction_seconds(client: AsyncMongoClient[dict[str, object]]) -> int | None:
    """Return how long the server keeps the transaction of a client that is gone; None when we may not know."""
    try:
        answer = await client.admin.command({"getParameter": 1, "transactionLifetimeLimitSeconds": 1})
    except OperationFailure:
        return None
    return int(answer["transactionLifetimeLimitSeconds"])


def _judge_mongodb(hello: dict[str, object], version: str, transaction_seconds: int | None) -> Finding:
    if _numbers(version) < _MIN_MONGODB:
        return problem("MongoDB", f"version {version}", "Piecework needs 6.0 or later.")
    if "setName" not in hello and hello.get("msg") != "isdbgrid":
        advice = "Transactions and change streams need a replica set; one node is enough: start it with --replSet."
        return problem("MongoDB", f"version {version}, not a replica set", advice)
    server_time = hello["localTime"]
    assert isinstance(server_time, datetime)
    difference = abs((datetime.now(UTC) - server_time.replace(tzinfo=UTC)).total_seconds())
    if difference > _MAX_CLOCK_DIFFERENCE_SECONDS:
        return warning("MongoDB", f"its clock differs by {difference:.0f} s", "Let NTP set the clocks of both.")
    if transaction_seconds is not None and transaction_seconds > _MAX_TRANSACTION_SECONDS:
        advice = (
            f"What a killed process had locked stays locked for {transaction_seconds} s: start mongod with "
            f"--setParameter transactionLifetimeLimitSeconds={_MAX_TRANSACTION_SECONDS}."
        )
        return warning("MongoDB", f"version {version}, with long transactions", advice)
    return ok("MongoDB", f"version {version}, as configured")


async def valkey(url: str) -> Finding:
    """Check the configured Redis or Valkey, or the program of the embedded one."""
    if not url:
        return await _program("Valkey", find_valkey, "PIECEWORK_REDIS_URL")
    client = redis.asyncio.Redis.from_url(url, socket_timeout=_TIMEOUT_SECONDS, socket_connect_timeout=_TIMEOUT_SECONDS)
    try:
        facts = await client.info("server")
    except (RedisError, OSError) as error:
        return problem("Redis", f"cannot be reached: {error}", "Check PIECEWORK_REDIS_URL and that it runs.")
    finally:
        await client.aclose()
    version = str(facts.get("valkey_version") or facts["redis_version"])
    if _numbers(version) < _MIN_REDIS:
        return problem("Redis", f"version {version}", "Piecework needs Redis 6.2 or later, or Valkey.")
    return ok("Redis", f"version {version}, as configured")


async def _program(name: str, find: Callable[[], Path], variable: str) -> Finding:
    """Check that a program is there and runs at all: a wheel for another system does not."""
    try:
        program = find()
    except EngineError as error:
        return problem(name, "its program was not found", str(error))
    advice = f"Use a server of your own (set {variable}), or put a program that runs here on PATH."
    try:
        process = await asyncio.create_subprocess_exec(
            program, "--version", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            output, _ = await process.communicate()
    except (OSError, TimeoutError) as error:
        return problem(name, f"{program} does not run: {error}", advice)
    found = _VERSION.search(output.decode(errors="replace"))
    if process.returncode != 0 or found is None:
        reason = output.decode(errors="replace").strip().splitlines()
        return problem(name, f"{program} does not run: {reason[-1] if reason else 'no reason given'}", advice)
    return ok(name, f"version {found[1]}, embedded ({program})")


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:2])
